import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownerOf } from '../../src/containers/cgroup.ts';

const id = 'ca6c956129fc578810251ce30008a11215281e1275eb8117da4fe8310fe8d586';
const other = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
const uid = '7b2c1f0a-4a3e-4a52-9d27-0b8f6a1c2d3e';
const sliceUid = uid.replaceAll('-', '_');

/** Paths as the runtimes' documentation and kernels show them: systemd's cgroup driver and cgroupfs, v2 and v1. */
const known: readonly (readonly [string, string, ReturnType<typeof ownerOf>])[] = [
  ['docker, systemd, v2', `0::/system.slice/docker-${id}.scope\n`, { runtime: 'docker', id }],
  [
    'docker, cgroupfs, v1',
    `9:name=systemd:/docker/${id}\n8:pids:/docker/${id}\n0::/docker/${id}\n`,
    { runtime: 'docker', id },
  ],
  ['docker, one hierarchy of v1 not its own', `4:memory:/\n3:cpuset:/docker/${id}\n0::/\n`, { runtime: 'docker', id }],
  ['docker seen from a cgroup namespace beside it', `0::/../docker-${id}.scope\n`, { runtime: 'docker', id }],
  ['docker, a parent of its own', `0::/batch/jobs/${id}\n`, { runtime: 'unknown', id }],
  ['podman', `0::/machine.slice/libpod-${id}.scope/container\n`, { runtime: 'podman', id }],
  [
    'podman of a user',
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container\n`,
    { runtime: 'podman', id },
  ],
  ['podman, cgroupfs', `0::/libpod_parent/libpod-${id}\n`, { runtime: 'podman', id }],
  ['conmon watches a container and is in none', `0::/machine.slice/libpod-conmon-${id}.scope\n`, undefined],
  [
    'containerd, Kubernetes, systemd',
    `0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${sliceUid}.slice/cri-containerd-${id}.scope\n`,
    { runtime: 'containerd', id, podUid: uid },
  ],
  [
    'containerd, Kubernetes, cgroupfs',
    `0::/kubepods/burstable/pod${uid}/${id}\n`,
    { runtime: 'containerd', id, podUid: uid },
  ],
  [
    'containerd without a parent slice',
    `1:name=systemd:/system.slice/containerd.service/kubepods-pod${sliceUid}.slice:cri-containerd:${id}\n`,
    { runtime: 'containerd', id },
  ],
  [
    'cri-o',
    `0::/kubepods.slice/kubepods-pod${sliceUid}.slice/crio-${id}.scope\n`,
    { runtime: 'cri-o', id, podUid: uid },
  ],
  ['cri-o watches', `0::/kubepods.slice/kubepods-pod${sliceUid}.slice/crio-conmon-${id}.scope\n`, undefined],
  ['nerdctl', `0::/system.slice/nerdctl-${id}.scope\n`, { runtime: 'containerd', id }],
  ['ctr', `0::/default/${id}\n`, { runtime: 'containerd', id }],
  ['lxc', '0::/lxc.payload.web/init.scope\n', { runtime: 'lxc', id: 'web' }],
  ['lxc, older', '5:cpu:/lxc/web\n', { runtime: 'lxc', id: 'web' }],
  ['lxc watches', '0::/lxc.monitor.web\n', undefined],
  ['nspawn by machinectl', '0::/machine.slice/systemd-nspawn@db.service/payload\n', { runtime: 'nspawn', id: 'db' }],
  ['nspawn by hand', '0::/machine.slice/machine-web\\x2done.scope/payload\n', { runtime: 'nspawn', id: 'web-one' }],
  ['a virtual machine', '0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope\n', undefined],
  ['a session', '0::/user.slice/user-0.slice/session-3.scope\n', undefined],
  ['a service', '0::/system.slice/ssh.service\n', undefined],
  ['the root', '0::/\n', undefined],
  ['nothing', '', undefined],
  ['a container in a container', `0::/docker/${other}/docker/${id}\n`, { runtime: 'docker', id }],
  [
    'a pod in a container (kind)',
    `0::/docker/${other}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${sliceUid}.slice/cri-containerd-${id}.scope\n`,
    { runtime: 'containerd', id, podUid: uid },
  ],
];

describe('the container a cgroup names', () => {
  test.each(known)('%s', (_, text, owner) => {
    expect(ownerOf(text)).toEqual(owner);
  });

  test('any text at all: no throw, and no container of ids that are not whole', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(63), (text, length) => {
        ownerOf(text);
        expect(ownerOf(`0::/docker/${id.slice(0, length)}`)).toBeUndefined();
      }),
    );
  });

  test('a name that a table of objects would find in its prototype is no runtime', () => {
    expect(ownerOf(`0::/constructor/${id}`)).toEqual({ runtime: 'unknown', id });
  });
});

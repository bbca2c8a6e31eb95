/**
 * What runtimes say. Docker's three documents were recorded from a daemon (20.10); the others are written after the
 * documentation of crictl, podman, the containers/storage file format, the OCI runtime specification and `incus list`.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCri } from '../../src/containers/cri.ts';
import { parseContainers, parseInspection, parseNetworks } from '../../src/containers/docker.ts';
import { parseIncus } from '../../src/containers/incus.ts';
import { parseBundle, parseStore } from '../../src/containers/records.ts';

const id = 'ca6c956129fc578810251ce30008a11215281e1275eb8117da4fe8310fe8d586';
const sandboxId = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';

function recorded(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`recorded/${name}.json`, import.meta.url), 'utf8'));
}

describe('docker', () => {
  const told = parseContainers(recorded('docker-containers'), 'docker');
  const named = (name: string) => told.find((each) => each.name === name);

  test('every container, running or not, with its name without the slash', () => {
    expect(told.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
      'app running',
      'db paused',
      'done created',
      'hosty running',
      'lonely running',
      'side running',
      'web running',
    ]);
  });

  test('host network, shared network, several networks', () => {
    expect(named('hosty')?.hostNetwork).toBe(true);
    expect(named('web')?.hostNetwork).toBe(false);
    expect(named('side')?.sharesWith).toBe(named('web')?.id);
    expect(named('app')?.networks).toEqual([
      { name: 'back', addresses: ['172.18.0.2'] },
      { name: 'bridge', addresses: ['172.17.0.4'] },
    ]);
    expect(named('lonely')?.networks).toEqual([{ name: 'none', addresses: [] }]);
  });

  test('networks: the bridge of the default one is named, that of another follows from its id', () => {
    const networks = parseNetworks(recorded('docker-networks'), 'docker');
    const back = networks.find(({ name }) => name === 'back');
    expect(networks.find(({ name }) => name === 'bridge')).toMatchObject({
      device: 'docker0',
      internal: false,
      subnets: [{ subnet: '172.17.0.0/16' }],
    });
    expect(back).toMatchObject({ driver: 'bridge', internal: true, device: `br-${back?.id.slice(0, 12)}` });
    expect(networks.find(({ name }) => name === 'host')).not.toHaveProperty('device');
  });

  test('inspection: the first process and the file of the namespace', () => {
    const { pid, netnsPath } = parseInspection(recorded('docker-inspect'));
    expect(pid).toBeGreaterThan(0);
    expect(netnsPath).toMatch(/^\/var\/run\/docker\/netns\/[0-9a-f]{12}$/);
  });

  test('Kubernetes over Docker: the labels say which pod', () => {
    const labels = {
      'io.kubernetes.pod.name': 'web-1',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u',
      'io.kubernetes.docker.type': 'podsandbox',
    };
    expect(
      parseContainers([{ Id: id, Names: ['/k8s_POD_web-1'], Labels: labels, State: 'running' }], 'docker'),
    ).toEqual([expect.objectContaining({ pod: { namespace: 'shop', name: 'web-1', uid: 'u', sandbox: true } })]);
  });

  test('published ports, and none that are only exposed', () => {
    const Ports = [
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '', PrivatePort: 53, PublicPort: 5353, Type: 'udp' },
      { PrivatePort: 443, Type: 'tcp' },
      { IP: '0.0.0.0', PrivatePort: '80; reboot', PublicPort: {}, Type: 7 },
      null,
    ];
    expect(parseContainers([{ Id: id, Ports }], 'docker')[0]?.ports).toEqual([
      { address: '0.0.0.0', hostPort: 8080, port: 80, protocol: 'tcp' },
      { address: '::', hostPort: 8080, port: 80, protocol: 'tcp' },
      { address: '0.0.0.0', hostPort: 5353, port: 53, protocol: 'udp' },
    ]);
  });

  test('a legacy link is no name', () => {
    expect(parseContainers([{ Id: id, Names: ['/web/alias', '/db'] }], 'docker')[0]?.name).toBe('db');
  });
});

describe('crictl', () => {
  const pods = {
    items: [
      {
        id: sandboxId,
        metadata: { name: 'web-1', uid: 'u-1', namespace: 'shop', attempt: 0 },
        state: 'SANDBOX_READY',
        createdAt: '1700000000000000000',
        labels: { app: 'web' },
        runtimeHandler: '',
      },
    ],
  };
  const containers = {
    containers: [
      {
        id,
        podSandboxId: sandboxId,
        metadata: { name: 'app', attempt: 2 },
        image: { image: 'registry.example/app@sha256:1', annotations: {} },
        imageRef: 'sha256:1',
        state: 'CONTAINER_RUNNING',
        labels: { 'io.kubernetes.pod.name': 'web-1' },
      },
      { id: 'x', podSandboxId: 'gone', metadata: { name: 'old' }, state: 'CONTAINER_EXITED' },
    ],
  };

  test('pods and their containers', () => {
    expect(parseCri(pods, containers, 'containerd')).toEqual([
      {
        runtime: 'containerd',
        id: sandboxId,
        name: 'web-1',
        pod: { namespace: 'shop', name: 'web-1', uid: 'u-1', sandbox: true },
        state: 'running',
      },
      {
        runtime: 'containerd',
        id,
        name: 'app',
        pod: { namespace: 'shop', name: 'web-1', uid: 'u-1', sandbox: false },
        image: 'registry.example/app@sha256:1',
        state: 'running',
      },
      { runtime: 'containerd', id: 'x', name: 'old', state: 'stopped' },
    ]);
  });
});

describe('files', () => {
  test("containerd's bundle of a pod's container", () => {
    const annotations = {
      'io.kubernetes.cri.container-name': 'app',
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.image-name': 'registry.example/app:1',
      'io.kubernetes.cri.sandbox-id': sandboxId,
      'io.kubernetes.cri.sandbox-name': 'web-1',
      'io.kubernetes.cri.sandbox-namespace': 'shop',
      'io.kubernetes.cri.sandbox-uid': 'u-1',
    };
    expect(parseBundle({ ociVersion: '1.1.0', annotations }, id, 'containerd')).toEqual({
      runtime: 'containerd',
      id,
      name: 'app',
      pod: { namespace: 'shop', name: 'web-1', uid: 'u-1', sandbox: false },
      image: 'registry.example/app:1',
    });
  });

  test('a bundle that names nobody says nothing', () => {
    expect(parseBundle({ ociVersion: '1.0.2', hostname: 'abc' }, id, 'podman')).toBeUndefined();
  });

  test("podman's store", () => {
    const metadata = JSON.stringify({ 'image-name': 'docker.io/library/nginx:latest', name: 'web', 'created-at': 1 });
    expect(
      parseStore([{ id, names: ['web'], image: 'i', layer: 'l', metadata, created: '2024-01-01T00:00:00Z' }]),
    ).toEqual([{ runtime: 'podman', id, name: 'web', image: 'docker.io/library/nginx:latest', state: 'stopped' }]);
  });

  test('the same store when CRI-O writes it', () => {
    const metadata = JSON.stringify({ 'pod-name': 'k8s_web-1_shop_u_0', name: 'k8s_app_web-1_shop_u_0' });
    expect(parseStore([{ id, names: [], metadata }])[0]).toMatchObject({ runtime: 'cri-o' });
  });
});

describe('incus', () => {
  test('containers of all projects, no virtual machines', () => {
    const state = {
      status: 'Running',
      pid: 4711,
      network: {
        eth0: {
          addresses: [{ family: 'inet', address: '10.5.0.7', netmask: '24', scope: 'global' }],
          host_name: 'veth1',
        },
        lo: { addresses: [{ family: 'inet', address: '127.0.0.1', scope: 'local' }] },
      },
    };
    expect(
      parseIncus([
        { name: 'web', status: 'Running', type: 'container', project: 'default', state },
        { name: 'web', status: 'Stopped', type: 'container', project: 'lab', state: null },
        { name: 'vm', status: 'Running', type: 'virtual-machine', project: 'default', state },
      ]),
    ).toEqual([
      {
        runtime: 'incus',
        id: 'web',
        name: 'web',
        state: 'running',
        networks: [{ name: 'eth0', addresses: ['10.5.0.7'] }],
        pid: 4711,
      },
      { runtime: 'incus', id: 'lab_web', name: 'web', state: 'stopped', networks: [] },
    ]);
  });
});

test('any JSON at all: every parser answers, and with objects alone', () => {
  const hostile = fc.jsonValue({ maxDepth: 4 });
  const wrapped = fc.oneof(
    hostile,
    fc.array(
      fc.dictionary(
        fc.constantFrom(
          'Id',
          'Names',
          'State',
          'HostConfig',
          'Ports',
          'NetworkSettings',
          'id',
          'name',
          'state',
          'metadata',
          'IPAM',
          'Options',
          'Labels',
        ),
        hostile,
      ),
    ),
  );
  fc.assert(
    fc.property(wrapped, wrapped, (one, two) => {
      for (const told of [
        ...parseContainers(one, 'docker'),
        ...parseCri({ items: one }, { containers: two }, 'containerd'),
        ...parseStore(one),
        ...parseIncus(one),
      ])
        expect(typeof told.id).toBe('string');
      parseNetworks(one, 'docker');
      parseInspection(one);
      parseBundle(one, id, 'containerd');
    }),
  );
});

/**
 * Names that others chose, of containers, pods, images, networks and namespaces, through every runtime's own way of telling
 * them: nothing of them moves a cursor, becomes markup or another line, and the printed cures are right all the same.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { type FakeDocker, fakeDocker, idOf } from '../containers/fake-docker.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();
/** What moves the cursor, reorders or hides; a newline only ends lines that vdiag makes. */
const ACTIVE = /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?!\n)\p{Cc}/u;

const ODD = [
  ['quotes', `q"'\`$(touch /run/owned)\\;&|x`],
  // Where its newline got through, so would its carriage return.
  ['lines', 'n\r\nx: y\r'],
  ['a window title', 't\u001b]0;owned\u0007\u001b[31m'],
  ['C1 controls', 'c\u009b2J\u0085\u0000'],
  ['direction marks', 'd\u202egnp.exe\u2066\u200f'],
  ['markup', 'm<img src=x onerror=alert(1)></code><script>alert(1)</script>[a](javascript:1)'],
  ['no character', 'u\ufffd\ud800'],
  ['4 KiB', 'l'.repeat(4096)],
] as const;
/** For what has one name alone. */
const ALL = ODD.map(([, name]) => name.slice(0, 80)).join(' ');
/** Runtimes that tell of one container each, and how each is named in the map. */
const DOCKER: readonly { what: string; name: string; id: string; host: number }[] = ODD.map(([what, name], index) => ({
  what,
  name,
  id: idOf(`a${index}`),
  host: index + 10,
}));
const OTHERS = ['podman', 'incus', 'crictl', 'nerdctl', 'lxc'] as const;

const mayBind = mayMakeNamespaces && process.getuid?.() === 0;

describe.skipIf(!mayBind)(`names that others chose${mayBind ? '' : ': needs root'}`, { timeout: 120_000 }, () => {
  let machine: OwnMachine;
  let folder = '';
  const daemons: FakeDocker[] = [];
  let env: NodeJS.ProcessEnv = {};
  const pids = new Map<string, number>();

  //   br0 10.88.0.1 ─── v10:eth0 10.88.0.10 (a docker container with quotes in its name), v11 …, v20 podman, v21 incus …
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-names-'));
    machine = ownMachine(`
      mount -t tmpfs tmpfs /var/lib
      mkdir -p /var/lib/incus /var/lib/lxc
      ip link add br0 type bridge
      ip addr add 10.88.0.1/24 dev br0
      ip link set br0 up`);
    for (const { id, host } of DOCKER) pids.set(id, await container(host));
    for (const [index, name] of OTHERS.entries()) pids.set(name, await container(index + 20));
    const api = (found: typeof DOCKER): Parameters<typeof fakeDocker>[0] => {
      return (path, response) => {
        const wanted = /^\/containers\/([0-9a-f]+)\/json$/.exec(path)?.[1];
        response.end(
          JSON.stringify(
            wanted !== undefined
              ? { Id: wanted, State: { Pid: pids.get(wanted) }, NetworkSettings: { SandboxKey: '' } }
              : path === '/networks'
                ? [
                    {
                      Name: ALL,
                      Id: idOf('ee'),
                      Driver: 'bridge',
                      Options: { 'com.docker.network.bridge.name': 'br0' },
                    },
                  ]
                : found.map(({ id, name }) => ({
                    Id: id,
                    Names: [`/${name.replaceAll('/', '_')}`],
                    Image: ALL,
                    Command: ALL,
                    State: 'running',
                    Labels: { 'com.example': ALL },
                    HostConfig: { NetworkMode: ALL },
                    NetworkSettings: { Networks: { [ALL]: { IPAddress: ALL } } },
                    Ports: [{ IP: ALL, PrivatePort: 80, PublicPort: 80, Type: ALL }],
                  })),
          ),
        );
      };
    };
    const docker = await fakeDocker(api(DOCKER));
    pids.set(idOf('bb'), pids.get('podman') ?? 0);
    const podman = await fakeDocker(api([{ what: 'podman', name: ALL, id: idOf('bb'), host: 20 }]));
    daemons.push(docker, podman);
    client('incus', [{ name: ALL, type: 'container', status: 'Running', state: { pid: pids.get('incus') } }]);
    client('crictl', { items: [], containers: [] }, 'ps');
    const pod = { name: ALL, namespace: ALL, uid: ALL };
    client('crictl', { items: [{ id: idOf('c1'), metadata: pod, state: 'SANDBOX_READY' }] }, 'pods');
    cgroup('crictl', `/kubepods/pod01234567-89ab-cdef-0123-456789abcdef/${idOf('c1')}`);
    const bundle = `/run/containerd/io.containerd.runtime.v2.task/default/${idOf('d1')}`;
    mkdirSync(bundle, { recursive: true });
    writeFileSync(`${bundle}/config.json`, JSON.stringify({ annotations: { 'nerdctl/name': ALL } }));
    cgroup('nerdctl', `/default/${idOf('d1')}`);
    // A cgroup's name has no line ends of its own here, and may have all else.
    cgroup('lxc', `/lxc.payload.${ALL.replaceAll(/[\n/]/g, '_')}`);
    const named = Buffer.concat([Buffer.from('/var/lib/lxc/'), Buffer.from([0xff, 0x1b, 0x5d, 0x30, 0x0a])]);
    mkdirSync(named);
    env = {
      ...process.env,
      ...docker.env,
      CONTAINER_HOST: podman.env.DOCKER_HOST.toString(),
      PATH: `${folder}:${process.env.PATH}`,
      LC_ALL: 'C.UTF-8',
    };
  }, 60_000);
  afterAll(async () => {
    await Promise.all(daemons.map((daemon) => daemon.close()));
    machine?.close();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  /** A process in a namespace of its own, joined to br0. */
  async function container(host: number): Promise<number> {
    const child = machine.start('unshare', ['-n', 'sleep', '300']);
    const pid = child.pid ?? 0;
    const netns = (of: string) => spawnSync('readlink', [`/proc/${of}/ns/net`], { encoding: 'utf8' }).stdout;
    for (let tries = 0; netns(String(pid)) === netns('self'); tries++) {
      if (tries > 500) throw new Error('unshare made no namespace');
      await sleep(10);
    }
    machine.run(`
      ip link add v${host} type veth peer name eth0 netns ${pid}
      ip link set v${host} master br0 up
      nsenter -t ${pid} -n ip addr add 10.88.0.${host}/24 dev eth0
      nsenter -t ${pid} -n ip link set eth0 up
      until ip link show v${host} | grep -q 'state UP'; do sleep 0.01; done`);
    return pid;
  }

  /** A runtime's own client: it answers this, or, where it has several answers, this to that question. */
  function client(name: string, answer: unknown, question = '*'): void {
    const path = join(folder, `${name}-${question === '*' ? 'all' : question}.json`);
    writeFileSync(path, JSON.stringify(answer));
    const all = question === '*' ? 'all' : '$1';
    writeFileSync(join(folder, name), `#!/bin/sh\nexec cat "${folder}/${name}-${all}.json"\n`);
    chmodSync(join(folder, name), 0o755);
  }

  /** As if the process were in a cgroup of that name. */
  function cgroup(name: string, path: string): void {
    const file = join(folder, `cgroup-${name}`);
    writeFileSync(file, `0::${path}\n`);
    machine.run(`mount --bind ${file} /proc/${pids.get(name)}/cgroup`);
  }

  /** Not synchronous: the daemons live in this process. */
  function vdiag(...words: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const child = spawn(node, [main, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout, stderr })));
  }

  function expectInert(text: string): void {
    expect(
      text.match(ACTIVE)?.index,
      JSON.stringify(text.slice(Math.max(0, text.search(ACTIVE) - 40)).slice(0, 80)),
    ).toBe(undefined);
  }

  it('are all told, and inert, in the map', async () => {
    for (const words of [[], ['-v'], ['--json'], ['--mermaid'], ['--dot']]) {
      const { status, stdout, stderr } = await vdiag('map', ...words);
      expect(status, stderr).toBe(0);
      expectInert(stdout);
      expectInert(stderr);
    }
    const { stdout } = await vdiag('map', '--json');
    const told = JSON.stringify(JSON.parse(stdout));
    for (const { name } of DOCKER) expect(told).toContain(JSON.stringify(name.replaceAll('/', '_')).slice(1, -1));
    for (const runtime of ['docker', 'podman', 'incus', 'containerd', 'lxc']) expect(told).toContain(`"${runtime}"`);
    expect(told).toContain(JSON.stringify({ name: ALL }).slice(1, -1));
  });

  // All of them live behind br0, and are in the report of one trace.
  it.each([
    ['text', []],
    ['text', ['-v']],
    ['json', []],
    ['html', []],
    ['markdown', []],
    ['mermaid', []],
  ] as const)('are inert in a report: %s %j', async (form, more) => {
    const { status, stdout, stderr } = await vdiag(
      'ping-trace',
      'br0',
      '10.88.0.11',
      '-c',
      '1',
      '--format',
      form,
      ...more,
    );
    expect(status, stderr).toBe(0);
    expectInert(stdout);
    expectInert(stderr);
    if (form === 'html') expect(stdout).not.toMatch(/<img|<script>alert/);
    if (form === 'json') expect(stdout).toContain('gnp.exe');
  });

  it.each(DOCKER.filter(({ name }) => !/[\0/]|\ud800/.test(name)))(
    'are understood as they are typed, and inert in what is said: $what',
    async ({ name }) => {
      for (const words of [
        ['check', name, '10.88.0.1'],
        ['peer', name],
        ['ping-trace', `${name}?`, '10.88.0.1'],
      ]) {
        const { status, stdout, stderr } = await vdiag(...words);
        expect(status, stderr).toBe(words[0] === 'ping-trace' ? 2 : 0);
        expectInert(stdout);
        expectInert(stderr);
      }
    },
  );

  const answers = (host: number) => spawnSync('ping', ['-c', '1', '-W', '2', `10.88.0.${host}`]).status === 0;
  const cured = (stdout: string) => machine.run(JSON.parse(stdout).findings[0].remedy[0].commands.join('\n'));

  it.each([['docker', 10], ...OTHERS.map((name, index) => [name, index + 20] as const)] as const)(
    'do not stand in the way of the cure: %s',
    async (_, host) => {
      machine.run(`ip link set v${host} nomaster`);
      const { stdout, stderr } = await vdiag('check', 'br0', `10.88.0.${host}`, '--json');
      expect(JSON.parse(stdout).findings[0].rule, stderr).toBe('bridge-port-detached');
      cured(stdout);
      expect(answers(host)).toBe(true);
    },
  );

  it('do not stand in the way of a cure inside', async () => {
    const pid = pids.get(DOCKER[0]?.id ?? '');
    machine.run(`nsenter -t ${pid} -n ip link set eth0 down`);
    cured((await vdiag('check', 'br0', '10.88.0.10', '--json')).stdout);
    expect(answers(10)).toBe(true);
    expect(spawnSync('test', ['-e', '/run/owned']).status).toBe(1);
  });

  it.each(ODD.filter(([, name]) => !/[\0/]|\ud800/.test(name) && name.length < 256))(
    'are right in commands where they are of namespaces: %s',
    async (what, name) => {
      const host = 40 + ODD.findIndex(([other]) => other === what);
      const made = spawnSync('ip', ['netns', 'add', name]);
      expect(made.status, made.stderr.toString()).toBe(0);
      const inside = (...words: string[]) => spawnSync('ip', ['-n', name, ...words]);
      machine.run(`ip link add v${host} type veth peer name p${host}; ip link set v${host} master br0 up`);
      spawnSync('ip', ['link', 'set', `p${host}`, 'netns', name]);
      inside('addr', 'add', `10.88.0.${host}/24`, 'dev', `p${host}`);
      const report = join(folder, 'report.json');
      const words = ['-c', '1', '-W', '0.5', '--json-file', report];
      const { stdout, stderr } = await vdiag('ping-trace', 'br0', `10.88.0.${host}`, ...words);
      expectInert(stdout);
      const [finding] = JSON.parse(readFileSync(report, 'utf8')).findings;
      expect(finding?.rule, stderr).toBe('link-down');
      for (const command of finding.remedy[0].commands) {
        // What is shown is what is meant, also on paper.
        expect(command).toMatch(/^[\x20-\x7e]+$/);
        expect(stdout.replaceAll(/\s+\\?\s*/g, '')).toContain(command.replaceAll(/\s+\\?\s*/g, ''));
        machine.run(command);
      }
      expect(answers(host)).toBe(true);
      expect((await vdiag('check', `p${host}`, '10.88.0.1', '--netns', name)).status).toBe(0);
      expect(spawnSync('test', ['-e', '/run/owned']).status).toBe(1);
    },
  );
});

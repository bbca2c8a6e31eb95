import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDirectory } from '../../src/containers/directory.ts';
import { runtimeSockets } from '../../src/containers/sources.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { type Answer, containersAnswer, type FakeDocker, fakeDocker, idOf } from './fake-docker.ts';

const NO_RECORDS = { bundles: [], docker: '/nonexistent/{}', stores: [], lxc: '/nonexistent' };

describe.skipIf(!mayMakeNamespaces)('the containers of a machine', () => {
  let machine: OwnMachine;
  const daemons: FakeDocker[] = [];
  beforeAll(() => {
    machine = ownMachine();
  });
  afterAll(async () => {
    await Promise.all(daemons.map((daemon) => daemon.close()));
    machine?.close();
  });

  async function directoryWith(answer: Answer) {
    const daemon = await fakeDocker(answer);
    daemons.push(daemon);
    const directory = await readDirectory({ env: daemon.env, records: NO_RECORDS });
    // What else runs on this machine, another test's Docker for instance, has ids of another look.
    const own = directory.containers.filter(
      ({ runtime, id }) => runtime === 'docker' && (/^(..)\1*$/.test(id) || !/^[0-9a-f]{64}$/.test(id)),
    );
    // An ordinary user may not look at everybody's processes, which is said beside what the daemon did.
    const gaps = directory.gaps.filter((gap) => !/^(a process|\d+ processes) of /.test(gap));
    return { containers: own, gaps, asked: daemon.asked };
  }

  test('a running one without a cgroup is asked for its process; the namespace is the kernel’s word', async () => {
    const pid = await machine.unnamedNetns();
    const { containers, gaps } = await directoryWith(
      containersAnswer([
        { id: idOf('a1'), name: 'web', pid },
        { id: idOf('b2'), name: 'old', state: 'exited' },
        { id: idOf('c3'), name: 'lost', pid: 4194303 },
      ]),
    );
    expect(gaps).toEqual([]);
    const netns = statSync(`/proc/${pid}/ns/net`).ino;
    expect(containers.map(({ name, state, netns: inode }) => ({ name, state, inode }))).toEqual([
      { name: 'lost', state: 'running', inode: undefined },
      { name: 'old', state: 'stopped', inode: undefined },
      { name: 'web', state: 'running', inode: netns },
    ]);
  });

  test('stopped ones are not asked for', async () => {
    const { asked } = await directoryWith(containersAnswer([{ id: idOf('b2'), name: 'old', state: 'exited' }]));
    expect([...asked].sort()).toEqual(['/containers/json?all=1', '/networks']);
  });

  test('a daemon that never answers costs its names and a third of a second', async () => {
    const { containers, gaps } = await directoryWith(() => {});
    expect(containers).toEqual([]);
    expect(gaps).toEqual([expect.stringMatching(/^docker \(.*docker\.sock\): does not answer within 300 ms$/)]);
  });

  test('one that begins to answer and stops is no better', async () => {
    const { gaps } = await directoryWith((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.write('[');
    });
    expect(gaps[0]).toMatch(/does not answer within 300 ms/);
  });

  test.each([
    ['no JSON', (_: string, response: Parameters<Answer>[1]) => response.end('<html>'), /no JSON/],
    [
      'an error',
      (_: string, response: Parameters<Answer>[1]) => {
        response.statusCode = 500;
        response.end('{}');
      },
      /status 500/,
    ],
    [
      'a closed connection',
      (_: string, response: Parameters<Answer>[1]) => response.destroy(),
      /socket hang up|ECONNRESET/,
    ],
  ])('%s is a line, and nothing else', async (_, answer, line) => {
    const { containers, gaps } = await directoryWith(answer);
    expect(containers).toEqual([]);
    expect(gaps).toEqual([expect.stringMatching(line)]);
  });

  test('wrong shapes are passed over without a word', async () => {
    const { containers, gaps } = await directoryWith((path, response) =>
      response.end(
        path.startsWith('/containers') ? '[null, 1, {"Id": 5}, {"Id": "x", "Names": 7, "NetworkSettings": []}]' : '{}',
      ),
    );
    expect(gaps).toEqual([]);
    expect(containers.map(({ id, name, named }) => ({ id, name, named }))).toEqual([
      { id: 'x', name: 'x', named: false },
    ]);
  });

  test('an id that is no id never becomes part of a request', async () => {
    const { asked } = await directoryWith(containersAnswer([{ id: '../../images/x', name: 'evil' }]));
    expect(asked.some((path) => path.includes('images'))).toBe(false);
  });
});

describe('which sockets are asked', () => {
  test('a socket of another machine is not, and that is said', () => {
    expect(runtimeSockets({ DOCKER_HOST: 'tcp://192.0.2.1:2375' }).gaps).toEqual([
      'DOCKER_HOST names no socket of this machine: its containers are not asked for',
    ]);
  });

  test('what is no socket is not', () => {
    expect(runtimeSockets({ DOCKER_HOST: 'unix:///etc/passwd' })).toMatchObject({ gaps: [] });
    expect(runtimeSockets({ DOCKER_HOST: 'unix:///etc/passwd' }).sockets.map(({ path }) => path)).not.toContain(
      '/etc/passwd',
    );
  });
});

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namespaceNumbers } from '../../src/linux/netlink.ts';
import { insideNetns, listNetns, netnsOfThread, resolveNetns } from '../../src/linux/netns.ts';
import { pinNetns } from '../../src/linux/pin.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from './own-machine.ts';

const inodeAt = (path: string) => Number(/\d+/.exec(readlinkSync(path))?.[0]);

/*
 *   here ──v1/eth0── blue (also called alias)
 *        ──v2/eth0── green                    process PID: a namespace without a name
 */
const topology = `
  ip netns add blue; touch /run/netns/alias; mount --bind /run/netns/blue /run/netns/alias
  ip netns add green
  ip link add v1 type veth peer name eth0 netns blue
  ip link add v2 type veth peer name eth0 netns green
  touch /run/netns/stale; ln -s /nowhere /run/netns/broken
`;

describe.skipIf(!mayMakeNamespaces)('network namespaces', () => {
  let machine: OwnMachine;
  let pid = 0;
  beforeAll(async () => {
    machine = ownMachine(topology);
    pid = await machine.unnamedNetns();
  });
  afterAll(() => machine?.close());

  it('are listed with this one first, names sorted, and files that are none passed over', () => {
    // To open a fifo would wait for somebody to write into it (ip(8) does wait).
    machine.run('mkfifo /run/netns/fifo');
    const handles = listNetns();
    machine.run('rm /run/netns/fifo');
    expect(handles[0]?.inode).toBe(netnsOfThread().inode);
    expect(handles[0]?.id).toBe(`net:[${netnsOfThread().inode}]`);
    expect(handles.flatMap((handle) => handle.names)).toEqual(['alias', 'blue', 'green']);
    expect(handles.find((handle) => handle.names.includes('blue'))).toMatchObject({
      id: 'alias',
      names: ['alias', 'blue'],
      path: '/run/netns/alias',
      pids: [],
    });
  });

  it('are found by a process that lives in them', () => {
    const inode = inodeAt(`/proc/${pid}/ns/net`);
    const handle = listNetns().find((candidate) => candidate.inode === inode);
    expect(handle).toEqual({ id: `net:[${inode}]`, inode, names: [], path: `/proc/${pid}/ns/net`, pids: [pid] });
  });

  it('are what a name, a process, a path or a number means', () => {
    const unnamed = inodeAt(`/proc/${pid}/ns/net`);
    expect(resolveNetns('green').names).toEqual(['green']);
    expect(resolveNetns('blue').id).toBe('alias');
    expect(resolveNetns(String(pid)).inode).toBe(unnamed);
    expect(resolveNetns(`/proc/${pid}/ns/net`).inode).toBe(unnamed);
    expect(resolveNetns('/run/netns/blue').id).toBe('alias');
    expect(resolveNetns(`net:[${unnamed}]`).path).toBe(`/proc/${pid}/ns/net`);
  });

  it.each([
    ['gren', 'did you mean green?'],
    ['xyzzy', 'there are: alias, blue, green; or give the number of a process'],
    ['stale', 'there are: alias, blue, green; or give the number of a process'],
    ['/etc/passwd', 'there are: alias, blue, green; or give the number of a process'],
    ['net:[1]', 'there are: alias, blue, green; or give the number of a process'],
    ['4194305', 'there are: alias, blue, green; or give the number of a process'],
  ])('are not what %s means', (spec, hint) => {
    expect(() => resolveNetns(spec)).toThrow(
      expect.objectContaining({ code: 'no-such-namespace', message: `no network namespace ${spec}`, hint }),
    );
  });

  it('are entered for one action, and left whatever it does', () => {
    const here = netnsOfThread().inode;
    const there = insideNetns('/run/netns/blue', () => netnsOfThread().inode);
    expect(there).toBe(resolveNetns('blue').inode);
    expect(netnsOfThread().inode).toBe(here);
    expect(() =>
      insideNetns('/run/netns/blue', () => {
        throw new RangeError('within');
      }),
    ).toThrow(RangeError);
    expect(netnsOfThread().inode).toBe(here);
  });

  it('are entered by a handle only while it means the same one', () => {
    const blue = resolveNetns('blue');
    expect(insideNetns(blue, () => netnsOfThread().inode)).toBe(blue.inode);
    const moved = { path: '/run/netns/green', inode: blue.inode };
    expect(() => insideNetns(moved, () => 0)).toThrow('/run/netns/green is another network namespace now');
  });

  it('can be held open, so that no name is needed any more', () => {
    machine.run('ip netns add brief');
    const pinned = pinNetns([resolveNetns('brief'), { ...resolveNetns('blue'), path: '/run/netns/green' }]);
    machine.run('ip netns del brief');
    const [brief, mistaken] = pinned.handles;
    expect(insideNetns(brief ?? '', () => netnsOfThread().inode)).toBe(brief?.inode);
    expect(mistaken?.path).toBe('/run/netns/green');
    pinned.release();
    expect(() => insideNetns(brief ?? '', () => 0)).toThrow(expect.objectContaining({ code: 'no-such-namespace' }));
  });

  it('are not where a process only passes by', async () => {
    // A program of several threads whose first thread has gone into blue, as vdiag itself does for a moment.
    const visitor = machine.start(process.execPath, [
      '-e',
      `const library = require('koffi').load(null);
       const fd = require('fs').openSync('/run/netns/blue', 'r');
       library.func('int setns(int fd, int type)')(fd, 0x40000000);
       console.log('in'); setTimeout(() => {}, 20000);`,
    ]);
    await new Promise((resolve) => visitor.stdout?.once('data', resolve));
    const blue = resolveNetns('blue');
    expect(inodeAt(`/proc/${visitor.pid}/ns/net`)).toBe(blue.inode);
    expect(blue.pids).toEqual([]);
  });

  it('are entered from inside another', () => {
    const seen = insideNetns('/run/netns/blue', () => [
      insideNetns('/run/netns/green', () => netnsOfThread().inode),
      netnsOfThread().inode,
    ]);
    expect(seen).toEqual([resolveNetns('green').inode, resolveNetns('blue').inode]);
  });

  it('refuse an action that would go on outside', () => {
    const here = netnsOfThread().inode;
    expect(() => insideNetns('/run/netns/blue', () => Promise.resolve())).toThrow(TypeError);
    expect(() => insideNetns('/proc/thread-self/ns/net', () => Promise.resolve())).toThrow(TypeError);
    expect(netnsOfThread().inode).toBe(here);
  });

  it('keep a child that was spawned inside', async () => {
    let output: Promise<{ stdout: string }> | undefined;
    insideNetns('/run/netns/blue', () => {
      output = promisify(execFile)('readlink', ['/proc/self/ns/net']);
    });
    expect((await output)?.stdout.trim()).toBe(`net:[${resolveNetns('blue').inode}]`);
  });

  it.each(['/run/netns/stale', '/etc/passwd', '/proc/self/ns/mnt', '/run/netns/none'])('are not at %s', (path) => {
    expect(() => insideNetns(path, () => 0)).toThrow(expect.objectContaining({ code: 'no-such-namespace' }));
  });

  it('leave no file open', () => {
    insideNetns('/run/netns/blue', () => 0);
    const before = readdirSync('/proc/self/fd').length;
    for (let round = 0; round < 20; round++) {
      insideNetns('/run/netns/blue', () => 0);
      listNetns();
      expect(() => insideNetns('/etc/passwd', () => 0)).toThrow();
      namespaceNumbers([{ path: '/run/netns/blue', wanted: new Set([0]) }], listNetns());
    }
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  it('number each other, each in its own way', () => {
    // Asking for the links is what makes the kernel hand out the numbers.
    machine.run('(ip -d link; ip -n blue link; ip -n green link) 2>&1');
    const candidates = listNetns();
    const here = candidates[0];
    const paths = [here?.path ?? '', '/run/netns/blue', '/run/netns/green', '/run/netns/gone'];
    const [own, blue, green, gone] = namespaceNumbers(
      paths.map((path, at) => ({ path, wanted: new Set(at === 0 ? [0, 1] : [0]) })),
      [...candidates, { id: 'gone', path: '/run/netns/gone' }],
    );
    expect([...(own ?? [])].map(([, id]) => id).sort()).toEqual(['alias', 'green']);
    expect([...(blue ?? [])]).toEqual([[0, here?.id]]);
    expect([...(green ?? [])]).toEqual([[0, here?.id]]);
    expect([...(gone ?? [])]).toEqual([]);
  });

  it('are asked nothing when no number is wanted', () => {
    expect(namespaceNumbers([{ path: '/run/netns/gone', wanted: new Set() }], [])).toEqual([new Map()]);
  });

  it('show their own sysctls through /proc', () => {
    machine.run('ip netns exec blue sysctl -qw net.ipv4.ip_default_ttl=33');
    const ttl = () => readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'latin1').trim();
    expect(insideNetns('/run/netns/blue', ttl)).toBe('33');
    expect(ttl()).toBe('64');
  });
});

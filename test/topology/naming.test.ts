import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameBytes } from '../../src/linux/name-text.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';
import {
  commandIn,
  inNetns,
  interfaceSysctl,
  netnsArgument,
  netnsName,
  placeName,
  shellWord,
} from '../../src/topology/naming.ts';
import { topology } from '../path/topology.ts';

const UNNAMED = 'net:[4026532999]';

/** home; blue, with a name; one that lives by a process; one that is only a path. */
function machine(): Topology {
  const built = topology({ home: {}, blue: {}, [UNNAMED]: {}, held: {} });
  const edits: Record<string, Partial<Namespace>> = {
    [UNNAMED]: { names: [], pids: [4711], path: '/proc/4711/ns/net' },
    held: { names: [], pids: [], path: '/var/run/docker/netns/a b' },
  };
  return { ...built, namespaces: built.namespaces.map((one) => ({ ...one, ...edits[one.id] })) };
}

/** What a shell makes of a command line: its words, one an argument. */
function words(command: string, shell = 'bash'): string[] {
  const printed = execFileSync(shell, ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`], {
    encoding: 'utf8',
  });
  return printed.split('\0').slice(0, -1);
}

describe('a place', () => {
  it('carries its namespace when that is not the home one', () => {
    expect(placeName(machine(), { netns: 'home', name: 'veth0' })).toBe('veth0');
    expect(placeName(machine(), { netns: 'blue', name: 'veth0' })).toBe('veth0@blue');
    expect(placeName(machine(), { netns: UNNAMED, name: 'eth0' })).toBe('eth0@pid 4711');
    expect(placeName(machine(), { netns: 'held', name: 'eth0' })).toBe('eth0@held');
  });
});

describe('a namespace', () => {
  it('is called by its name, a process, or its inode', () => {
    expect([UNNAMED, 'blue', 'net:[7]'].map((id) => netnsName(machine(), id))).toEqual(['pid 4711', 'blue', 'net:[7]']);
    expect(inNetns(machine(), 'home')).toBe('');
    expect(inNetns(machine(), 'blue')).toBe(' in namespace blue');
  });

  it('is given to --netns by its name, or by its path', () => {
    expect(['blue', UNNAMED, 'net:[7]'].map((id) => netnsArgument(machine(), id))).toEqual([
      'blue',
      '/proc/4711/ns/net',
      'net:[7]',
    ]);
  });
});

describe('a command', () => {
  const add = ['ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'br0'];
  const sysctl = ['sysctl', '-w', 'net.ipv4.ip_forward=1'];

  it('stands alone in the home namespace', () => {
    expect(commandIn(machine(), 'home', add)).toBe('ip addr add 10.9.0.1/24 dev br0');
    expect(commandIn(machine(), 'home', sysctl)).toBe('sysctl -w net.ipv4.ip_forward=1');
  });

  it('enters a named namespace by itself where its program can', () => {
    expect(commandIn(machine(), 'blue', add)).toBe('ip -n blue addr add 10.9.0.1/24 dev br0');
    expect(commandIn(machine(), 'blue', ['bridge', 'fdb'])).toBe('bridge -n blue fdb');
    expect(commandIn(machine(), 'blue', ['tc', 'qdisc'])).toBe('tc -n blue qdisc');
    expect(commandIn(machine(), 'blue', sysctl)).toBe('ip netns exec blue sysctl -w net.ipv4.ip_forward=1');
  });

  it('enters one without a name by its path', () => {
    expect(commandIn(machine(), UNNAMED, add)).toBe('nsenter --net=/proc/4711/ns/net ip addr add 10.9.0.1/24 dev br0');
    expect(words(commandIn(machine(), 'held', ['true']))).toEqual([
      'nsenter',
      '--net=/var/run/docker/netns/a b',
      'true',
    ]);
  });

  it.each([
    '$(touch /tmp/owned)',
    '`id`',
    "a'b",
    "'; reboot; '",
    'a b',
    'a\tb',
    '*',
    '~',
    '#x',
    '-rf',
    '&',
    '>x',
    '{a,b}',
    'é☃',
    '"$HOME"',
    '\\',
    '!!',
  ])('has an interface called %s as one word, in any shell', (name) => {
    const command = commandIn(machine(), 'home', ['ip', 'link', 'set', name, 'up']);
    for (const shell of ['bash', 'sh']) expect(words(command, shell)).toEqual(['ip', 'link', 'set', name, 'up']);
  });
});

describe('a word', () => {
  it('that is harmless stays bare', () => {
    for (const word of ['veth0', 'eth0.100', '10.9.0.1/24', 'net.ipv4.ip_forward=1', 'a@b', 'fe80::1%eth0', '-w'])
      expect(shellWord(word)).toBe(word);
    expect(shellWord('')).toBe("''");
  });

  it('is read back by the shell as it was, whatever it holds', { timeout: 60_000 }, () => {
    const byte = fc.integer({ min: 1, max: 0x7f }).map((code) => String.fromCharCode(code));
    const word = fc.oneof(fc.string({ unit: byte, maxLength: 15 }), fc.string({ unit: 'grapheme', maxLength: 15 }));
    fc.assert(
      fc.property(
        fc.array(
          word.filter((text) => !text.includes('\0')),
          { minLength: 20, maxLength: 40 },
        ),
        (all) => {
          expect(words(all.map(shellWord).join(' '))).toEqual(all);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a word that not every terminal shows', () => {
  it.each([
    '\u001b]0;x\u0007',
    'é☃',
    'v\udcff',
    "a\tb'",
    '\u202eeth0',
    '%s\u0001',
    '\u009b2J"',
    '-n\u00a0',
    '"\u0001!!',
  ])('is spelt out, and right in any shell (%j)', (name) => {
    const command = commandIn(machine(), 'home', ['printf', '%s', name]);
    expect(command).toMatch(/^[\x20-\x7e]+$/);
    for (const shell of ['bash', 'sh'])
      expect(execFileSync(shell, ['-c', command])).toEqual(Buffer.from(nameBytes(name)));
  });
});

describe('the sysctl of an interface', () => {
  it('is written with slashes where a dot in the name would be read as one', () => {
    expect(interfaceSysctl('ipv4', 'veth0', 'rp_filter')).toBe('net.ipv4.conf.veth0.rp_filter');
    expect(interfaceSysctl('ipv6', 'eth0.100', 'disable_ipv6')).toBe('net/ipv6/conf/eth0.100/disable_ipv6');
  });
});

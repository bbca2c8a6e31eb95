/** Rulesets of unusual shapes: maps and masks of marks, owners, queues, sets that rules fill, addresses that rules change. */
import { describe, expect, it } from 'vitest';
import { chainsOf, type FilterPacket, rule } from '../../src/path/ruleset.ts';
import type { Filters } from '../../src/topology/model.ts';

const ECHO: FilterPacket = {
  inputInterface: 'vA',
  outputInterface: 'vB',
  state: 'new',
  mark: 0,
  connectionMark: 0,
  carries: { kind: 'echo-request', source: '10.9.0.2', destination: '10.9.0.3' },
};

const decide = (filters: Filters, packet: FilterPacket = ECHO) => rule(chainsOf(filters), ['ip'], 'forward', packet);
const at = { family: 'ip', table: 't' };

function nft(rules: readonly (readonly unknown[])[], more: readonly unknown[] = [], queues?: number[]): Filters {
  return {
    nftables: [
      { table: { family: 'ip', name: 't' } },
      { chain: { ...at, name: 'c', type: 'filter', hook: 'forward', prio: 0, policy: 'accept' } },
      ...more,
      ...rules.map((expr, index) => ({ rule: { ...at, chain: 'c', handle: index + 10, expr } })),
    ],
    ...(queues ? { queues } : {}),
  };
}

const legacy = (rules: readonly string[], queues?: number[]): Filters => ({
  iptablesLegacy: ['*mangle', ':FORWARD ACCEPT [0:0]', ...rules.map((one) => `-A FORWARD ${one}`), 'COMMIT', ''].join(
    '\n',
  ),
  ...(queues ? { queues } : {}),
});

const DROP = { drop: null };
const saddr = { payload: { protocol: 'ip', field: 'saddr' } };
const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });

describe('a mark', () => {
  const set = (value: unknown) => ({ mangle: { key: { meta: { key: 'mark' } }, value } });
  const dropsMark = (mark: number) => [match({ meta: { key: 'mark' } }, mark), DROP];

  it('is taken from a map, listed or named', () => {
    const listed = { map: { key: saddr, data: { set: [[{ prefix: { addr: '10.9.0.0', len: 24 } }, 16]] } } };
    expect(decide(nft([[set(listed)], dropsMark(16)]))?.stopper?.handle).toBe(11);
    expect(decide(nft([[set(listed)], dropsMark(17)]))?.verdict).toBe('pass');
    const map = { map: { ...at, name: 'm', type: 'ipv4_addr', map: 'mark', elem: [['10.9.0.2', 5]] } };
    const named = { map: { key: saddr, data: '@m' } };
    expect(decide(nft([[set(named)], dropsMark(5)], [map]))?.verdict).toBe('stop');
  });

  it('stays as it was where the map has no key for the packet', () => {
    const other = { map: { key: saddr, data: { set: [['192.0.2.1', 16]] } } };
    expect(decide(nft([[set(other)], dropsMark(16)]))?.verdict).toBe('pass');
    expect(decide(nft([[set(other)], dropsMark(0)]))?.verdict).toBe('stop');
  });

  it('is saved and restored by its masked bits alone', () => {
    const chain = [
      '-j CONNMARK --set-xmark 0x10000/0xffffffff',
      '-j MARK --set-xmark 0x3/0xffffffff',
      '-j CONNMARK --restore-mark --nfmask 0xf0000 --ctmask 0xf0000',
    ];
    expect(decide(legacy([...chain, '-m mark --mark 0x10003 -j DROP']))?.verdict).toBe('stop');
    expect(decide(legacy([...chain, '-m mark --mark 0x10000 -j DROP']))?.verdict).toBe('pass');
  });
});

describe('some bits of an address', () => {
  const masked = (mask: string, right: string, op = '==') => [match({ '&': [saddr, mask] }, right, op), DROP];

  it('are compared', () => {
    expect(decide(nft([masked('255.255.0.255', '10.9.0.2')]))?.verdict).toBe('stop');
    expect(decide(nft([masked('0.0.0.255', '0.0.0.2', '!=')]))?.verdict).toBe('pass');
  });

  it('are compared where a mask with holes is given to iptables', () => {
    expect(decide(legacy(['-s 10.9.0.2/255.255.0.255 -j DROP']))?.verdict).toBe('stop');
    expect(decide(legacy(['-s 10.9.0.3/255.255.0.255 -j DROP']))?.verdict).toBe('pass');
  });
});

describe('the code of a message', () => {
  it('is known by the name that nft has for its number', () => {
    const code = (name: string) => [match({ payload: { protocol: 'icmp', field: 'code' } }, name), DROP];
    expect(decide(nft([code('net-unreachable')]))?.verdict).toBe('stop');
    expect(decide(nft([code('host-unreachable')]))?.verdict).toBe('pass');
    // A name that some table of the machine has for a number: for which one is not known.
    expect(decide(nft([code('mine')]))?.verdict).toBe('unknown');
  });
});

describe('whose packet it is', () => {
  const uid = (right: number, op?: string) => [match({ meta: { key: 'skuid' } }, right, op), DROP];

  it('decides where a process sends it', () => {
    const packet = { ...ECHO, owner: { uid: 1000, gid: 100 } };
    expect(decide(nft([uid(1000)]), packet)?.verdict).toBe('stop');
    expect(decide(nft([uid(0)]), packet)?.verdict).toBe('pass');
    expect(decide(legacy(['-m owner --uid-owner 900-1100 -j DROP']), packet)?.verdict).toBe('stop');
    expect(decide(legacy(['-m owner --gid-owner 7 -j DROP']), packet)?.verdict).toBe('pass');
  });

  it('is nobody where the kernel sends it: nft then never matches, iptables only "not"', () => {
    const packet = { ...ECHO, owner: null };
    expect(decide(nft([uid(0)]), packet)?.verdict).toBe('pass');
    expect(decide(nft([uid(0, '!=')]), packet)?.verdict).toBe('pass');
    expect(decide(legacy(['-m owner --uid-owner 0 -j DROP']), packet)?.verdict).toBe('pass');
    expect(decide(legacy(['-m owner ! --uid-owner 0 -j DROP']), packet)?.verdict).toBe('stop');
  });
});

describe('a queue', () => {
  it('drops where no program listens, and says so', () => {
    const ruling = decide(legacy(['-p icmp -j NFQUEUE --queue-num 3'], [4]));
    expect(ruling).toMatchObject({ verdict: 'stop', stopper: { position: 1, unheard: true } });
    expect(decide(nft([[{ queue: { num: 3 } }]], [], []))?.verdict).toBe('stop');
  });

  it('lets pass with bypass, and is not decided where a program listens or nothing is known', () => {
    expect(decide(legacy(['-j NFQUEUE --queue-num 3 --queue-bypass', '-j DROP'], []))?.verdict).toBe('pass');
    expect(decide(nft([[{ queue: { num: 3, flags: 'bypass' } }], [DROP]], [], []))?.verdict).toBe('pass');
    expect(decide(legacy(['-j NFQUEUE --queue-balance 0:3'], [3]))?.verdict).toBe('unknown');
    expect(decide(legacy(['-j NFQUEUE --queue-num 3']))?.verdict).toBe('unknown');
  });
});

describe('a set that rules add to', () => {
  const few = { set: { ...at, name: 'few', type: 'ipv4_addr', elem: ['192.0.2.1'] } };
  const asks = [match(saddr, '@few'), DROP];

  it('may have the packet by the time it comes, though the set itself does not say so', () => {
    const adds = [{ set: { op: 'add', elem: saddr, set: '@few' } }];
    expect(decide(nft([asks], [few]))?.verdict).toBe('pass');
    expect(decide(nft([adds, asks], [few]))?.verdict).toBe('unknown');
  });
});

describe('a rule that changes an address', () => {
  it('leaves a packet of which it is not known where it goes', () => {
    const sets = (source: string) => [match(saddr, source), { mangle: { key: saddr, value: '192.0.2.7' } }];
    expect(decide(nft([sets('10.9.0.2')]))?.packet.rewritten).toBe(true);
    expect(decide(nft([sets('10.9.0.99')]))?.packet.rewritten).toBeUndefined();
  });
});

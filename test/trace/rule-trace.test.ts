import { describe, expect, it } from 'vitest';
import { createPassageJoiner, type RuleEvent, type RulePassage } from '../../src/trace/rule-trace.ts';

const TOKEN = Uint8Array.of(11, 12, 13, 14, 15, 16, 17, 18);
const run = { token: TOKEN, identifier: 0x1112 };

/** ICMP header, token and number: the 20 bytes the kernel shows. */
function echo(type: number, sequence: number, token = TOKEN): Uint8Array {
  return Uint8Array.of(type, 0, 0, 0, 0x11, 0x12, 0, sequence, ...token, 0, 0, 0, sequence);
}

function joined(...events: RuleEvent[]): RulePassage[] {
  const passages: RulePassage[] = [];
  const joiner = createPassageJoiner({
    netns: 'router',
    run,
    ownTable: 'vdiag_trace_1',
    nameOf: (index) => (index === 2 ? 'eth0' : undefined),
    onPassage: (passage) => passages.push(passage),
  });
  for (const event of events) joiner.add(event);
  joiner.end();
  return passages;
}

const base = { family: 'ip', table: 'filter', chain: 'FORWARD' } as const;
const first = { ...base, id: 7, kind: 'rule', protocol: 'icmp', transport: echo(8, 3), input: 2, output: 9 } as const;

describe('events of a rule trace', () => {
  it('become one passage for each chain that a hook called, with the packet, its interfaces and every rule', () => {
    expect(
      joined(
        { ...first, handle: 4, verdict: 'jump', target: 'USERS' },
        { ...base, id: 7, kind: 'rule', chain: 'USERS', handle: 9, verdict: 'continue' },
        { ...base, id: 7, kind: 'return', chain: 'USERS', verdict: 'return' },
        { ...base, id: 7, kind: 'return', verdict: 'return' },
        { ...base, id: 7, kind: 'policy', verdict: 'drop' },
      ),
    ).toEqual([
      {
        netns: 'router',
        ...base,
        packet: 'echo-request',
        sequence: 3,
        input: 'eth0',
        verdict: 'drop',
        steps: [
          { chain: 'FORWARD', handle: 4, verdict: 'jump', target: 'USERS' },
          { chain: 'USERS', handle: 9, verdict: 'continue' },
          { chain: 'USERS', verdict: 'return' },
          { chain: 'FORWARD', verdict: 'drop' },
        ],
      },
    ]);
  });

  it('tell packets under way at the same time apart, and chains one behind the other', () => {
    const reply = { ...first, id: 8, transport: echo(0, 2) };
    const passages = joined(
      { ...first, handle: 1, verdict: 'jump', target: 'A' },
      { ...reply, handle: 1, verdict: 'accept' },
      { ...base, id: 7, kind: 'rule', chain: 'A', handle: 5, verdict: 'accept' },
      { ...first, table: 'mangle', kind: 'policy', verdict: 'accept' },
    );
    expect(passages.map(({ packet, sequence, table, verdict }) => [packet, sequence, table, verdict])).toEqual([
      ['echo-reply', 2, 'filter', 'accept'],
      ['echo-request', 3, 'filter', 'accept'],
      ['echo-request', 3, 'mangle', 'accept'],
    ]);
  });

  it('of other people are left out: their packets, and what follows from them', () => {
    const foreign = {
      ...first,
      transport: echo(
        8,
        3,
        TOKEN.map((byte) => byte ^ 1),
      ),
    };
    expect(
      joined(
        { ...foreign, handle: 4, verdict: 'jump', target: 'A' },
        { ...base, id: 7, kind: 'rule', chain: 'A', handle: 5, verdict: 'drop' },
        { ...first, id: 9, transport: echo(8, 3).subarray(0, 6), handle: 4, verdict: 'drop' },
      ),
    ).toEqual([]);
  });

  it('of an error count only where our own table has marked it: it does not show whom it is about', () => {
    const unreachable = { ...first, id: 5, transport: echo(3, 0), handle: 2, verdict: 'drop' } as const;
    expect(joined(unreachable)).toEqual([]);
    const mark = { ...unreachable, table: 'vdiag_trace_1', chain: 'prerouting', verdict: 'continue' } as const;
    const [passage, ...more] = joined(mark, unreachable);
    expect(passage).toMatchObject({ packet: 'icmp-error', table: 'filter', verdict: 'drop' });
    expect(passage).not.toHaveProperty('sequence');
    expect(more).toEqual([]);
  });

  it('without an end are handed over as not known', () => {
    expect(joined({ ...first, handle: 1, verdict: 'continue' }).map(({ verdict }) => verdict)).toEqual(['unknown']);
    expect(joined({ ...first, handle: 1, verdict: 'queue' }).map(({ verdict }) => verdict)).toEqual(['queue']);
    expect(joined({ ...first, handle: 1, verdict: 'stolen' }).map(({ verdict }) => verdict)).toEqual(['unknown']);
    // The next passage of the same packet ends the one before.
    expect(
      joined(
        { ...first, handle: 1, verdict: 'continue' },
        { ...first, table: 'nat', kind: 'policy', verdict: 'accept' },
      ).map(({ table, verdict }) => [table, verdict]),
    ).toEqual([
      ['filter', 'unknown'],
      ['nat', 'accept'],
    ]);
  });

  it('of ICMPv6 have types of their own', () => {
    const six = { ...first, protocol: 'icmpv6', handle: 1, verdict: 'accept' } as const;
    const packets = [128, 129].map((type) => joined({ ...six, transport: echo(type, 1) })[0]?.packet);
    expect(packets).toEqual(['echo-request', 'echo-reply']);
    expect(joined({ ...six, transport: echo(8, 1) })).toEqual([]);
  });

  it('are kept up to a bound, however many there are', () => {
    const passages = joined(
      ...Array.from({ length: 1000 }, (_, id) => ({ ...first, id, handle: 1, verdict: 'continue' }) as const),
      ...Array.from(
        { length: 500 },
        () => ({ ...base, id: 999, kind: 'rule', handle: 2, verdict: 'continue' }) as const,
      ),
    );
    expect(passages).toHaveLength(1000);
    expect(Math.max(...passages.map(({ steps }) => steps.length))).toBe(64);
  });
});

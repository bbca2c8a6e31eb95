import { describe, expect, it } from 'vitest';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { ladder } from '../../src/report/ladder.ts';
import {
  along,
  arp,
  arpExchange,
  coverage,
  echo,
  echoExchange,
  journey,
  leg,
  link,
  namespace,
  place,
  report,
  terminal,
  topology,
} from './fixture.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';

/** The ladder at 100 columns, without what differs between terminals. */
function drawn(diagnosis: Partial<Diagnosis>, flooded = false): string {
  return `\n${ladder(report(diagnosis), terminal(100), { flooded }).join('\n')}\n`;
}

const THREE = coverage(['eth0', 'vA@host', 'br0@host']);
const REQUEST = leg('echo-request', A, B, ['eth0', 'vA@host', 'br0@host']);
const REPLY = leg('echo-reply', B, A, ['br0@host', 'vA@host', 'eth0']);

describe('where it vanished', () => {
  const request = along(1, 'echo-request', 0, ['eth0', 'vA@host'], echo(8, A, B));
  const all = along(1, 'echo-request', 0, ['eth0', 'vA@host', 'br0@host'], echo(8, A, B));

  it('never came to the next place', () => {
    expect(
      drawn({
        path: { end: 'stopped', legs: [REQUEST] },
        example: echoExchange(A, B, { request }),
        vanished: { last: place('vA@host'), missing: place('br0@host'), leg: 0 },
        coverage: THREE,
      }),
    ).toBe(`
     ms   eth0      vA      br0
                  @host    @host
  0.000    ●───────▶●        │     echo request 10.0.0.1 > 10.0.0.2 seq 1
           │        └╌╌╌╌╌╌╌╌✗     never at br0@host
`);
  });

  it('came back only to the middle: the broken line goes left', () => {
    const reply = along(2, 'echo-reply', 0.1, ['br0@host', 'vA@host'], echo(0, B, A));
    const lines = drawn({
      path: { end: 'stopped', legs: [REQUEST, REPLY] },
      example: echoExchange(A, B, { request: all, replies: [reply] }),
      vanished: { last: place('vA@host'), missing: place('eth0'), leg: 1 },
      coverage: THREE,
    });
    expect(lines).toContain('✗╌╌╌╌╌╌╌╌┘');
    expect(lines).toContain('never at eth0\n');
  });

  it('was not answered at all', () => {
    const lines = drawn({
      path: { end: 'stopped', legs: [REQUEST, REPLY] },
      example: echoExchange(A, B, { request: all }),
      vanished: { last: place('br0@host'), missing: place('br0@host'), leg: 1 },
      coverage: THREE,
    }).split('\n');
    expect(lines.at(-2)).toMatch(/^ {11}│ {8}│ {8,9}✗ +no echo reply out of br0@host$/);
  });

  it('ended on one interface, and the next packet is missed at another', () => {
    const asked = along(1, 'arp-request', 0, ['veth0', 'veth1'], arp(1, A, B));
    const answered = along(2, 'arp-reply', 0.1, ['veth1', 'veth0', 'br0'], arp(2, B, A));
    expect(
      drawn({
        path: {
          end: 'stopped',
          legs: [
            leg('arp-request', A, B, ['veth0', 'veth1']),
            leg('arp-reply', A, B, ['veth1', 'veth0', 'br0']),
            leg('echo-request', A, B, ['veth0', 'veth1']),
          ],
        },
        example: echoExchange(A, B, { resolutions: [arpExchange(asked, [answered])] }),
        vanished: { last: place('br0'), missing: place('veth0'), leg: 2 },
        coverage: coverage(['veth0', 'veth1', 'br0']),
      }),
    ).toBe(`
     ms   br0     veth0    veth1
  0.000    │        ●───────▶●     who-has 10.0.0.2 tell 10.0.0.1
  0.100    ●◀───────●────────●     10.0.0.2 is-at 0a:11:22:33:44:75
           └╌╌╌╌╌╌╌╌✗        │     no echo request out of veth0
`);
  });

  it('came back, and never to the socket', () => {
    const reply = along(2, 'echo-reply', 0.1, ['br0@host', 'vA@host', 'eth0'], echo(0, B, A));
    const back = { ...REPLY, steps: [...REPLY.steps, { kind: 'socket', place: place('eth0') } as const] };
    expect(
      drawn({
        path: { end: 'unknown', legs: [REQUEST, back] },
        example: echoExchange(A, B, { request: all, replies: [reply] }),
        vanished: { last: place('eth0'), missing: place('eth0'), leg: 1 },
        coverage: THREE,
      }),
    ).toMatch(/✗ .*never at the probe's socket\n$/);
  });

  it('came in, and the stack did not take it', () => {
    const reply = along(2, 'echo-reply', 0.1, ['br0@host', 'vA@host', 'eth0'], echo(0, B, A));
    const at = (missing?: string) =>
      drawn({
        path: { end: 'stopped', legs: [REQUEST, REPLY] },
        example: echoExchange(A, B, { request: all, replies: [reply] }),
        vanished: { last: place('eth0'), leg: 1, ...(missing === undefined ? {} : { missing: place(missing) }) },
        coverage: THREE,
      });
    expect(at('eth0')).toMatch(/✗ .*never at eth0's stack\n$/);
    expect(at()).toMatch(/✗ .*ends at eth0\n$/);
  });

  it('never left: the cross is all there is', () => {
    expect(
      drawn({
        path: { end: 'stopped', legs: [REQUEST] },
        vanished: { missing: place('eth0'), leg: 0 },
        coverage: THREE,
      }).split('\n')[3],
    ).toMatch(/^ {11}✗ +│ +│ +no echo request out of eth0$/);
  });

  it('knows neither place', () => {
    const lines = drawn({ path: { end: 'stopped', legs: [REQUEST] }, vanished: { leg: 0 }, coverage: THREE });
    expect(lines).toContain('no echo request\n');
    expect(lines).not.toContain('✗');
  });
});

describe('columns', () => {
  const flooded = journey(1, 'arp-request', [
    { at: 'eth0', ms: 0, packet: arp(1, A, B) },
    { at: 'vA@host', ms: 0.01, packet: arp(1, A, B) },
    { at: 'vC@host', ms: 0.02, packet: arp(1, A, B), direction: 'out' },
    { at: 'vB@host', ms: 0.02, packet: arp(1, A, B), direction: 'out' },
  ]);
  const legs = [leg('arp-request', A, B, ['eth0', 'vA@host', 'vB@host'])];

  it('leave out flooded copies unless asked', () => {
    const diagnosis = {
      path: { end: 'delivered', legs },
      example: echoExchange(A, B, { resolutions: [arpExchange(flooded)] }),
    } as const;
    expect(drawn(diagnosis)).not.toContain('vC');
    expect(drawn(diagnosis, true)).toContain('vC');
  });

  it('leave out a unicast frame flooded to another port of the same bridge', () => {
    const packet = echo(8, A, B);
    const request = journey(1, 'echo-request', [
      { at: 'eth0', ms: 0, packet },
      { at: 'vA@host', ms: 0.01, packet },
      { at: 'vB@host', ms: 0.02, packet, direction: 'out' },
      { at: 'vC@host', ms: 0.02, packet, direction: 'out' },
      { at: 'eth0@c3', ms: 0.03, packet, packetType: 'other-host' },
    ]);
    const diagnosis = {
      path: { end: 'delivered', legs: [leg('echo-request', A, B, ['eth0', 'vA@host', 'vB@host'])] },
      example: echoExchange(A, B, { request }),
      before: topology([namespace('host', [link('vB', 5, { master: 9 }), link('vC', 6, { master: 9 })])]),
    } as const;
    expect(drawn(diagnosis)).not.toMatch(/vC|c3/);
    expect(drawn({ ...diagnosis, before: topology([]) })).toContain('vC');
  });

  it('show a packet that left by an interface off the path', () => {
    const request = along(1, 'echo-request', 0, ['tun0'], echo(8, A, B));
    const lines = drawn({ path: { end: 'unknown', legs: [REQUEST] }, example: echoExchange(A, B, { request }) });
    expect(lines).toMatch(/eth0 +vA +br0 +tun0/);
  });

  it('stand on the side the packet goes to', () => {
    const reply = along(1, 'arp-reply', 0, ['veth1', 'veth0', 'br0'], arp(2, B, A));
    const request = along(2, 'arp-request', 0, ['veth0', 'veth1'], arp(1, A, B));
    const lines = drawn({
      path: { end: 'unknown', legs: [leg('arp-request', A, B, ['veth0', 'veth1'])] },
      example: echoExchange(A, B, { resolutions: [arpExchange(request, [reply])] }),
    });
    expect(lines).toMatch(/br0 +veth0 +veth1/);
  });

  it('that were not captured are dotted, and named', () => {
    const lines = drawn({
      path: { end: 'unknown', legs: [REQUEST] },
      coverage: coverage(['eth0']),
      vanished: { leg: 0 },
    });
    expect(lines).toMatch(/│ +┊ +┊/);
    expect(lines).toMatch(/┊ not captured: vA@host, br0@host\n$/);
  });

  it('are none where there is no place', () => {
    expect(ladder(report({}), terminal(80), { flooded: false })).toEqual([]);
  });
});

describe('rows', () => {
  const pair = { end: 'delivered', legs: [leg('echo-request', A, B, ['eth0', 'eth1'])] } as const;
  const covered = coverage(['eth0', 'eth1']);

  it('fold repetitions that look the same', () => {
    const ask = (id: number, ms: number) => arpExchange(along(id, 'arp-request', ms, ['eth0', 'eth1'], arp(1, A, B)));
    const resolutions = [0, 1000, 2000, 3000, 4000].map((ms, index) => ask(index + 1, ms));
    const lines = drawn({ path: pair, coverage: covered, example: echoExchange(A, B, { resolutions }) });
    expect(lines.match(/who-has/g)).toHaveLength(1);
    expect(lines).toContain('4 more: the same, at +1.00 s, +2.00 s, +3.00 s …');
  });

  it('do not fold what was sighted elsewhere', () => {
    const resolutions = [
      arpExchange(along(1, 'arp-request', 0, ['eth0', 'eth1'], arp(1, A, B))),
      arpExchange(along(2, 'arp-request', 1000, ['eth0'], arp(1, A, B))),
    ];
    const lines = drawn({ path: pair, coverage: covered, example: echoExchange(A, B, { resolutions }) });
    expect(lines.match(/who-has/g)).toHaveLength(2);
  });

  it('put the question before its answer when their stamps are equal', () => {
    const lines = drawn({
      path: pair,
      coverage: covered,
      example: echoExchange(A, B, {
        replies: [along(1, 'echo-reply', 0, ['eth1', 'eth0'], echo(0, B, A))],
        request: along(2, 'echo-request', 0, ['eth0', 'eth1'], echo(8, A, B)),
      }),
    });
    expect(lines.indexOf('echo request')).toBeLessThan(lines.indexOf('echo reply'));
  });

  it('begin anew where a packet comes back', () => {
    const circle = Array.from({ length: 7 }, (_, hop) => ({
      at: hop % 2 === 0 ? 'eth0' : 'eth1',
      ms: hop,
      packet: echo(8, A, B, 1, 64 - hop),
    }));
    const lines = drawn({
      path: pair,
      coverage: covered,
      example: echoExchange(A, B, { request: journey(1, 'echo-request', circle) }),
    });
    expect(lines).toBe(
      `
     ms   eth0     eth1
  0.000    ●───────▶●     echo request 10.0.0.1 > 10.0.0.2 seq 1
  2.000    ●◀───────●     the same packet, ttl 62
           │        │     2 more: the same, at +4.000 ms, +6.000 ms
  3.000    ●───────▶●     the same packet, ttl 61
           │        │     1 more: the same, at +5.000 ms
`,
    );
  });

  it('mark a packet that was sighted at one place alone', () => {
    const reply = along(1, 'echo-reply', 0, ['lo', 'lo'], echo(0, B, A));
    expect(drawn({ coverage: coverage(['lo']), example: echoExchange(A, B, { replies: [reply] }) })).toBe(`
     ms   lo
  0.000   ●    echo reply 10.0.0.2 > 10.0.0.1 seq 1
`);
  });

  it('tell where an address was rewritten', () => {
    const request = journey(1, 'echo-request', [
      { at: 'eth0', ms: 0, packet: echo(8, A, B) },
      { at: 'eth1', ms: 0.1, packet: echo(8, '192.0.2.1', B) },
    ]);
    expect(drawn({ path: pair, coverage: covered, example: echoExchange(A, B, { request }) })).toMatch(
      /echo request 10\.0\.0\.1 > 10\.0\.0\.2 seq 1\n {11}│ {8}│ {5}source 192\.0\.2\.1 from eth1 on\n$/,
    );
  });

  it('cross the column of a place where it was not sighted', () => {
    const request = along(1, 'echo-request', 0, ['eth0', 'br0@host'], echo(8, A, B));
    expect(
      drawn({ path: { end: 'unknown', legs: [REQUEST] }, coverage: THREE, example: echoExchange(A, B, { request }) }),
    ).toMatch(/●─+┼─+▶●/);
  });

  it('stop at a limit', () => {
    const resolutions = Array.from({ length: 40 }, (_, index) =>
      arpExchange(along(index + 1, 'arp-request', index, ['eth0', 'eth1'], arp(1, A, `10.0.1.${index}`))),
    );
    const lines = drawn({ path: pair, coverage: covered, example: echoExchange(A, B, { resolutions }) });
    expect(lines.match(/who-has/g)).toHaveLength(16);
    expect(lines).toContain('24 more rows');
  });
});

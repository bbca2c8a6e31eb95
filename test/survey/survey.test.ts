/** What a survey makes of small networks: what was lost and where, what only looks lost, who owns what, what is odd. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FailureGroup, PairSummary, SurveySummary } from '../../src/survey/summary.ts';
import { Survey } from '../../src/survey/survey.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { arpReply, arpRequest, echo, icmpError, ipv4, MAC_A, MAC_B, probeData } from '../trace/frames.ts';
import { advertisement, probe, Scene, solicitation } from './scene.ts';

const SECOND = 1_000_000;
const OUT = ['veth1 out', 'veth0 in', 'br0 in'];
const BACK = ['br0 out', 'veth0 out', 'veth1 in'];
const PATH = ['veth1', 'veth0', 'br0'];

function pair(summary: SurveySummary, kind: PairSummary['kind'], source: string, target: string): PairSummary {
  const found = summary.pairs.find((each) => each.kind === kind && each.source === source && each.target === target);
  if (!found) throw new Error(`no ${kind} of ${source} to ${target}`);
  return found;
}

function failures({ failures: groups }: PairSummary): string[] {
  return groups.map(
    ({ failure, last, next, basis, requests }: FailureGroup) =>
      `${requests} ${failure} ${last.name}${next ? `>${next.name} (${basis})` : ''}`,
  );
}

function lost({ lostPackets }: SurveySummary): string[] {
  return lostPackets.map(({ kind, last, next, sequence }) => `${kind} ${sequence ?? ''} ${last.name}>${next.name}`);
}

/** Pings from veth1, a second apart, that are answered within a millisecond. */
function pinging(count: number, from = 1): Scene {
  const scene = new Scene(...PATH);
  for (let n = from; n < from + count; n++)
    scene.pass(OUT, n * SECOND, echo('request', n)).pass(BACK, n * SECOND + 500, echo('reply', n));
  return scene;
}

describe('pings', () => {
  it('that are answered are healthy, and timed', () => {
    const summary = pinging(3).summary();
    expect(pair(summary, 'echo', '10.9.0.2', '10.9.0.3')).toMatchObject({
      begins: { name: 'veth1' },
      requests: 3,
      answered: 3,
      failures: [],
      rttNs: { min: 520_000, avg: 520_000, max: 520_000 },
    });
    expect(summary).toMatchObject({ frames: 18, packets: 6, requests: 3, answered: 3, orphans: 0, lostPackets: [] });
    expect(summary.hops.map(({ from, to, packets, avgNs }) => [from.name, to.name, packets, avgNs])).toEqual(
      expect.arrayContaining([
        ['veth1', 'veth0', 3, 10_000],
        ['veth0', 'br0', 3, 10_000],
        ['br0', 'veth0', 3, 10_000],
        ['veth0', 'veth1', 3, 10_000],
      ]),
    );
    expect(summary.shape.links.map(({ ends }) => ends.map(({ name }) => name).sort())).toEqual([['veth0', 'veth1']]);
    expect(summary.shape.uppers.map(({ upper, lowers }) => [upper.name, lowers.map(({ name }) => name)])).toEqual([
      ['br0', ['veth0']],
    ]);
  });

  it('one of which got lost on the way there, one on the way back', () => {
    const scene = pinging(30)
      .pass(OUT.slice(0, 2), 40 * SECOND, echo('request', 40))
      .pass(OUT, 41 * SECOND, echo('request', 41))
      .pass(BACK.slice(0, 1), 41 * SECOND + 500, echo('reply', 41))
      .pass(OUT, 55 * SECOND, echo('request', 55))
      .pass(BACK, 55 * SECOND + 500, echo('reply', 55));
    const summary = scene.summary();
    expect(lost(summary)).toEqual(['echo-request 40 veth0>br0', 'echo-reply 41 br0>veth0']);
    expect(failures(pair(summary, 'echo', '10.9.0.2', '10.9.0.3')).sort()).toEqual([
      '1 reply-lost br0>veth0 (flow)',
      '1 request-lost veth0>br0 (flow)',
    ]);
  });

  it('one of which was answered although a place missed it are no loss', () => {
    const scene = pinging(30)
      .pass(OUT.slice(0, 2), 40 * SECOND, echo('request', 40))
      .pass(BACK, 40 * SECOND + 500, echo('reply', 40))
      .pass(OUT, 55 * SECOND, echo('request', 55))
      .pass(BACK, 55 * SECOND + 500, echo('reply', 55));
    expect(lost(scene.summary())).toEqual([]);
  });

  it('that nobody answers, and that an error comes back for', () => {
    const scene = new Scene(...PATH);
    for (let n = 1; n <= 3; n++) scene.pass(OUT, n * SECOND, echo('request', n));
    const refused = echo('request', 9, { destination: '10.9.0.9' });
    scene.pass(OUT, 9 * SECOND, refused).pass(BACK, 9 * SECOND + 500, icmpError(3, 1, '10.9.0.1', refused));
    const summary = scene.summary();
    expect(failures(pair(summary, 'echo', '10.9.0.2', '10.9.0.3'))).toEqual(['3 unanswered br0']);
    expect(pair(summary, 'echo', '10.9.0.2', '10.9.0.9').failures).toMatchObject([
      { failure: 'refused', error: { from: '10.9.0.1', type: 3, code: 1, packets: 1 } },
    ]);
    expect(lost(summary)).toEqual([]);
  });

  it('whose numbers come again keep their errors apart', () => {
    const scene = new Scene(...PATH);
    const asked = echo('request', 1);
    const again = echo('request', 1, { ip: { identification: 8 } });
    scene.pass(OUT, 0, asked).pass(BACK, 3 * SECOND, icmpError(3, 1, '10.9.0.1', asked));
    scene.pass(OUT, 60 * SECOND, again).pass(BACK, 63 * SECOND, icmpError(3, 1, '10.9.0.1', again));
    // This one has none.
    scene.pass(OUT, 120 * SECOND, echo('request', 1, { ip: { identification: 9 } }));
    expect(failures(pair(scene.summary(), 'echo', '10.9.0.2', '10.9.0.3')).sort()).toEqual([
      '1 unanswered br0',
      '2 refused br0',
    ]);
  });

  it('between two are all that --between wants', () => {
    const scene = pinging(2).pass(OUT, 9 * SECOND, echo('request', 9, { destination: '10.9.0.9' }));
    const summary = scene.summary(['10.9.0.2', '10.9.0.9']);
    expect(summary.pairs.map(({ target }) => target)).toEqual(['10.9.0.9']);
    expect(summary).toMatchObject({ requests: 1, answered: 0, pairCount: 1 });
  });
});

describe('ARP', () => {
  /** A bridge with five ports: who asks is behind the first, who answers behind the second. */
  const PORTS = ['vA in', 'br0 in', 'vB out', 'vC out', 'vD out', 'vE out'];
  const names = PORTS.map((port) => port.split(' ')[0] ?? '');

  it('flooded to five ports is answered by one of them, and lost at none', () => {
    const scene = new Scene(...names);
    for (let n = 0; n < 20; n++)
      scene
        .pass(PORTS, n * 5 * SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
        .pass(['vB in', 'br0 in', 'vA out'], n * 5 * SECOND + 300, arpReply('10.0.0.2', '10.0.0.1'));
    const summary = scene.summary();
    expect(summary).toMatchObject({ requests: 20, answered: 20, lostPackets: [] });
  });

  it('asked again each second until it got through is answered once, and no loss of a packet that arrived', () => {
    const scene = new Scene(...PATH);
    for (let n = 0; n < 40; n++)
      scene
        .pass(OUT, n * 9 * SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
        .pass(BACK, n * 9 * SECOND + 300, arpReply('10.0.0.2', '10.0.0.1'));
    const late = 400 * SECOND;
    scene
      .pass(OUT.slice(0, 1), late, arpRequest('10.0.0.1', '10.0.0.2'))
      .pass(OUT.slice(0, 1), late + SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
      .pass(OUT, late + 2 * SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
      .pass(BACK, late + 2 * SECOND + 300, arpReply('10.0.0.2', '10.0.0.1'))
      .pass(OUT, late + 60 * SECOND, arpRequest('10.0.0.1', '10.0.0.2'));
    const summary = scene.summary();
    const asked = pair(summary, 'arp', '10.0.0.1', '10.0.0.2');
    expect(asked).toMatchObject({ requests: 44, answered: 41, retried: 2 });
    expect(lost(summary)).toEqual(['arp-request  veth1>veth0', 'arp-request  veth1>veth0']);
  });

  it('that announces its own address asks nobody', () => {
    const scene = new Scene(...PATH).pass(OUT, 0, arpRequest('10.0.0.1', '10.0.0.1'));
    expect(scene.summary()).toMatchObject({ requests: 0, packets: 1 });
  });

  it('tells two owners, a sender in another name, and a probe that was answered', () => {
    const contested = new Scene(...PATH);
    for (let n = 0; n < 3; n++)
      contested
        .pass(OUT, n * SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
        .pass(BACK, n * SECOND + 300, arpReply('10.0.0.2', '10.0.0.1'))
        .pass(BACK, n * SECOND + 400, arpReply('10.0.0.2', '10.0.0.1', '02:00:00:00:00:99'));
    const summary = contested.summary();
    expect(summary.contests).toMatchObject([
      {
        address: '10.0.0.2',
        changes: 5,
        claimants: [
          { mac: MAC_B, packets: 3 },
          { mac: '02:00:00:00:00:99', packets: 3 },
        ],
      },
    ]);
    expect(pair(summary, 'arp', '10.0.0.1', '10.0.0.2')).toMatchObject({ answered: 3, furtherReplies: 3 });

    const proxied = arpReply('10.0.0.2', '10.0.0.1');
    const forged = { ...proxied, ethernet: { destination: MAC_A, source: '02:00:00:00:00:99', etherType: 0x0806 } };
    expect(new Scene(...PATH).pass(BACK, 0, forged).summary().mismatches).toMatchObject([
      { address: '10.0.0.2', claimed: MAC_B, ethernet: '02:00:00:00:00:99', packets: 1 },
    ]);

    const wanted = new Scene(...PATH)
      .pass(OUT, 0, probe('10.0.0.2', MAC_A))
      .pass(BACK, 300, arpReply('10.0.0.2', '0.0.0.0'))
      .summary();
    expect(wanted.contests).toMatchObject([{ address: '10.0.0.2', conflicts: 1 }]);
    // A probe hopes for no answer: it is no request that failed.
    expect(new Scene(...PATH).pass(OUT, 0, probe('10.0.0.2', MAC_A)).summary().requests).toBe(0);
  });
});

describe('neighbour discovery', () => {
  it('is an exchange as ARP is', () => {
    const summary = new Scene(...PATH)
      .pass(OUT, 0, solicitation('fd00::2', 'fd00::3'))
      .pass(BACK, 300, advertisement('fd00::3', 'fd00::2'))
      .pass(OUT, 5 * SECOND, solicitation('fd00::2', 'fd00::4'))
      .summary();
    expect(pair(summary, 'neighbour', 'fd00::2', 'fd00::3')).toMatchObject({ requests: 1, answered: 1 });
    expect(failures(pair(summary, 'neighbour', 'fd00::2', 'fd00::4'))).toEqual(['1 unanswered br0']);
  });
});

describe('what only looks lost', () => {
  it('has another address on the other side of a NAT', () => {
    const scene = new Scene('eth0', 'up0');
    for (let n = 1; n <= 30; n++)
      scene
        .pass(['eth0 in'], n * SECOND, echo('request', n))
        .pass(['up0 out'], n * SECOND + 20, echo('request', n, { source: '192.0.2.1', ip: { ttl: 63 } }))
        .pass(['up0 in'], n * SECOND + 500, echo('reply', n, { destination: '192.0.2.1' }))
        .pass(['eth0 out'], n * SECOND + 520, echo('reply', n, { ip: { ttl: 63 } }));
    const summary = scene.summary();
    expect(lost(summary)).toEqual([]);
    expect(summary).toMatchObject({ requests: 60, answered: 60 });
  });

  it('arrived: hosts of one segment, some nearer than others', () => {
    const scene = new Scene(...PATH);
    // The bridge's own address answers at br0; another host is behind it.
    for (let n = 1; n <= 40; n++) {
      const near = { source: '10.9.0.2', destination: '10.9.0.1' };
      scene
        .pass(OUT, n * SECOND, echo('request', n))
        .pass(BACK, n * SECOND + 400, echo('reply', n))
        .pass(OUT.slice(0, 2), n * SECOND + 1000, echo('request', n, near))
        .pass(BACK.slice(1), n * SECOND + 1200, echo('reply', n, { source: '10.9.0.1', destination: '10.9.0.2' }));
    }
    expect(lost(scene.summary())).toEqual([]);
  });
});

describe('packets that nobody answers', () => {
  const path = [...PATH, 'up0'];
  const udp = (identification: number) => ipv4({ protocol: 17, identification }, probeData(identification));
  const sending = () => {
    const scene = new Scene(...path);
    for (let n = 1; n <= 30; n++) scene.pass(path, n * SECOND, udp(n));
    return scene;
  };

  it('are lost where others like them go on', () => {
    expect(
      lost(
        sending()
          .pass(path.slice(0, 3), 40 * SECOND, udp(40))
          .summary(),
      ),
    ).toEqual(['other  br0>up0']);
  });

  it('are not where a router there says why, and are where it would have been another one', () => {
    const refused = sending()
      .pass(path.slice(0, 3), 40 * SECOND, udp(40))
      .pass(['br0', 'veth0', 'veth1'], 40 * SECOND + 300, icmpError(3, 13, '10.9.0.1', udp(40)));
    expect(lost(refused.summary())).toEqual([]);
    // It ended before it came to the router.
    const before = refusedBeyond(sending().pass(path.slice(0, 1), 40 * SECOND, udp(40)));
    expect(lost(before.summary())).toEqual(['other  veth1>veth0']);
  });

  function refusedBeyond(scene: Scene): Scene {
    return scene.pass(['br0', 'veth0', 'veth1'], 41 * SECOND, icmpError(3, 13, '10.9.0.1', udp(41)));
  }
});

describe('what is odd', () => {
  it('goes round: a broadcast unchanged, a packet with a smaller TTL each time', () => {
    const scene = new Scene('vA', 'vB');
    for (let n = 0; n < 20; n++) scene.pass(['vA in'], n * 100, arpRequest('10.0.0.1', '10.0.0.2'));
    for (let n = 0; n < 10; n++) scene.pass(['vB in'], SECOND + n * 100, echo('request', 1, { ip: { ttl: 64 - n } }));
    expect(scene.summary().repeats).toMatchObject([
      { kind: 'arp-request', group: true, packets: 1, worst: 19, circles: 0 },
      { kind: 'echo-request', group: false, packets: 1, worst: 9, circles: 9 },
    ]);
  });

  it('is asked again although it was answered', () => {
    const scene = new Scene(...PATH);
    for (let n = 0; n < 4; n++)
      scene
        .pass(OUT, n * SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
        .pass(BACK, n * SECOND + 300, arpReply('10.0.0.2', '10.0.0.1'));
    expect(pair(scene.summary(), 'arp', '10.0.0.1', '10.0.0.2').unheeded).toBe(3);
  });

  it('is answered up the bridge: the replies pass the asker and go on', () => {
    const scene = new Scene('veth0', 'br0');
    for (let n = 0; n < 3; n++)
      scene
        .pass(['veth0 out'], n * SECOND, arpRequest('10.0.0.1', '10.0.0.2'))
        .pass(['veth0 in', 'br0 in'], n * SECOND + 300, arpReply('10.0.0.2', '10.0.0.1'));
    expect(pair(scene.summary(), 'arp', '10.0.0.1', '10.0.0.2')).toMatchObject({
      begins: { name: 'veth0' },
      passesTo: { name: 'br0' },
    });
  });

  it('is a recording put behind another one: time goes back, and nothing is mixed', () => {
    const scene = pinging(3, 100);
    for (let n = 1; n <= 2; n++)
      scene.pass(OUT, n * SECOND, echo('request', n)).pass(BACK, n * SECOND + 500, echo('reply', n));
    expect(scene.survey.recordings).toBe(2);
    expect(scene.summary()).toMatchObject({ requests: 5, answered: 5, lostPackets: [] });
    const same = new Scene(...PATH)
      .pass(['veth1'], 100 * SECOND, echo('request', 1))
      .pass(['br0'], 0, echo('request', 1));
    expect(same.summary().packets).toBe(2);
  });
});

describe('any frames', () => {
  const real = [
    echo('request', 1),
    echo('reply', 1),
    arpRequest('10.0.0.1', '10.0.0.2'),
    arpReply('10.0.0.2', '10.0.0.1'),
  ]
    .concat(solicitation('fd00::2', 'fd00::3'), advertisement('fd00::3', 'fd00::2'))
    .concat(icmpError(3, 4, '10.9.0.1', echo('request', 1)))
    .map((packet) => encodeFrame(packet));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc
      .tuple(fc.constantFrom(...real), fc.nat(120), fc.nat(255), fc.integer({ min: 30, max: 120 }))
      .map(([frame, at, value, length]) => {
        const changed = Uint8Array.from(frame.subarray(0, length));
        if (at < changed.length) changed[at] = value;
        return changed;
      }),
  );
  const frames = fc.array(
    fc.record({
      bytes,
      linkType: fc.constantFrom(1, 1, 1, 0, 101, 113, 276),
      place: fc.oneof(fc.nat(3), fc.nat(100_000)),
      direction: fc.nat(3),
      step: fc.oneof(fc.integer({ min: -5000, max: 100_000_000 }), fc.double({ noNaN: true, min: -1e12, max: 1e12 })),
    }),
    { maxLength: 80 },
  );

  it('are surveyed and summarised without a throw, and all are counted', () => {
    fc.assert(
      fc.property(frames, (list) => {
        const scene = new Scene('a', 'b', 'c', 'd');
        let ns = 0;
        list.forEach((frame, index) => {
          ns += frame.step;
          const view = new DataView(frame.bytes.buffer);
          scene.survey.add(view, 0, frame.bytes.length, frame.linkType, frame.place, frame.direction, ns, index + 1);
        });
        const summary = scene.summary();
        expect(summary.frames).toBe(list.length);
        expect(summary.packets).toBeLessThanOrEqual(list.length);
        expect(summary.answered).toBeLessThanOrEqual(summary.requests);
        expect(JSON.stringify(summary, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).not.toMatch(
          /undefined|NaN|null/,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('that are none leave an empty summary', () => {
    const survey = new Survey();
    survey.finish();
    expect(survey.packetCount).toBe(0);
    expect(new Scene('a').summary()).toMatchObject({ frames: 0, requests: 0, pairs: [], lost: [] });
  });
});

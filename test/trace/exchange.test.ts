import { describe, expect, it } from 'vitest';
import { buildExchanges, type Exchange, errorMessage, isAnswered } from '../../src/trace/exchange.ts';
import type { ProbeResult } from '../../src/trace/frame.ts';
import { createTracer, startNs } from '../../src/trace/journey.ts';
import type { Sighting } from '../../src/trace/sighting.ts';
import { arpReply, arpRequest, echo, icmpError, inOrder, MAC_A, MAC_B, sightings, ZERO_NS } from './frames.ts';

//   c1: eth0 10.9.0.2 ─── vA ┐
//                            br0
//   c2: eth0 10.9.0.3 ─── vB ┘
const ASKER = '10.9.0.2';
const OWNER = '10.9.0.3';
const SECOND = 1_000_000;

function exchangesOf(all: readonly Sighting[], probes: readonly ProbeResult[] = [], destination = OWNER): Exchange[] {
  const tracer = createTracer();
  for (const sighting of inOrder(all)) tracer.add(sighting);
  return buildExchanges(tracer.journeys(), ASKER, destination, probes);
}

const arps = (exchanges: readonly Exchange[]) => exchanges.filter((exchange) => exchange.kind === 'arp');
const echoes = (exchanges: readonly Exchange[]) => exchanges.filter((exchange) => exchange.kind === 'echo');
const asks = (microseconds: number, from = ASKER, whom = OWNER) =>
  sightings(['eth0@c1 out', 'vA in'], arpRequest(from, whom), microseconds, 3);
const answers = (microseconds: number, from = OWNER, whom = ASKER, mac = MAC_B) =>
  sightings(['eth0@c2 out', 'vB in'], arpReply(from, whom, mac), microseconds, 3);
const pings = (sequence: number, microseconds: number) =>
  sightings(['eth0@c1 out', 'vA in', 'vB out', 'eth0@c2 in'], echo('request', sequence), microseconds, 3);
const pongs = (sequence: number, microseconds: number) =>
  sightings(['eth0@c2 out', 'vB in', 'vA out', 'eth0@c1 in'], echo('reply', sequence), microseconds, 3);

/** What a socket saw: when it sent, and when replies came (microseconds). */
function probe(sequence: number, sent: number, ...replies: number[]): ProbeResult {
  const ns = (microseconds: number) => ZERO_NS + BigInt(microseconds) * 1000n;
  return {
    sequence,
    sentNs: ns(sent),
    replies: replies.map((at) => ({ timeNs: ns(at), source: OWNER, ttl: 64, lengthBytes: 64 })),
  };
}

describe('an ARP exchange', () => {
  it('joins a request with its reply', () => {
    const [exchange, ...more] = arps(exchangesOf([...asks(0), ...answers(50)]));
    expect(more).toEqual([]);
    expect(exchange).toMatchObject({ senderProtocol: ASKER, targetProtocol: OWNER, replies: [{ kind: 'arp-reply' }] });
  });

  it('is one per retry: a reply belongs to the latest request before it', () => {
    const exchanges = arps(exchangesOf([...asks(0), ...asks(SECOND), ...asks(2 * SECOND), ...answers(SECOND + 80)]));
    expect(exchanges.map(({ replies }) => replies.length)).toEqual([0, 1, 0]);
  });

  it('takes a reply up to 3 s later, or stamped a little earlier on another processor', () => {
    const replies = (asked: number, answered: number) =>
      arps(exchangesOf([...asks(asked), ...answers(answered)]))[0]?.replies.length;
    expect(replies(0, 3 * SECOND)).toBe(1);
    expect(replies(0, 3 * SECOND + 1)).toBe(0);
    expect(replies(200, 0)).toBe(1);
    expect(replies(201, 0)).toBe(0);
  });

  it('has two replies when two answer', () => {
    const [exchange] = arps(
      exchangesOf([...asks(0), ...answers(50), ...answers(70, OWNER, ASKER, '02:00:00:00:00:0c')]),
    );
    expect(exchange?.replies.map(({ sightings: [first] }) => first?.packet.arp?.senderHardware)).toEqual([
      MAC_B,
      '02:00:00:00:00:0c',
    ]);
  });

  it('is not made of an announcement, nor of a reply nobody asked for', () => {
    expect(exchangesOf([...asks(0, ASKER, ASKER), ...answers(50, OWNER, OWNER)])).toEqual([]);
    expect(arps(exchangesOf([...asks(0, ASKER, ASKER), ...asks(1)]))).toHaveLength(1);
  });

  it('keeps askers for the same target apart', () => {
    const all = [...asks(0), ...asks(10, '10.9.0.7'), ...answers(60, OWNER, '10.9.0.7')];
    const replies = arps(exchangesOf(all)).map(({ senderProtocol, replies: got }) => [senderProtocol, got.length]);
    expect(replies).toEqual([
      [ASKER, 0],
      ['10.9.0.7', 1],
    ]);
  });
});

describe('an echo exchange', () => {
  it('joins request and reply by the number of the probe, in order of the numbers', () => {
    const all = [...pings(2, 0), ...pings(1, 100), ...pongs(1, 300), ...pongs(2, 400)];
    const exchanges = echoes(exchangesOf(all));
    expect(exchanges.map(({ sequence, replies }) => [sequence, replies.length])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(exchanges[0]).toMatchObject({ source: ASKER, destination: OWNER, request: { sequence: 1 } });
    expect(exchangesOf(all).map(({ kind }) => kind)).toEqual(['echo', 'echo']);
  });

  it('is there for a probe that was sighted nowhere', () => {
    const [exchange] = echoes(exchangesOf([], [probe(1, 0)]));
    expect(exchange).toMatchObject({ sequence: 1, replies: [], errors: [], probe: { sequence: 1 } });
    expect(exchange?.request).toBeUndefined();
  });

  it('has every reply, also a second one', () => {
    const again = sightings(['eth0@c2 out', 'vB in'], echo('reply', 1), 900, 3);
    expect(echoes(exchangesOf([...pings(1, 0), ...pongs(1, 100), ...again]))[0]?.replies).toHaveLength(2);
  });

  it("is none for somebody else's ping beside it", () => {
    const theirs = { data: new Uint8Array(56), identifier: 9 };
    const other = sightings(['eth0@c1 out', 'vA in'], echo('request', 1, theirs), 5, 3);
    const [exchange, ...more] = echoes(exchangesOf([...pings(1, 0), ...other]));
    expect(more).toEqual([]);
    expect(exchange?.request?.sightings).toHaveLength(4);
  });

  it('knows the errors about it', () => {
    const error = sightings(['vA out', 'eth0@c1 in'], icmpError(11, 0, '10.9.0.1', echo('request', 2)), 50, 3);
    const exchanges = echoes(exchangesOf([...pings(1, 0), ...pings(2, 10), ...error]));
    expect(exchanges.map(({ errors }) => errors.length)).toEqual([0, 1]);
    const [journey] = exchanges[1]?.errors ?? [];
    expect(journey && errorMessage(journey)).toMatchObject({ type: 11, code: 0 });
  });

  it('is answered when the socket says so; without a socket, when a reply was sighted', () => {
    const answered = (probes: ProbeResult[]) =>
      echoes(exchangesOf([...pings(1, 0), ...pongs(1, 50)], probes)).map(isAnswered);
    expect(answered([])).toEqual([true]);
    expect(answered([probe(1, 0)])).toEqual([false]);
    expect(answered([probe(1, 0, 80)])).toEqual([true]);
    expect(echoes(exchangesOf(pings(1, 0))).map(isAnswered)).toEqual([false]);
  });
});

describe('the ARP exchanges an echo waited for', () => {
  const waitedFor = (all: readonly Sighting[], probes: readonly ProbeResult[] = [], destination = OWNER) =>
    echoes(exchangesOf(all, probes, destination))[0]?.resolutions.map(
      ({ senderProtocol, targetProtocol, request, replies }) =>
        `${senderProtocol} asks ${targetProtocol} at ${(startNs(request) - ZERO_NS) / 1000n}, ${replies.length} replies`,
    );

  it('are those about its own addresses, retries in order of time', () => {
    const all = [...asks(10), ...asks(SECOND), ...answers(SECOND + 50), ...pings(1, SECOND + 90)];
    expect(waitedFor(all, [probe(1, 0)])).toEqual([
      `${ASKER} asks ${OWNER} at 10, 0 replies`,
      `${ASKER} asks ${OWNER} at ${SECOND}, 1 replies`,
    ]);
  });

  it('are not those that were over before it was sent', () => {
    expect(waitedFor([...asks(0), ...answers(50), ...pings(1, 2000)], [probe(1, 1000)])).toEqual([]);
  });

  it("are also the replier's", () => {
    const back = sightings(['eth0@c2 out', 'vB in'], arpRequest(OWNER, ASKER, MAC_B), 30, 3);
    expect(waitedFor([...pings(1, 0), ...back])).toEqual([`${OWNER} asks ${ASKER} at 30, 0 replies`]);
  });

  //   eth0@c1 ─── vA, r's own eth1 192.0.2.1 ─── eth0@far 192.0.2.9
  it('are also a router’s own, once the echo has come to it', () => {
    const arrives = sightings(['eth0@c1 out', 'vA@r in'], echo('request', 1, { destination: '192.0.2.9' }), 0, 10);
    const routerAsks = (us: number) => sightings(['eth1@r out'], arpRequest('192.0.2.1', '192.0.2.7', MAC_A), us);
    const gone = (us: number) => waitedFor([...arrives, ...routerAsks(us)], [probe(1, 0)], '192.0.2.9');
    expect(gone(20)).toEqual(['192.0.2.1 asks 192.0.2.7 at 20, 0 replies']);
    expect(gone(5)).toEqual([]);
  });

  it('are not those of strangers', () => {
    const stranger = sightings(['eth0@c3 out', 'vC in'], arpRequest('10.9.0.4', '10.9.0.5'), 5, 3);
    expect(waitedFor([...pings(1, 0), ...stranger])).toEqual([]);
  });
});

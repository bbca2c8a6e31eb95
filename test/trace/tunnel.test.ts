/** What travels inside a tunnel is one packet with what went in and what comes out. */
import { describe, expect, it } from 'vitest';
import { createTracer, sightingAt } from '../../src/trace/journey.ts';
import { createSighter, isLaterFragment } from '../../src/trace/sight.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import type { Ipv4, Packet } from '../../src/wire/packet.ts';
import { arpRequest, at, echo, frame, icmpError, ipv4, RUN } from './frames.ts';

const VXLAN = [8, 0, 0, 0, 0, 0, 42, 0];

/** In UDP from 192.0.2.1 to another node. */
function inVxlan(inner: Packet, to = '192.0.2.2', port = 4789, fragment: Partial<Ipv4> = {}): Packet {
  const data = Uint8Array.from([...VXLAN, ...encodeFrame(inner)]);
  const outer = ipv4({ source: '192.0.2.1', destination: to, protocol: 17, ...fragment }, data);
  return { ...outer, udp: { sourcePort: 50_000, destinationPort: port, length: data.length + 8 } };
}

const REQUEST = echo('request', 1);
const ASKED = arpRequest('10.8.0.1', '10.8.0.2');

describe('a sighting inside a tunnel', () => {
  it.each([
    ['an echo request', REQUEST],
    ['a who-has', ASKED],
  ])('is one of %s', (_, inner) => {
    const sight = createSighter(RUN);
    const [plain, carried] = [sight(frame('vx0 out', 0, inner)), sight(frame('eth0 out', 1, inVxlan(inner)))];
    expect(carried).toMatchObject({ kind: plain.kind, identity: plain.identity });
    expect(carried.packet.ip).toEqual(plain.packet.ip);
    expect(carried.outer?.ip).toMatchObject({ source: '192.0.2.1', destination: '192.0.2.2' });
    expect(plain.outer).toBeUndefined();
  });

  it('needs to be told of a port that is none of the usual', () => {
    const moved = frame('eth0 out', 0, inVxlan(REQUEST, '192.0.2.2', 9999));
    expect(createSighter(RUN)(moved).kind).toBe('other');
    expect(createSighter({ ...RUN, vxlanPorts: new Set([9999]) })(moved)).toMatchObject({ sequence: 1 });
  });

  it('knows the pieces of the packet around it', () => {
    const sight = createSighter(RUN);
    const first = sight(frame('eth0 out', 0, inVxlan(REQUEST, '192.0.2.2', 4789, { moreFragments: true })));
    const rest = { source: '192.0.2.1', destination: '192.0.2.2', protocol: 17, fragmentOffset: 1480 };
    const second = sight(frame('eth0 out', 1, ipv4(rest, new Uint8Array(20))));
    expect(second.identity).toBe(first.identity);
    expect([isLaterFragment(first), isLaterFragment(second)]).toEqual([false, true]);
  });

  it('knows the probe that an error about the packet around it quotes', () => {
    const error = icmpError(3, 3, '192.0.2.2', inVxlan(REQUEST));
    expect(createSighter(RUN)(frame('eth0 in', 0, error))).toMatchObject({ kind: 'icmp-error', sequence: 1 });
  });
});

describe('the journey of a frame that a tunnel sends to several nodes', () => {
  it('is one, and each copy has its own way', () => {
    const tracer = createTracer();
    const sight = createSighter(RUN);
    const visits: [string, Packet][] = [
      ['vx0 out', ASKED],
      ['eth0 out', inVxlan(ASKED, '192.0.2.2')],
      ['eth0 out', inVxlan(ASKED, '192.0.2.3')],
      ['eth0@n2 in', inVxlan(ASKED, '192.0.2.2')],
      ['vx0@n2 in', ASKED],
    ];
    for (const [index, [visit, packet]] of visits.entries()) tracer.add(sight(frame(visit, index, packet)));
    const [journey, ...others] = tracer.journeys();
    expect(others).toEqual([]);
    expect(journey?.sightings).toHaveLength(5);
    const seen = (place: string, around?: string) => journey && sightingAt(journey, at(place), undefined, around);
    expect(seen('eth0', '192.0.2.3')).toBeDefined();
    expect(seen('eth0@n2', '192.0.2.3')).toBeUndefined();
    expect(seen('vx0@n2', '192.0.2.2')).toBeUndefined();
  });
});

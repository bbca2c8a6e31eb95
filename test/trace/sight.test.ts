import { describe, expect, it } from 'vitest';
import { createSighter, isLaterFragment } from '../../src/trace/sight.ts';
import type { Sighting } from '../../src/trace/sighting.ts';
import { encodeNeighbour } from '../../src/wire/icmpv6.ts';
import type { Icmp, Packet } from '../../src/wire/packet.ts';
import { arpReply, arpRequest, echo, frame, icmpError, ipv4, MAC_A, MAC_B, probeData, RUN } from './frames.ts';

function sighted(packet: Packet, run: typeof RUN | undefined = RUN): Sighting {
  return createSighter(run)(frame('eth0 out', 0, packet));
}

function ipv6(icmp: Icmp, payload: Uint8Array, source = 'fd00::2', destination = 'fd00::3'): Packet {
  const ip = {
    version: 6,
    source,
    destination,
    payloadLength: 0,
    hopLimit: 64,
    nextHeader: 58,
    identification: 0,
    fragmentOffset: 0,
    moreFragments: false,
  } as const;
  return { ethernet: { destination: MAC_B, source: MAC_A, etherType: 0x86dd }, vlans: [], ip, icmp, payload };
}

const NOTHING = new Uint8Array(0);
const foreign = { data: new Uint8Array(56).fill(7), identifier: 77, wireSequence: 5 };

/** Neighbour discovery by its encoder: the payload behind the fixed eight bytes holds target and option. */
function neighbour(type: 135 | 136, target: string): Packet {
  const addresses = { source: 'fd00::2', destination: 'fd00::3' };
  const flags = type === 136 ? { neighbourFlags: 0x60 } : {};
  const message = encodeNeighbour({ target, linkLayerAddress: MAC_A, ...flags }, addresses);
  return ipv6({ version: 6, type, code: 0, ...flags }, message.subarray(8));
}

describe('the kind of a sighting', () => {
  it.each<[string, Packet, string]>([
    ['who-has', arpRequest('10.9.0.2', '10.9.0.3'), 'arp-request'],
    ['is-at', arpReply('10.9.0.3', '10.9.0.2'), 'arp-reply'],
    ['echo request', echo('request', 1), 'echo-request'],
    ['echo reply', echo('reply', 1), 'echo-reply'],
    ["somebody else's echo", echo('request', 1, foreign), 'echo-request'],
    ['unreachable', icmpError(3, 1, '10.9.0.1', echo('request', 1)), 'icmp-error'],
    ['source quench', icmpError(4, 0, '10.9.0.1', echo('request', 1)), 'icmp-error'],
    ['redirect', icmpError(5, 1, '10.9.0.1', echo('request', 1)), 'icmp-error'],
    ['time exceeded', icmpError(11, 0, '10.9.0.1', echo('request', 1)), 'icmp-error'],
    ['parameter problem', icmpError(12, 0, '10.9.0.1', echo('request', 1)), 'icmp-error'],
    ['timestamp', ipv4({}, NOTHING, { version: 4, type: 13, code: 0 }), 'other'],
    ['TCP', ipv4({ protocol: 6 }, new Uint8Array(20)), 'other'],
    ['ICMPv6 echo request', ipv6({ version: 6, type: 128, code: 0 }, probeData(1)), 'echo-request'],
    ['ICMPv6 echo reply', ipv6({ version: 6, type: 129, code: 0 }, probeData(1)), 'echo-reply'],
    ['neighbour solicitation', neighbour(135, 'fd00::3'), 'neighbour-solicitation'],
    ['neighbour advertisement', neighbour(136, 'fd00::3'), 'neighbour-advertisement'],
    ['packet too big', ipv6({ version: 6, type: 2, code: 0, mtu: 1280 }, NOTHING), 'icmp-error'],
    ['router solicitation', ipv6({ version: 6, type: 133, code: 0 }, new Uint8Array(4)), 'other'],
  ])('%s', (_, packet, kind) => {
    expect(sighted(packet).kind).toBe(kind);
  });

  it('of bytes that are no packet is other, and nothing is thrown', () => {
    const whole = frame('eth0 out', 0, echo('request', 1));
    for (let length = 0; length < whole.bytes.length; length++)
      expect(() => createSighter(RUN)({ ...whole, bytes: whole.bytes.subarray(0, length) })).not.toThrow();
    expect(createSighter(RUN)({ ...whole, bytes: NOTHING }).kind).toBe('other');
  });
});

describe('the identity of a sighting', () => {
  it('of a probe is its number, also behind address and identifier translation', () => {
    const before = sighted(echo('request', 3));
    const after = sighted(echo('request', 3, { source: '192.0.2.1', identifier: 9999, ip: { ttl: 63 } }));
    expect(after).toMatchObject({ identity: before.identity, sequence: 3 });
    expect(sighted(echo('reply', 3)).identity).not.toBe(before.identity);
    expect(sighted(echo('request', 4)).identity).not.toBe(before.identity);
  });

  it("of somebody else's echo is made of its header", () => {
    const one = sighted(echo('request', 1, foreign));
    expect(one.sequence).toBeUndefined();
    expect(sighted(echo('request', 1, { ...foreign, ip: { ttl: 9 } })).identity).toBe(one.identity);
    for (const other of [{ identifier: 78 }, { wireSequence: 6 }, { source: '10.9.0.9' }])
      expect(sighted(echo('request', 1, { ...foreign, ...other })).identity).not.toBe(one.identity);
  });

  it('without a run is never a probe of it', () => {
    expect(createSighter()(frame('eth0 out', 0, echo('request', 1))).sequence).toBeUndefined();
  });

  it('of ARP tells askers, targets and answerers apart', () => {
    const packets = [
      arpRequest('10.9.0.2', '10.9.0.3'),
      arpRequest('10.9.0.2', '10.9.0.4'),
      arpRequest('10.9.0.9', '10.9.0.3'),
      arpRequest('10.9.0.2', '10.9.0.3', MAC_B),
      arpReply('10.9.0.3', '10.9.0.2'),
      arpReply('10.9.0.3', '10.9.0.2', MAC_A),
    ];
    expect(new Set(packets.map((packet) => sighted(packet).identity)).size).toBe(packets.length);
  });

  it('of two neighbour solicitations differs by what is asked for', () => {
    expect(sighted(neighbour(135, 'fd00::3')).identity).not.toBe(sighted(neighbour(135, 'fd00::4')).identity);
  });
});

describe('an error', () => {
  const probe = echo('request', 2);

  it('that quotes the data belongs to the probe, whatever identifier it was rewritten to', () => {
    const rewritten = echo('request', 2, { identifier: 4711, source: '192.0.2.1' });
    expect(sighted(icmpError(11, 0, '10.9.0.1', rewritten))).toMatchObject({ kind: 'icmp-error', sequence: 2 });
  });

  it('that quotes eight bytes only is known by identifier and sequence number', () => {
    expect(sighted(icmpError(11, 0, '10.9.0.1', probe, 8)).sequence).toBe(2);
    const other = echo('request', 2, { identifier: 4711 });
    expect(sighted(icmpError(11, 0, '10.9.0.1', other, 8)).sequence).toBeUndefined();
  });

  it('that quotes a reply of this run belongs to its probe too', () => {
    expect(sighted(icmpError(3, 1, '10.9.0.1', echo('reply', 2)))).toMatchObject({ sequence: 2 });
  });

  it('about something else, or about nothing that can be read, belongs to no probe', () => {
    const udp = ipv4({ protocol: 17 }, new Uint8Array(16));
    for (const quoted of [echo('request', 2, foreign), udp])
      expect(sighted(icmpError(3, 3, '10.9.0.1', quoted))).toMatchObject({ kind: 'icmp-error' });
    expect(sighted(icmpError(3, 3, '10.9.0.1', echo('request', 2, foreign))).sequence).toBeUndefined();
    expect(sighted(icmpError(3, 3, '10.9.0.1', probe, -20)).sequence).toBeUndefined();
  });

  it('is another packet when another router, type, code or probe makes it', () => {
    const errors = [
      icmpError(11, 0, '10.9.0.1', probe),
      icmpError(11, 0, '10.9.0.7', probe),
      icmpError(11, 1, '10.9.0.1', probe),
      icmpError(3, 0, '10.9.0.1', probe),
      icmpError(11, 0, '10.9.0.1', echo('request', 3)),
    ];
    expect(new Set(errors.map((packet) => sighted(packet).identity)).size).toBe(errors.length);
  });
});

describe('fragments', () => {
  const first = echo('request', 5, { data: probeData(5, 1460), ip: { moreFragments: true } });
  const later = (ip = {}) => ipv4({ fragmentOffset: 1480, ...ip }, new Uint8Array(100));

  it('behind the first belong to its packet, at the same place and in the same direction', () => {
    const sight = createSighter(RUN);
    const head = sight(frame('eth0 out', 0, first));
    const tail = sight(frame('eth0 out', 1, later()));
    expect(isLaterFragment(head)).toBe(false);
    expect(isLaterFragment(tail)).toBe(true);
    expect(tail).toMatchObject({ kind: 'echo-request', identity: head.identity, sequence: 5 });
    expect(sight(frame('eth0 in', 2, later())).kind).toBe('other');
    expect(sight(frame('vA in', 2, later())).kind).toBe('other');
  });

  it('of another packet do not', () => {
    const sight = createSighter(RUN);
    sight(frame('eth0 out', 0, first));
    for (const ip of [{ identification: 8 }, { source: '10.9.0.9' }, { destination: '10.9.0.9' }])
      expect(sight(frame('eth0 out', 1, later(ip)))).toMatchObject({ kind: 'other' });
  });

  it('are remembered in bounded number: the oldest train is forgotten', () => {
    const sight = createSighter(RUN);
    for (let identification = 0; identification <= 4096; identification++)
      sight(frame('eth0 out', 0, echo('request', 5, { ip: { moreFragments: true, identification } })));
    expect(sight(frame('eth0 out', 1, later({ identification: 0 }))).kind).toBe('other');
    expect(sight(frame('eth0 out', 1, later({ identification: 1 }))).kind).toBe('echo-request');
    expect(sight(frame('eth0 out', 1, later({ identification: 4096 }))).kind).toBe('echo-request');
  });
});

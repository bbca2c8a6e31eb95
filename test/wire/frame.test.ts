import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeArp } from '../../src/wire/arp.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { encodeEthernet } from '../../src/wire/ethernet.ts';
import { decodeFrame, encodeFrame } from '../../src/wire/frame.ts';
import { encodeIcmp, encodeIcmpEcho } from '../../src/wire/icmp.ts';
import { encodeIcmpv6, encodeIcmpv6Echo, encodeNeighbour } from '../../src/wire/icmpv6.ts';
import { encodeIpv4, ipv4Addresses } from '../../src/wire/ipv4.ts';
import { encodeIpv6 } from '../../src/wire/ipv6.ts';
import { encodeTcp } from '../../src/wire/tcp.ts';
import { encodeUdp } from '../../src/wire/udp.ts';
import { anyData, anyIpv4, anyIpv6, anyMac, anyU8, anyU16, anyU32, concat, hex } from './vectors.ts';

const anyEcho = fc.record({ reply: fc.boolean(), identifier: anyU16, sequence: anyU16, data: anyData });
const anyPorts = fc.record({ sourcePort: anyU16, destinationPort: anyU16 });
const anyTcp = fc.record({
  sourcePort: anyU16,
  destinationPort: anyU16,
  sequence: anyU32,
  acknowledgment: anyU32,
  flags: anyU8,
});
const fragmentless = { identification: 0, fragmentOffset: 0, moreFragments: false } as const;

const anyIpv4Packet = fc
  .record({
    source: anyIpv4,
    destination: anyIpv4,
    ttl: anyU8,
    echo: anyEcho,
    ports: anyPorts,
    tcp: anyTcp,
    data: anyData,
  })
  .chain(({ source, destination, ttl, echo, ports, tcp, data }) => {
    const header = { version: 4, source, destination, ttl, dontFragment: true, ...fragmentless } as const;
    const addresses = ipv4Addresses(header);
    const quoted = encodeIpv4({ ...header, protocol: 17 }, encodeUdp(ports, data, addresses));
    return fc.constantFrom(
      encodeIpv4({ ...header, protocol: 1 }, encodeIcmpEcho(echo)),
      encodeIpv4({ ...header, protocol: 1 }, encodeIcmp({ type: 3, code: 4, mtu: ports.sourcePort }, quoted)),
      encodeIpv4({ ...header, protocol: 17 }, encodeUdp(ports, data, addresses)),
      encodeIpv4({ ...header, protocol: 6, options: hex('01010100') }, encodeTcp(tcp, data, addresses)),
      encodeIpv4({ ...header, protocol: 1, fragmentOffset: 1480 }, data),
      encodeIpv4({ ...header, protocol: 1, moreFragments: true }, encodeIcmpEcho(echo)),
    );
  });

const anyIpv6Packet = fc
  .record({
    source: anyIpv6,
    destination: anyIpv6,
    target: anyIpv6,
    mac: anyMac,
    hopLimit: anyU8,
    echo: anyEcho,
    mtu: anyU32,
  })
  .chain(({ source, destination, target, mac, hopLimit, echo, mtu }) => {
    const header = { version: 6, source, destination, hopLimit, nextHeader: 58, ...fragmentless } as const;
    const request = encodeIcmpv6Echo(echo, header);
    const neighbour = { target, linkLayerAddress: mac };
    return fc.constantFrom(
      encodeIpv6(header, request),
      encodeIpv6({ ...header, moreFragments: true, identification: mtu }, request),
      encodeIpv6(header, encodeNeighbour(neighbour, header)),
      encodeIpv6(header, encodeNeighbour({ ...neighbour, neighbourFlags: 0x60 }, header)),
      encodeIpv6(header, encodeIcmpv6({ type: 2, code: 0, mtu }, encodeIpv6(header, request), header)),
    );
  });

const anyArpPacket = fc
  .record({
    operation: anyU16,
    senderHardware: anyMac,
    senderProtocol: anyIpv4,
    targetHardware: anyMac,
    targetProtocol: anyIpv4,
  })
  .map((arp) => encodeArp(arp));

const anyTags = fc.array(
  fc.record({
    tpid: fc.constantFrom(0x8100, 0x88a8),
    priority: fc.nat(7),
    dropEligible: fc.boolean(),
    id: fc.nat(4095),
  }),
  { maxLength: 2 },
);

/** A frame as a real sender makes it. */
const anyFrame = fc
  .tuple(
    fc.oneof(
      anyArpPacket.map((payload) => ({ etherType: 0x0806, payload })),
      anyIpv4Packet.map((payload) => ({ etherType: 0x0800, payload })),
      anyIpv6Packet.map((payload) => ({ etherType: 0x86dd, payload })),
    ),
    anyMac,
    anyMac,
    anyTags,
  )
  .map(([{ etherType, payload }, source, destination, tags]) =>
    encodeEthernet({ source, destination, etherType }, payload, tags),
  );

describe('decodeFrame', () => {
  it('never throws, nor does describing', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.oneof(fc.integer(), fc.double()),
        fc.constantFrom('ethernet', 'raw-ip'),
        (bytes, originalLength, linkType) => {
          describePacket(decodeFrame(bytes, originalLength, linkType));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('never throws on a good frame with some bytes changed', () => {
    const anyChange = fc.array(fc.tuple(fc.nat(), anyU8), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(anyFrame, anyChange, (frame, changes) => {
        for (const [at, value] of changes) frame[at % frame.length] = value;
        describePacket(decodeFrame(frame, frame.length));
      }),
      { numRuns: 5000 },
    );
  });

  it('never reports a stop on a good frame', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decodeFrame(frame, frame.length).stop).toBeUndefined();
      }),
    );
  });

  it('calls a cut frame truncated, and the stop’s numbers add up', () => {
    fc.assert(
      fc.property(anyFrame, fc.nat(), (frame, cut) => {
        const length = cut % frame.length;
        const { stop } = decodeFrame(frame.slice(0, length), frame.length);
        expect(stop?.reason).toBe('truncated');
        if (stop === undefined) return;
        expect(stop.offset + stop.have).toBe(length);
        expect(stop.need).toBeGreaterThan(stop.have);
        expect(stop.offset + stop.need).toBeLessThanOrEqual(frame.length);
      }),
    );
  });

  it('decodes the same behind Ethernet padding', () => {
    fc.assert(
      fc.property(anyFrame, fc.uint8Array({ minLength: 1, maxLength: 46 }), (frame, padding) => {
        const padded = concat(frame, padding);
        expect(decodeFrame(padded, padded.length)).toEqual(decodeFrame(frame, frame.length));
      }),
    );
  });

  it('reads raw IP as what stands behind an Ethernet header', () => {
    fc.assert(
      fc.property(fc.oneof(anyIpv4Packet, anyIpv6Packet), anyMac, (bytes, mac) => {
        const raw = decodeFrame(bytes, bytes.length, 'raw-ip');
        const etherType = raw.ip?.version === 4 ? 0x0800 : 0x86dd;
        const framed = encodeEthernet({ source: mac, destination: mac, etherType }, bytes);
        const { ethernet, ...rest } = decodeFrame(framed, framed.length);
        expect(ethernet?.etherType).toBe(etherType);
        expect(rest).toEqual(raw);
      }),
    );
  });

  it('refuses raw IP of another version', () => {
    expect(decodeFrame(hex('50 00'), 2, 'raw-ip')).toMatchObject({
      payload: hex('50 00'),
      stop: { layer: 'ip', claimedBy: 'ip version', reason: 'malformed' },
    });
  });

  it('of several stops keeps the innermost', () => {
    // IPv4 claims 40 bytes of which 30 are there; UDP, inside, claims 20 of which 10 are.
    const ip = { version: 4, source: '192.0.2.1', destination: '192.0.2.2', ttl: 1, dontFragment: false } as const;
    const bytes = encodeIpv4(
      { ...ip, ...fragmentless, protocol: 17 },
      encodeUdp({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(12)),
    );
    expect(decodeFrame(bytes.slice(0, 30), 40, 'raw-ip').stop).toMatchObject({ layer: 'udp', need: 20, have: 10 });
  });
});

describe('encodeFrame', () => {
  it('gives back the bytes that were decoded', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const packet = decodeFrame(frame, frame.length);
        const again = encodeFrame(packet);
        expect(decodeFrame(again, again.length)).toEqual(packet);
        // Byte for byte, but for IPv4 options, which are passed over.
        if (packet.ip?.version !== 4 || packet.ip.headerLength === 20) expect(again).toEqual(frame);
      }),
      { numRuns: 500 },
    );
  });

  it('writes a payload without a layer as it is', () => {
    const ethernet = { destination: '02:00:00:00:00:01', source: '02:00:00:00:00:02', etherType: 0x88b5 };
    expect(encodeFrame({ ethernet, vlans: [], payload: hex('0102') })).toHaveLength(16);
    expect(encodeFrame({ vlans: [], payload: hex('0102') })).toEqual(hex('0102'));
  });
});

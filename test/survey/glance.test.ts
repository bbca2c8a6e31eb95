/** One packet, seen again: whatever changes on the way must not count, and whatever tells two packets apart must. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Glance } from '../../src/survey/glance.ts';
import { Kind } from '../../src/survey/kind.ts';
import { encodeEthernet } from '../../src/wire/ethernet.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { encodeIpv4, ipv4Addresses } from '../../src/wire/ipv4.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { encodeUdp } from '../../src/wire/udp.ts';
import { arpReply, arpRequest, echo, icmpError, ipv4, MAC_A, MAC_B, probeData } from '../trace/frames.ts';
import { advertisement, solicitation } from './scene.ts';

const ETHERNET = 1;
const RAW = 101;

function lookAt(bytes: Uint8Array, linkType = ETHERNET): Glance {
  const glance = new Glance();
  expect(glance.look(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, linkType)).toBe(true);
  return glance;
}

function hashOf(bytes: Uint8Array, linkType?: number): string {
  const { hashHigh, hashLow, kind } = lookAt(bytes, linkType);
  return `${kind} ${hashHigh} ${hashLow}`;
}

const NO_BYTES = new Uint8Array(0);
const request = echo('request', 1);
const tcp: Packet = {
  ...ipv4({ protocol: 6 }, probeData(1)),
  tcp: { sourcePort: 40000, destinationPort: 443, sequence: 7, acknowledgment: 9, flags: 0x18 },
};

function datagram(port: number, payload: Uint8Array): Uint8Array {
  const ip = { source: '192.0.2.1', destination: '192.0.2.2' };
  const udp = encodeUdp({ sourcePort: 1, destinationPort: port }, payload, ipv4Addresses(ip));
  return outer(17, udp);
}

/** An Ethernet frame and an IPv4 header of other hosts around a payload. */
function outer(protocol: number, payload: Uint8Array): Uint8Array {
  const { ip } = ipv4({}, NO_BYTES);
  if (ip?.version !== 4) throw new Error('no IPv4');
  const header = { ...ip, source: '192.0.2.1', destination: '192.0.2.2', protocol, options: NO_BYTES };
  const ethernet = { destination: MAC_A, source: MAC_B, etherType: 0x0800 };
  return encodeEthernet(ethernet, encodeIpv4(header, payload), []);
}

const VXLAN = Uint8Array.from([0x08, 0, 0, 0, 0, 0, 42, 0]);
const GENEVE = Uint8Array.from([0x01, 0, 0x65, 0x58, 0, 0, 42, 0, 0xff, 0xff, 1, 0]);
const bare = (packet: Packet): Uint8Array => {
  const { ethernet: _, ...rest } = packet;
  return encodeFrame(rest);
};

describe('the same packet', () => {
  const before = hashOf(encodeFrame(request));
  const tagged = { tpid: 0x8100, priority: 0, dropEligible: false, id: 100 };

  it.each<[string, Uint8Array, number?]>([
    ['with a VLAN tag', encodeFrame({ ...request, vlans: [tagged] })],
    ['with two tags', encodeFrame({ ...request, vlans: [{ ...tagged, tpid: 0x88a8 }, tagged] })],
    [
      'routed: other hardware addresses, a smaller TTL',
      encodeFrame({
        ...echo('request', 1, { ip: { ttl: 63 } }),
        ethernet: { destination: '02:fe:00:00:00:01', source: '02:fe:00:00:00:02', etherType: 0x0800 },
      }),
    ],
    ['without an Ethernet header', bare(request), RAW],
    ['as tcpdump -i lo of BSD has it', Buffer.concat([Uint8Array.from([2, 0, 0, 0]), bare(request)]), 0],
    ['cooked', Buffer.concat([Uint8Array.from([0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]), bare(request)]), 113],
    ['in VXLAN', datagram(4789, Buffer.concat([VXLAN, encodeFrame(request)]))],
    ["in VXLAN on Linux's first port", datagram(8472, Buffer.concat([VXLAN, encodeFrame(request)]))],
    ['in Geneve with an option', datagram(6081, Buffer.concat([GENEVE, encodeFrame(request)]))],
    ['in IPIP', outer(4, bare(request))],
    ['padded to the least Ethernet frame', Buffer.concat([encodeFrame(request), new Uint8Array(7).fill(0xee)])],
    ['cut off behind the echo header', encodeFrame(request).subarray(0, 14 + 20 + 8)],
  ])('%s', (_, bytes, linkType) => {
    expect(hashOf(bytes, linkType)).toBe(before);
  });

  it('with the transport checksum unfinished', () => {
    const sent = encodeFrame(tcp);
    const unfinished = Uint8Array.from(sent);
    unfinished.set([0x12, 0x34], 14 + 20 + 16);
    expect(hashOf(unfinished)).toBe(hashOf(sent));
  });

  it('says that it was in a tunnel', () => {
    expect(lookAt(encodeFrame(request)).tunnelled).toBe(false);
    expect(lookAt(outer(4, bare(request))).tunnelled).toBe(true);
  });
});

describe('another packet', () => {
  const quoted = echo('request', 1);
  it.each<[string, Packet, Packet]>([
    ['another sequence number', request, echo('request', 2)],
    ['another identifier', request, echo('request', 1, { identifier: 9 })],
    ['other data', request, echo('request', 1, { data: probeData(2) })],
    ['a reply', request, echo('reply', 1, { source: '10.9.0.2', destination: '10.9.0.3' })],
    ['another source', request, echo('request', 1, { source: '10.9.0.7' })],
    ['another destination', request, echo('request', 1, { destination: '10.9.0.7' })],
    ['another identification', request, echo('request', 1, { ip: { identification: 8 } })],
    ['a fragment behind', request, echo('request', 1, { ip: { fragmentOffset: 1480 } })],
    ['an ARP request for another', arpRequest('10.9.0.2', '10.9.0.3'), arpRequest('10.9.0.2', '10.9.0.4')],
    ['an ARP reply by another', arpReply('10.9.0.3', '10.9.0.2'), arpReply('10.9.0.3', '10.9.0.2', MAC_A)],
    ['a solicitation for another', solicitation('fd00::2', 'fd00::3'), solicitation('fd00::2', 'fd00:1::3')],
    ['an advertisement of another', advertisement('fd00::3', 'fd00::2'), advertisement('fd00::4', 'fd00::2')],
    // The checksum of the quoted header makes up for its identification: the error's own checksum is the same.
    [
      'an error about another packet',
      icmpError(3, 3, '10.9.0.3', quoted),
      icmpError(3, 3, '10.9.0.3', echo('request', 1, { ip: { identification: 99 } })),
    ],
    [
      'a TCP segment further on',
      tcp,
      { ...tcp, tcp: { sourcePort: 40000, destinationPort: 443, sequence: 8, acknowledgment: 9, flags: 0x18 } },
    ],
  ])('%s', (_, one, other) => {
    expect(hashOf(encodeFrame(other))).not.toBe(hashOf(encodeFrame(one)));
  });
});

describe('what a glance tells', () => {
  const dotted = (bytes: Uint8Array, at: number) => bytes.subarray(at, at + 4).join('.');

  it('of an echo', () => {
    const bytes = encodeFrame(request);
    const glance = lookAt(bytes);
    expect(glance).toMatchObject({
      kind: Kind.echoRequest,
      identifier: 0x1234,
      sequence: 1,
      ttl: 64,
      addressLength: 4,
    });
    expect([dotted(bytes, glance.sourceAt), dotted(bytes, glance.targetAt)]).toEqual(['10.9.0.2', '10.9.0.3']);
  });

  it.each<[string, Packet, number]>([
    ['ARP request', arpRequest('10.9.0.2', '10.9.0.3'), Kind.arpRequest],
    ['ARP reply', arpReply('10.9.0.3', '10.9.0.2'), Kind.arpReply],
    ['echo reply', echo('reply', 1), Kind.echoReply],
    ['unreachable', icmpError(3, 1, '10.9.0.1', request), Kind.icmpError],
    ['time exceeded', icmpError(11, 0, '10.9.0.1', request), Kind.icmpError],
    ['timestamp', ipv4({}, NO_BYTES, { version: 4, type: 13, code: 0 }), Kind.icmp],
    ['solicitation', solicitation('fd00::2', 'fd00::3'), Kind.solicitation],
    ['advertisement', advertisement('fd00::3', 'fd00::2'), Kind.advertisement],
    ['TCP', tcp, Kind.other],
    ['a later fragment of an echo', echo('request', 1, { ip: { fragmentOffset: 1480 } }), Kind.other],
  ])('the kind of: %s', (_, packet, kind) => {
    expect(lookAt(encodeFrame(packet)).kind).toBe(kind);
  });

  it('the target a solicitation asks for, not the group it is sent to', () => {
    const bytes = encodeFrame(solicitation('fd00::2', 'fd00::3'));
    const { targetAt, addressLength } = lookAt(bytes);
    expect(addressLength).toBe(16);
    expect(Buffer.from(bytes.subarray(targetAt, targetAt + 16)).toString('hex')).toBe(
      'fd000000000000000000000000000003',
    );
  });

  it('whether a frame is for a group', () => {
    expect(lookAt(encodeFrame(arpRequest('10.9.0.2', '10.9.0.3'))).group).toBe(true);
    expect(lookAt(encodeFrame(request)).group).toBe(false);
  });

  it.each([
    ['IPv6 with the version 0', encodeFrame(solicitation('fd00::2', 'fd00::3'))],
    ['IPv4 with the version 0', encodeFrame(request)],
  ])('nothing, of %s', (_, bytes) => {
    const wrong = Uint8Array.from(bytes);
    wrong[14] = (wrong[14] ?? 0) & 0x0f;
    const glance = new Glance();
    expect(glance.look(new DataView(wrong.buffer), 0, wrong.length, ETHERNET)).toBe(false);
    expect(glance.kind).toBe(Kind.none);
  });
});

describe('whatever bytes come', () => {
  const linkTypes = fc.constantFrom(0, 1, 12, 101, 108, 113, 276, 999);
  const headers = fc.constantFrom(
    encodeFrame(request),
    encodeFrame(solicitation('fd00::2', 'fd00::3')),
    encodeFrame(icmpError(3, 4, '10.9.0.1', request)),
    datagram(4789, Buffer.concat([VXLAN, encodeFrame(request)])),
    datagram(6081, Buffer.concat([GENEVE, encodeFrame(request)])),
    outer(4, bare(request)),
  );
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 160 }),
    // Real headers, with some bytes changed and the end cut off.
    fc
      .tuple(headers, fc.array(fc.tuple(fc.nat(160), fc.nat(255)), { maxLength: 4 }), fc.nat(200))
      .map(([bytes, changes, length]) => {
        const changed = Uint8Array.from(bytes.subarray(0, length));
        for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
        return changed;
      }),
  );

  it('no byte behind the end is read, and none before the start', () => {
    fc.assert(
      fc.property(frames, linkTypes, fc.nat(40), fc.nat(40), (bytes, linkType, before, behind) => {
        const glance = new Glance();
        // Exactly the frame: a read outside of it throws.
        const exact = Uint8Array.from(bytes);
        const found = glance.look(new DataView(exact.buffer), 0, exact.length, linkType);
        const alone = [found, glance.kind, glance.hashHigh, glance.hashLow];
        const around = new Uint8Array(before + exact.length + behind).fill(0xff);
        around.set(exact, before);
        const again = glance.look(new DataView(around.buffer), before, before + exact.length, linkType);
        expect([again, glance.kind, ...(again ? [glance.hashHigh, glance.hashLow] : alone.slice(2))]).toEqual(alone);
        if (!again) return;
        // What it points to lies inside, where it will be read.
        expect(glance.sourceAt).toBeGreaterThanOrEqual(before);
        for (const at of [glance.sourceAt, glance.targetAt])
          expect(at + glance.addressLength).toBeLessThanOrEqual(before + exact.length);
      }),
      { numRuns: 2000 },
    );
  });
});

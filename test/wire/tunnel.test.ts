import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeArp } from '../../src/wire/arp.ts';
import { isPlainTransport, isUnderstood } from '../../src/wire/concern.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { encodeEthernet } from '../../src/wire/ethernet.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { encodeIcmp, encodeIcmpEcho } from '../../src/wire/icmp.ts';
import { encodeIpv4 } from '../../src/wire/ipv4.ts';
import { encodeIpv6 } from '../../src/wire/ipv6.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { encodeUdp } from '../../src/wire/udp.ts';
import { concat, hex } from './vectors.ts';

const MACS = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const OUTER = { version: 4, source: '192.0.2.1', destination: '192.0.2.2', ttl: 64, dontFragment: false } as const;
const NO_FRAGMENT = { identification: 0, fragmentOffset: 0, moreFragments: false } as const;
const ECHO = encodeIpv4(
  { ...OUTER, ...NO_FRAGMENT, source: '10.0.0.1', destination: '10.0.0.2', protocol: 1 },
  encodeIcmpEcho({ reply: false, identifier: 7, sequence: 3, data: hex('00112233') }),
);
const ECHO_FRAME = encodeEthernet({ ...MACS, etherType: 0x0800 }, ECHO);
const ARP = encodeArp({
  operation: 1,
  senderHardware: MACS.source,
  senderProtocol: '10.0.0.1',
  targetHardware: '00:00:00:00:00:00',
  targetProtocol: '10.0.0.2',
});

function ipv4(protocol: number, data: Uint8Array): Uint8Array {
  return encodeEthernet({ ...MACS, etherType: 0x0800 }, encodeIpv4({ ...OUTER, ...NO_FRAGMENT, protocol }, data));
}

function udp(destinationPort: number, data: Uint8Array): Uint8Array {
  return ipv4(17, encodeUdp({ sourcePort: 40_000, destinationPort }, data));
}

function decode(frame: Uint8Array, length = frame.length): Packet {
  return decodeFrame(frame.subarray(0, length), frame.length);
}

const ECHO_INSIDE = {
  ip: { source: '10.0.0.1', destination: '10.0.0.2' },
  icmp: { type: 8, identifier: 7, sequence: 3, checksumValid: true },
};
const VXLAN = hex('08000000 00002a00');

describe('a tunnel', () => {
  it.each([
    ['VXLAN', udp(4789, concat(VXLAN, ECHO_FRAME))],
    ['VXLAN on the port Linux first took', udp(8472, concat(VXLAN, ECHO_FRAME))],
    ['Geneve with an Ethernet frame', udp(6081, concat(hex('00006558 00002a00'), ECHO_FRAME))],
    ['Geneve with options, and IP', udp(6081, concat(hex('02000800 00002a00 0102030400000000'), ECHO))],
    ['GRE', ipv4(47, concat(hex('00000800'), ECHO))],
    ['GRE with checksum, key and sequence number', ipv4(47, concat(hex('b0000800'), new Uint8Array(12), ECHO))],
    ['GRE with an Ethernet frame', ipv4(47, concat(hex('00006558'), ECHO_FRAME))],
    ['GRE with MPLS', ipv4(47, concat(hex('00008847 00010140'), ECHO))],
    ['ERSPAN type I', ipv4(47, concat(hex('000088be'), ECHO_FRAME))],
    ['ERSPAN type II', ipv4(47, concat(hex('100088be 00000001'), new Uint8Array(8), ECHO_FRAME))],
    ['ERSPAN type III', ipv4(47, concat(hex('100022eb 00000001'), new Uint8Array(12), ECHO_FRAME))],
    [
      'ERSPAN type III with its subheader',
      ipv4(47, concat(hex('100022eb 00000001'), new Uint8Array(11), hex('01'), new Uint8Array(8), ECHO_FRAME)),
    ],
    ['IP in IP', ipv4(4, ECHO)],
    ['Ethernet in IP', ipv4(143, ECHO_FRAME)],
    ['MPLS in UDP', udp(6635, concat(hex('00010040 00011140'), ECHO))],
    [
      'IPv4 in IPv6',
      encodeEthernet(
        { ...MACS, etherType: 0x86dd },
        encodeIpv6(
          { version: 6, source: '2001:db8::1', destination: '2001:db8::2', hopLimit: 9, nextHeader: 4, ...NO_FRAGMENT },
          ECHO,
        ),
      ),
    ],
  ])('%s is opened: the packet inside, and the outer one as before', (_what, frame) => {
    const packet = decode(frame);
    expect(packet.inner).toMatchObject(ECHO_INSIDE);
    expect(packet.ethernet).toMatchObject(MACS);
    expect(packet.icmp).toBeUndefined();
    expect(packet.stop).toBeUndefined();
    expect(packet.payload.length).toBeGreaterThanOrEqual(ECHO.length);
    expect(isUnderstood(packet)).toBe(true);
    expect(isPlainTransport(frame)).toBe(false);
  });

  it('of a port that is known to carry VXLAN is opened too', () => {
    const frame = udp(9999, concat(VXLAN, ECHO_FRAME));
    expect(decode(frame).inner).toBeUndefined();
    expect(decodeFrame(frame, frame.length, 'ethernet', new Set([9999])).inner).toMatchObject(ECHO_INSIDE);
  });

  it('shows an ARP request inside', () => {
    const frame = udp(6081, concat(hex('00000806 00002a00'), ARP));
    expect(decode(frame).inner).toMatchObject({ arp: { operation: 1, targetProtocol: '10.0.0.2' } });
    expect(describePacket(decode(frame))).toBe(
      'IP 192.0.2.1.40000 > 192.0.2.2.6081: UDP, length 36, inside: ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
    );
  });

  it.each([
    ['VXLAN without a valid VNI', udp(4789, concat(hex('00000000 00002a00'), ECHO_FRAME))],
    ['VXLAN shorter than its header', udp(4789, hex('080000'))],
    ['Geneve of another version', udp(6081, concat(hex('40006558 00002a00'), ECHO_FRAME))],
    ['another port', udp(4788, concat(VXLAN, ECHO_FRAME))],
    ['GRE version 1 (PPTP)', ipv4(47, concat(hex('0001880b'), ECHO))],
    ['GRE with a source route', ipv4(47, concat(hex('40000800 00000000'), ECHO))],
    ['an empty label stack', udp(6635, hex('00010040'))],
  ])('%s is left as it is', (_what, frame) => {
    const packet = decode(frame);
    expect(packet.inner?.ip).toBeUndefined();
    expect(packet.ip).toBeDefined();
    expect(isUnderstood(packet)).toBe(false);
  });

  it('is opened four deep, and no deeper', () => {
    let packet = ECHO;
    for (let depth = 0; depth < 200; depth++) packet = encodeIpv4({ ...OUTER, ...NO_FRAGMENT, protocol: 4 }, packet);
    let found = 0;
    for (
      let inner: Packet | undefined = decodeFrame(packet, packet.length, 'raw-ip').inner;
      inner !== undefined;
      inner = inner.inner
    )
      found++;
    expect(found).toBe(4);
  });

  it('is opened in what an ICMP error quotes', () => {
    const quoted = encodeIpv4({ ...OUTER, ...NO_FRAGMENT, protocol: 4 }, ECHO);
    const frame = ipv4(1, encodeIcmp({ type: 3, code: 1 }, quoted));
    expect(decode(frame).icmp?.quoted?.inner).toMatchObject({ ip: { destination: '10.0.0.2' } });
  });

  it('that is cut keeps the outer packet, wherever it is cut', () => {
    const frame = udp(4789, concat(VXLAN, ECHO_FRAME));
    for (let length = 42; length < frame.length; length++) {
      const packet = decode(frame, length);
      expect(packet).toMatchObject({ udp: { destinationPort: 4789 }, stop: { layer: 'udp', reason: 'truncated' } });
      // Of the packet inside all is there that was captured.
      if (length >= 42 + 8 + 14 + 20) expect(packet.inner?.ip).toMatchObject({ source: '10.0.0.1' });
    }
    const gre = ipv4(47, concat(hex('30000800'), new Uint8Array(8), ECHO));
    expect(decode(gre, 34 + 7).stop).toMatchObject({ layer: 'gre', need: 12, have: 7, reason: 'truncated' });
  });

  it('never throws, whatever it carries', () => {
    const start = fc.constantFrom(
      udp(4789, VXLAN),
      udp(6081, hex('0000655800000000')),
      udp(6635, hex('00000000')),
      ipv4(47, hex('b00088be')),
      ipv4(47, hex('100022eb')),
      ipv4(51, hex('0402')),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), fc.nat(2000), (head, bytes, length) => {
        const frame = concat(head, bytes);
        frame[16] = 0xff;
        expect(describePacket(decodeFrame(frame, length))).toMatch(/^[\x20-\x7e]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what stands between Ethernet and the packet', () => {
  const AFTER_MACS = concat(hex('020000000002 020000000001'));

  it.each([
    ['a PPPoE session', concat(hex('8864 11000001 0022 0021'), ECHO)],
    ['MPLS', concat(hex('8847 00010040 00011140'), ECHO)],
    ['SNAP', concat(hex('0028 aaaa03 000000 0800'), ECHO)],
    [
      'an authentication header',
      concat(
        hex('0800'),
        encodeIpv4(
          { ...OUTER, ...NO_FRAGMENT, source: '10.0.0.1', destination: '10.0.0.2', protocol: 51 },
          concat(hex('0104 0000 00000001 00000002 000000000000000000000000'), ECHO.subarray(20)),
        ),
      ),
    ],
  ])('%s is passed over', (_what, rest) => {
    const packet = decode(concat(AFTER_MACS, rest));
    expect(packet).toMatchObject(ECHO_INSIDE);
    expect(packet.inner).toBeUndefined();
    expect(packet.stop).toBeUndefined();
  });

  it.each([
    ['a backbone tag', concat(hex('88e7 00000001'), ECHO_FRAME)],
    ['a pseudowire with a control word', concat(hex('8847 00010140 00000000'), ECHO_FRAME)],
  ])('%s: the whole frame behind it is inside', (_what, rest) => {
    expect(decode(concat(AFTER_MACS, rest)).inner).toMatchObject({ ethernet: MACS, ...ECHO_INSIDE });
  });

  it.each([
    ['pppoe', concat(hex('8864 11000001 0022 0021'), ECHO), 8],
    ['mpls', concat(hex('8847 00010140'), ECHO), 4],
    ['802.1ah', concat(hex('88e7 00000001'), ECHO_FRAME), 4],
  ])('%s that is cut stops there', (layer, rest, need) => {
    const frame = concat(AFTER_MACS, rest);
    expect(decode(frame, 14 + need - 1).stop).toEqual({
      layer,
      offset: 14,
      need,
      have: need - 1,
      claimedBy: expect.any(String),
      reason: 'truncated',
    });
  });

  it('passes over labels to a bound', () => {
    const labels = new Uint8Array(4 * 300);
    expect(decode(concat(AFTER_MACS, hex('8847'), labels)).ip).toBeUndefined();
  });

  it('leaves other 802.3 frames, and PPP that is no IP, as they are', () => {
    const spanningTree = decode(concat(AFTER_MACS, hex('0007 424203 00000000')));
    expect(spanningTree).toMatchObject({ ethernet: { etherType: 7 } });
    expect(spanningTree.ip).toBeUndefined();
    expect(decode(concat(AFTER_MACS, hex('8864 11000001 0008 c021'), new Uint8Array(6))).ip).toBeUndefined();
  });

  it('decodes reverse ARP as ARP', () => {
    const reverse = Uint8Array.from(ARP);
    reverse[7] = 3;
    expect(decode(concat(AFTER_MACS, hex('8035'), reverse)).arp).toMatchObject({ operation: 3 });
  });
});

describe('a look at a frame', () => {
  it.each([
    ['TCP', ipv4(6, new Uint8Array(20)), true],
    ['UDP', udp(53, new Uint8Array(20)), true],
    ['ICMP', ECHO_FRAME, false],
    ['ARP', encodeEthernet({ ...MACS, etherType: 0x0806 }, ARP), false],
    ['nothing', new Uint8Array(0), false],
    [
      'an IPv4 header with a bad length',
      encodeEthernet({ ...MACS, etherType: 0x0800 }, hex('44000000 00000000 40060000')),
      false,
    ],
  ])('tells whether %s is plain transport', (_what, frame, plain) => {
    expect(isPlainTransport(frame)).toBe(plain);
  });

  it('never calls a frame plain that vdiag understands', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(0x0800, 0x86dd, 0x0806),
        fc.nat(255),
        (data, type, protocol) => {
          const frame = encodeEthernet({ ...MACS, etherType: type }, data);
          if (frame.length > 23) frame[type === 0x0800 ? 23 : 20] = protocol;
          if (type === 0x0800 && frame.length > 14) frame[14] = 0x45;
          if (isPlainTransport(frame)) expect(isUnderstood(decode(frame))).toBe(false);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

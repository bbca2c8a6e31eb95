import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describePacket } from '../../src/wire/describe.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { encodeIcmpEcho } from '../../src/wire/icmp.ts';
import { encodeIpv4 } from '../../src/wire/ipv4.ts';
import { concat, hex } from './vectors.ts';

const ECHO = encodeIpv4(
  {
    version: 4,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    ttl: 64,
    protocol: 1,
    identification: 1,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
  },
  encodeIcmpEcho({ reply: true, identifier: 7, sequence: 3, data: hex('00112233') }),
);
const ARP = hex('0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002');
const ICMP = { icmp: { type: 0, identifier: 7, sequence: 3, checksumValid: true } };

describe('a cooked header', () => {
  it('of version 1: packet type, device, source', () => {
    const packet = decodeFrame(concat(hex('0004 0001 0006 020000000001 0000 0800'), ECHO), 100, 'linux-sll');
    expect(packet).toMatchObject({
      cooked: { version: 1, packetType: 4, hardwareType: 1, source: '02:00:00:00:00:01', protocol: 0x0800 },
      ...ICMP,
    });
    expect(packet.ethernet).toBeUndefined();
  });

  it('of version 2: the interface too', () => {
    const packet = decodeFrame(concat(hex('0806 0000 00000007 0001 01 06 020000000001 0000'), ARP), 48, 'linux-sll2');
    expect(packet).toMatchObject({
      cooked: { version: 2, packetType: 1, hardwareType: 1, interfaceIndex: 7, source: '02:00:00:00:00:01' },
      arp: { operation: 1, targetProtocol: '10.0.0.2' },
    });
    expect(packet.stop).toBeUndefined();
  });

  it('without an address of six bytes has no source', () => {
    const packet = decodeFrame(concat(hex('0000 0304 0000 0000000000000000 0800'), ECHO), 100, 'linux-sll');
    expect(packet.cooked?.source).toBeUndefined();
    expect(packet).toMatchObject(ICMP);
  });

  it('with a VLAN tag behind it', () => {
    const packet = decodeFrame(concat(hex('0000 0001 0006 020000000001 0000 8100 0005 0800'), ECHO), 100, 'linux-sll');
    expect(packet).toMatchObject({ vlans: [{ id: 5 }], cooked: { protocol: 0x0800 }, ...ICMP });
  });

  it('of netlink has no EtherType, whatever number stands there', () => {
    const packet = decodeFrame(concat(hex('0004 0338 0000 0000000000000000 0800'), ECHO), 100, 'linux-sll');
    expect(packet.ip).toBeUndefined();
    expect(describePacket(packet)).toBe(`ethertype 0x0800, length ${ECHO.length}`);
  });

  it.each([
    ['linux-sll', 16],
    ['linux-sll2', 20],
  ] as const)('%s that is cut stops there', (linkType, need) => {
    const frame = new Uint8Array(need - 1);
    expect(decodeFrame(frame, 100, linkType).stop).toEqual({
      layer: 'linux cooked header',
      offset: 0,
      need,
      have: need - 1,
      claimedBy: 'linux cooked header size',
      reason: 'truncated',
    });
  });
});

describe('a BSD loopback header', () => {
  it.each([
    ['little endian', '02000000'],
    ['big endian', '00000002'],
  ])('%s', (_order, family) => {
    expect(decodeFrame(concat(hex(family), ECHO), ECHO.length + 4, 'null')).toMatchObject(ICMP);
  });

  it.each([10, 24, 28, 30])('knows IPv6 as family %i', (family) => {
    const packet = concat(hex('60000000 0000 3b 40'), new Uint8Array(32));
    const frame = concat(Uint8Array.of(family, 0, 0, 0), packet);
    expect(decodeFrame(frame, frame.length, 'null').ip).toMatchObject({ version: 6, hopLimit: 64 });
  });

  it('of another family is left as it is', () => {
    expect(decodeFrame(concat(hex('00000007'), ECHO), 100, 'null').ip).toBeUndefined();
  });

  it('that is cut stops there', () => {
    expect(decodeFrame(hex('0200'), 40, 'null').stop).toMatchObject({ layer: 'loopback header', need: 4, have: 2 });
  });
});

it('any bytes are described in one line', () => {
  const linkType = fc.constantFrom('linux-sll', 'linux-sll2', 'null', 'raw-ip', 'ethernet' as const);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(2000), linkType, (bytes, length, type) => {
      expect(describePacket(decodeFrame(bytes, length, type))).toMatch(/^[\x20-\x7e]+$/);
    }),
    { numRuns: 2000 },
  );
});

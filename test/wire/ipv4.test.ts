import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import { decodeIpv4, encodeIpv4, type Ipv4Header } from '../../src/wire/ipv4.ts';
import { anyData, anyIpv4, anyU8, anyU16, concat, dirty, ETHERNET_ROW, expectEveryCut, hex, whole } from './vectors.ts';

const ETHERNET = hex('02 00 00 00 00 01 02 00 00 00 00 02 08 00');
/** Experimental protocol 253, with the checksum worked out by hand: 4500+0017+1234+4000+40fd+c000+0201+c000+0202 = 25c4b, folded 5c4d, inverted a3b2. */
const PACKET = hex('45 00 00 17  12 34 40 00  40 fd a3 b2', 'c0 00 02 01', 'c0 00 02 02', '01 02 03');
const header = {
  version: 4,
  source: '192.0.2.1',
  destination: '192.0.2.2',
  headerLength: 20,
  totalLength: 23,
  identification: 0x1234,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 253,
  checksumValid: true,
};

/** The packet with some bytes changed, behind an Ethernet header. */
function changed(at: number, ...values: number[]): Uint8Array {
  const bytes = concat(ETHERNET, PACKET);
  bytes.set(values, ETHERNET.length + at);
  return bytes;
}

describe('IPv4', () => {
  it('header and payload, the Ethernet padding left out', () => {
    const packet = decodeFrame(concat(ETHERNET, PACKET, new Uint8Array(23).fill(0xee)), 60);
    expect(packet).toMatchObject({ ip: header, payload: hex('01 02 03') });
    expect(packet.stop).toBeUndefined();
  });

  it('stops at every cut; what a cut payload leaves is kept', () => {
    expectEveryCut(concat(ETHERNET, PACKET), [
      ETHERNET_ROW,
      { cutAt: 14, layer: 'ipv4', offset: 14, need: 20, claimedBy: 'ipv4 header size' },
      { cutAt: 34, layer: 'ipv4', offset: 14, need: 23, claimedBy: 'ipv4 total length' },
    ]);
    expect(decodeFrame(changed(0).slice(0, 36), 37)).toMatchObject({ ip: header, payload: hex('01 02') });
  });

  it('passes over options, and stops at every cut in them', () => {
    const options = hex('94 04 00 00');
    const bytes = encodeIpv4({ ...given(), options }, hex('01'));
    expectEveryCut(
      bytes,
      [
        { cutAt: 0, layer: 'ip', offset: 0, need: 1, claimedBy: 'ip version' },
        { cutAt: 1, layer: 'ipv4', offset: 0, need: 20, claimedBy: 'ipv4 header size' },
        { cutAt: 20, layer: 'ipv4', offset: 0, need: 24, claimedBy: 'ipv4 header length' },
        { cutAt: 24, layer: 'ipv4', offset: 0, need: 25, claimedBy: 'ipv4 total length' },
      ],
      'raw-ip',
    );
    const packet = decodeFrame(bytes, bytes.length, 'raw-ip');
    expect(packet).toMatchObject({ ip: { headerLength: 24, checksumValid: true }, payload: hex('01') });
  });

  it.each([
    ['ipv4 version', 0, [0x65], 0, 20],
    ['ipv4 header length', 0, [0x44], 16, 20],
  ])('refuses a wrong %s', (claimedBy, at, values, have, need) => {
    const packet = decodeFrame(changed(at, ...values), 37);
    expect(packet.ip).toBeUndefined();
    expect(packet.stop).toEqual({ layer: 'ipv4', offset: 14, need, have, claimedBy, reason: 'malformed' });
  });

  it('keeps the header where the total length is less than it', () => {
    // Protocol 1: the ICMP layer that is not there must not hide the cause.
    const packet = decodeFrame(changed(2, 0, 19, 0x12, 0x34, 0, 0, 64, 1), 37);
    expect(packet.ip?.source).toBe('192.0.2.1');
    expect(packet.payload).toHaveLength(0);
    expect(packet.stop).toMatchObject({ layer: 'ipv4', need: 20, have: 19, claimedBy: 'ipv4 total length' });
  });

  it('takes what is there where the total length is 0 (segmentation offload)', () => {
    const packet = decodeFrame(changed(2, 0, 0), 37);
    expect(packet).toMatchObject({ ip: { totalLength: 0 }, payload: hex('01 02 03') });
    expect(packet.stop).toBeUndefined();
  });

  it('knows a wrong checksum', () => {
    expect(decodeFrame(changed(8, 63), 37).ip).toMatchObject({ ttl: 63, checksumValid: false });
  });

  it('leaves a later fragment’s data undecoded, whatever its protocol', () => {
    for (const protocol of [1, 6, 17]) {
      const bytes = encodeIpv4(
        { ...given(), protocol, fragmentOffset: 1480, moreFragments: true },
        hex('08 00 f7 ff 00 00 00 00'),
      );
      const { icmp, udp, tcp, payload, ip, stop } = decodeFrame(bytes, bytes.length, 'raw-ip');
      expect({ icmp, udp, tcp, stop }).toEqual({});
      expect(ip).toMatchObject({ fragmentOffset: 1480, moreFragments: true });
      expect(payload).toHaveLength(8);
    }
  });

  it('comes back from encoding', () => {
    const anyHeader = fc.record({
      version: fc.constant(4 as const),
      source: anyIpv4,
      destination: anyIpv4,
      identification: anyU16,
      dontFragment: fc.boolean(),
      moreFragments: fc.boolean(),
      fragmentOffset: fc.nat(0x1fff).map((units) => units * 8),
      ttl: anyU8,
      protocol: anyU8,
    });
    const anyOptions = fc.nat(10).map((words) => new Uint8Array(words * 4).fill(1));
    fc.assert(
      fc.property(anyHeader, anyOptions, anyData, (fields, options, payload) => {
        const headerLength = 20 + options.length;
        const totalLength = headerLength + payload.length;
        const bytes = encodeIpv4({ ...fields, options }, payload, dirty(totalLength));
        const decoded = decodeIpv4(whole(bytes));
        expect(decoded.header).toEqual({ ...fields, headerLength, totalLength, checksumValid: true });
        expect(decoded.body.view()).toEqual(payload);
      }),
    );
    expect(encodeIpv4(given(), hex('01 02 03'), dirty(23))).toEqual(PACKET);
  });
});

function given(): Ipv4Header {
  const { headerLength: _, totalLength: __, checksumValid: ___, ...fields } = header;
  return { ...fields, version: 4 };
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import { encodeIpv4, ipv4Addresses } from '../../src/wire/ipv4.ts';
import { decodeUdp, describeUdp, encodeUdp } from '../../src/wire/udp.ts';
import { anyData, anyU16, dirty, expectEveryCut, hex, whole } from './vectors.ts';

const IP = {
  version: 4,
  source: '192.0.2.1',
  destination: '192.0.2.2',
  identification: 1,
  dontFragment: false,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 17,
} as const;
const ports = { sourcePort: 1000, destinationPort: 53 };
/** Checksum by hand: c000+0201+c000+0202+0011+000a, 03e8+0035+000a+6162 = 1e9a7, folded e9a8, inverted 1657. */
const DATAGRAM = hex('03e8 0035 000a 1657', '61 62');

function over(datagram: Uint8Array, ip: { moreFragments?: boolean } = {}) {
  const bytes = encodeIpv4({ ...IP, ...ip }, datagram);
  return decodeFrame(bytes, bytes.length, 'raw-ip');
}

describe('UDP', () => {
  it('ports, length and data', () => {
    expect(over(DATAGRAM)).toMatchObject({ udp: { ...ports, length: 10 }, payload: hex('61 62') });
  });

  it('stops at every cut', () => {
    const size = { layer: 'udp', offset: 20, claimedBy: 'udp header size' };
    expectEveryCut(
      encodeIpv4(IP, DATAGRAM),
      [
        { cutAt: 0, layer: 'ip', offset: 0, need: 1, claimedBy: 'ip version' },
        { cutAt: 1, layer: 'ipv4', offset: 0, need: 20, claimedBy: 'ipv4 header size' },
        { cutAt: 20, need: 8, ...size },
        { cutAt: 28, layer: 'udp', offset: 20, need: 10, claimedBy: 'udp length' },
      ],
      'raw-ip',
    );
  });

  it('ends where its length says, which may be before the IP packet does', () => {
    const packet = over(hex('03e8 0035 0009 0000', '61 62'));
    expect(packet.payload).toEqual(hex('61'));
    expect(packet.stop).toBeUndefined();
  });

  it('a length below the header is malformed, and one beyond the packet', () => {
    const stop = { layer: 'udp', offset: 20, claimedBy: 'udp length', reason: 'malformed' };
    expect(over(hex('03e8 0035 0007 0000')).stop).toEqual({ ...stop, need: 8, have: 7 });
    expect(over(hex('03e8 0035 0009 0000')).stop).toEqual({ ...stop, need: 9, have: 8 });
    expect(over(hex('03e8 0035 0009 0000')).udp).toMatchObject(ports);
  });

  it('a length of 0 takes what is there', () => {
    expect(over(hex('03e8 0035 0000 0000', '61')).payload).toEqual(hex('61'));
  });

  it('the length of a first fragment concerns the others too', () => {
    const packet = over(hex('03e8 0035 0bb8 0000', '61'), { moreFragments: true });
    expect(packet).toMatchObject({ udp: { length: 3000 }, payload: hex('61') });
    expect(packet.stop).toBeUndefined();
  });

  it('comes back from encoding', () => {
    expect(encodeUdp(ports, hex('61 62'), ipv4Addresses(IP), dirty(10))).toEqual(DATAGRAM);
    expect(encodeUdp(ports, hex(), undefined, dirty(8))).toEqual(hex('03e8 0035 0008 0000'));
    fc.assert(
      fc.property(anyU16, anyU16, anyData, (sourcePort, destinationPort, payload) => {
        const length = 8 + payload.length;
        const bytes = encodeUdp({ sourcePort, destinationPort }, payload, undefined, dirty(length));
        const decoded = decodeUdp(whole(bytes), false);
        expect(decoded.header).toEqual({ sourcePort, destinationPort, length });
        expect(decoded.body.view()).toEqual(payload);
      }),
    );
  });

  it('sends a checksum that comes out as 0 as ffff (RFC 768)', () => {
    const addresses = new Uint8Array(8);
    // 17 + 10 + 10 and the ports, completed to ffff by the data.
    const datagram = encodeUdp({ sourcePort: 0, destinationPort: 0 }, hex('ffda'), addresses);
    expect(datagram.subarray(6, 8)).toEqual(hex('ffff'));
  });

  it('in words: the data’s length', () => {
    expect(describeUdp({ ...ports, length: 10 }, 99)).toBe('UDP, length 2');
    expect(describeUdp({ ...ports, length: 0 }, 99)).toBe('UDP, length 91');
    expect(describeUdp({ ...ports, length: 3 }, 8)).toBe('UDP, length 0');
  });
});

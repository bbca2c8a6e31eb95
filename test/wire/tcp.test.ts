import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import { encodeIpv4, ipv4Addresses } from '../../src/wire/ipv4.ts';
import { decodeTcp, describeTcp, encodeTcp } from '../../src/wire/tcp.ts';
import { anyData, anyU8, anyU16, anyU32, dirty, expectEveryCut, hex, whole } from './vectors.ts';

const IP = {
  version: 4,
  source: '192.0.2.1',
  destination: '192.0.2.2',
  identification: 1,
  dontFragment: false,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 6,
} as const;
const syn = { sourcePort: 1000, destinationPort: 80, sequence: 0xfffffffe, acknowledgment: 0, flags: 2 };
/** SYN with a maximum segment size option, and one byte of data. */
const SYN = hex('03e8 0050 fffffffe 00000000 60 02 ffff 0000 0000', '02 04 05 b4', '61');

function over(segment: Uint8Array) {
  const bytes = encodeIpv4(IP, segment);
  return decodeFrame(bytes, bytes.length, 'raw-ip');
}

describe('TCP', () => {
  it('ports, numbers and flags; options passed over', () => {
    const packet = over(SYN);
    expect(packet).toMatchObject({ tcp: syn, payload: hex('61') });
    expect(packet.stop).toBeUndefined();
  });

  it('stops at every cut, and keeps the fields where only options are cut', () => {
    const frame = encodeIpv4(IP, SYN);
    const tcp = { layer: 'tcp', offset: 20 };
    expectEveryCut(
      frame,
      [
        { cutAt: 0, layer: 'ip', offset: 0, need: 1, claimedBy: 'ip version' },
        { cutAt: 1, layer: 'ipv4', offset: 0, need: 20, claimedBy: 'ipv4 header size' },
        { cutAt: 20, ...tcp, need: 20, claimedBy: 'tcp header size' },
        { cutAt: 40, ...tcp, need: 24, claimedBy: 'tcp data offset' },
        { cutAt: 44, layer: 'ipv4', offset: 0, need: 45, claimedBy: 'ipv4 total length' },
      ],
      'raw-ip',
    );
    expect(decodeFrame(frame.slice(0, 42), 45, 'raw-ip')).toMatchObject({ tcp: syn, payload: hex() });
    expect(decodeFrame(frame.slice(0, 39), 45, 'raw-ip').tcp).toBeUndefined();
  });

  it('a data offset below the header is malformed', () => {
    const wrong = SYN.slice();
    wrong[12] = 0x40;
    const packet = over(wrong);
    expect(packet.tcp).toBeUndefined();
    expect(packet.stop).toMatchObject({
      layer: 'tcp',
      need: 20,
      have: 16,
      claimedBy: 'tcp data offset',
      reason: 'malformed',
    });
  });

  it('comes back from encoding', () => {
    const anyTcp = fc.record({
      sourcePort: anyU16,
      destinationPort: anyU16,
      sequence: anyU32,
      acknowledgment: anyU32,
      flags: anyU8,
    });
    fc.assert(
      fc.property(anyTcp, anyData, (tcp, payload) => {
        const decoded = decodeTcp(whole(encodeTcp(tcp, payload, ipv4Addresses(IP), dirty(20 + payload.length))));
        expect(decoded.header).toEqual(tcp);
        expect(decoded.body.view()).toEqual(payload);
      }),
    );
  });

  it('is encoded with its checksum', () => {
    // c000+0201+c000+0202+0006+0014, 03e8+0050+ffff+fffe+5002+ffff = 4d853, folded d857, inverted 27a8.
    const segment = encodeTcp({ ...syn, sequence: 0xfffffffe }, hex(), ipv4Addresses(IP), dirty(20));
    expect(segment).toEqual(hex('03e8 0050 fffffffe 00000000 50 02 ffff', '27a8', '0000'));
  });

  it.each([
    [syn, 0, 'Flags [S], seq 4294967294, length 0'],
    [syn, 5, 'Flags [S], seq 4294967294:3, length 5'],
    [{ ...syn, flags: 0x12, acknowledgment: 9 }, 0, 'Flags [S.], seq 4294967294, ack 9, length 0'],
    [{ ...syn, flags: 0x10, acknowledgment: 9 }, 0, 'Flags [.], ack 9, length 0'],
    [{ ...syn, flags: 0 }, 0, 'Flags [none], length 0'],
    [{ ...syn, flags: 0xff }, 0, 'Flags [FSRP.UEW], seq 4294967294, ack 0, length 0'],
    [{ sourcePort: 1, destinationPort: 2, sequence: 3 }, 0, 'TCP, seq 3'],
  ])('%o in words', (tcp, length, text) => expect(describeTcp(tcp, length)).toBe(text));
});

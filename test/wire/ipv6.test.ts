import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import { decodeIpv6, encodeIpv6, ipv6HeaderLength } from '../../src/wire/ipv6.ts';
import { anyData, anyIpv6, anyU8, anyU32, concat, dirty, expectEveryCut, hex, whole } from './vectors.ts';

const ADDRESSES = '20010db8 00000000 00000000 00000001  20010db8 00000000 00000000 00000002';
const addresses = { source: '2001:db8::1', destination: '2001:db8::2' };
const header = {
  version: 6,
  ...addresses,
  payloadLength: 2,
  hopLimit: 64,
  nextHeader: 253,
  identification: 0,
  fragmentOffset: 0,
  moreFragments: false,
} as const;
const PACKET = hex('60000000 0002 fd 40', ADDRESSES, '01 02');

/** An IPv6 header whose body is these extension headers and this data; the first header's number is given. */
function behind(first: string, ...body: string[]): Uint8Array {
  const bytes = hex(...body);
  const length = bytes.length.toString(16).padStart(4, '0');
  return concat(hex(`60000000 ${length} ${first} 40`, ADDRESSES), bytes);
}

/** Echo request with its checksum: addresses fold to 5b75 (with protocol and length 5bb7), and 8000 + 0007 + 0001. */
const ECHO = '80 00 24 40 00 07 00 01';

function decode(bytes: Uint8Array, originalLength = bytes.length) {
  return decodeFrame(bytes, originalLength, 'raw-ip');
}

const IP_ROWS = [
  { cutAt: 0, layer: 'ip', offset: 0, need: 1, claimedBy: 'ip version' },
  { cutAt: 1, layer: 'ipv6', offset: 0, need: 40, claimedBy: 'ipv6 header size' },
] as const;

describe('IPv6', () => {
  it('header and payload, padding left out', () => {
    const packet = decode(concat(PACKET, hex('ee ee')));
    expect(packet).toEqual({ vlans: [], ip: header, payload: hex('01 02') });
  });

  it('stops at every cut', () => {
    expectEveryCut(
      PACKET,
      [...IP_ROWS, { cutAt: 40, layer: 'ipv6', offset: 0, need: 42, claimedBy: 'ipv6 payload length' }],
      'raw-ip',
    );
  });

  it('refuses another version', () => {
    const frame = concat(hex('02 00 00 00 00 01 02 00 00 00 00 02 86 dd'), PACKET);
    frame[14] = 0x45;
    expect(decodeFrame(frame, frame.length).stop).toEqual({
      layer: 'ipv6',
      offset: 14,
      need: 40,
      have: 0,
      claimedBy: 'ipv6 version',
      reason: 'malformed',
    });
  });

  it('takes what is there where the payload length is 0, but for no next header', () => {
    const unsaid = PACKET.slice();
    unsaid[5] = 0;
    expect(decode(unsaid)).toMatchObject({ ip: { payloadLength: 0 }, payload: hex('01 02') });
    unsaid[6] = 59;
    expect(decode(unsaid).payload).toHaveLength(0);
  });
});

describe('extension headers', () => {
  const HOP = '2b 00 05 02 00 00 01 00';
  const ROUTING = '3c 00 00 00 00 00 00 00';
  const DESTINATION = '33 00 01 04 00 00 00 00';
  const AUTHENTICATION = '2c 04 00 00 00000001 00000002 00000003 00000004 00000005';
  const FRAGMENT = '3a 00 00 00 00 00 00 09';
  const ALL = behind('00', HOP, ROUTING, DESTINATION, AUTHENTICATION, FRAGMENT, ECHO);

  it('are walked over to the upper layer', () => {
    const packet = decode(ALL);
    expect(packet.stop).toBeUndefined();
    expect(packet.ip).toMatchObject({ nextHeader: 58, identification: 9, fragmentOffset: 0, moreFragments: false });
    expect(packet.icmp).toMatchObject({ type: 128, identifier: 7, sequence: 1, checksumValid: true });
  });

  it('stop at every cut', () => {
    const row = (cutAt: number, layer: string, size: number) => [
      { cutAt, layer, offset: cutAt, need: 8, claimedBy: `${layer} size` },
      { cutAt: cutAt + 8, layer, offset: cutAt, need: size, claimedBy: `${layer} length` },
    ];
    const rows = [
      ...IP_ROWS,
      ...row(40, 'ipv6 hop-by-hop options', 8),
      ...row(48, 'ipv6 routing header', 8),
      ...row(56, 'ipv6 destination options', 8),
      ...row(64, 'ipv6 authentication header', 24),
      ...row(88, 'ipv6 fragment header', 8),
      { cutAt: 96, layer: 'icmpv6', offset: 96, need: 8, claimedBy: 'icmpv6 header size' },
    ];
    // A row whose header is 8 bytes long has no second part: the next row starts there.
    const starts = new Map(rows.map((each) => [each.cutAt, each]));
    expectEveryCut(ALL, [...starts.values()], 'raw-ip');
  });

  it('keep the IP header where they are cut', () => {
    const cut = decode(ALL.slice(0, 50), ALL.length);
    expect(cut.ip).toMatchObject({ ...addresses, nextHeader: 43 });
    expect(cut.payload).toHaveLength(2);
  });

  it('that claim more than the packet are malformed', () => {
    expect(decode(behind('3c', '3a 01 00 00 00 00 00 00')).stop).toEqual({
      layer: 'ipv6 destination options',
      offset: 40,
      need: 16,
      have: 8,
      claimedBy: 'ipv6 destination options length',
      reason: 'malformed',
    });
  });

  it('in thousands are walked in bounded time', () => {
    const bytes = behind('3c', '3c 00 01 04 00 00 00 00'.repeat(8000));
    expect(decode(bytes).ip).toMatchObject({ nextHeader: 60 });
    expect(decode(bytes).stop?.layer).toBe('ipv6 destination options');
  });

  it('of a later fragment end the walk: the rest is data', () => {
    const packet = decode(behind('2c', '3a 00 05 a9 00 00 00 09', ECHO));
    expect(packet.ip).toMatchObject({ nextHeader: 58, identification: 9, fragmentOffset: 1448, moreFragments: true });
    expect(packet.icmp).toBeUndefined();
    expect(packet.payload).toEqual(hex(ECHO));
  });

  it('of a first fragment leave the checksum unknown', () => {
    const { icmp } = decode(behind('2c', '3a 00 00 01 00 00 00 09', ECHO));
    expect(icmp?.identifier).toBe(7);
    expect(icmp).not.toHaveProperty('checksumValid');
  });

  it('with segments left: the checksum is taken with the final destination', () => {
    const final = '20010db8 00000000 00000000 00000003';
    const other = '20010db8 00000000 00000000 00000009';
    const echo = '80 00 24 3f 00 07 00 01';
    const segments = (type: string, left: string, ...addresses: string[]) =>
      decode(behind('2b', `3a 04 ${type} ${left} 00 00 00 00`, ...addresses, echo)).icmp;
    expect(segments('00', '02', other, final)?.checksumValid).toBe(true);
    expect(segments('00', '00', other, final)?.checksumValid).toBe(false);
    expect(segments('04', '02', final, other)?.checksumValid).toBe(true);
    expect(segments('03', '02', other, final)).not.toHaveProperty('checksumValid');
    expect(decode(behind('2b', '3a 00 00 01 00 00 00 00', echo)).icmp).not.toHaveProperty('checksumValid');
  });
});

describe('encoding', () => {
  it('comes back, with a fragment header where one is needed', () => {
    const anyHeader = fc.record({
      version: fc.constant(6 as const),
      source: anyIpv6,
      destination: anyIpv6,
      hopLimit: anyU8,
      nextHeader: anyU8.filter((next) => ![0, 43, 44, 51, 59, 60].includes(next)),
      identification: fc.oneof(fc.constant(0), anyU32),
      fragmentOffset: fc.oneof(
        fc.constant(0),
        fc.nat(0x1fff).map((units) => units * 8),
      ),
      moreFragments: fc.boolean(),
    });
    fc.assert(
      fc.property(anyHeader, anyData, (fields, payload) => {
        const bytes = encodeIpv6(fields, payload, dirty(ipv6HeaderLength(fields) + payload.length));
        const decoded = decodeIpv6(whole(bytes));
        expect(decoded.header).toEqual({ ...fields, payloadLength: bytes.length - 40 });
        expect(decoded.body.view()).toEqual(payload);
      }),
    );
    expect(encodeIpv6(header, hex('01 02'), dirty(42))).toEqual(PACKET);
  });
});

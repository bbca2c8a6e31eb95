import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import { decodeIcmp, describeIcmp, encodeIcmp, encodeIcmpEcho, isIcmpError } from '../../src/wire/icmp.ts';
import { encodeIpv4 } from '../../src/wire/ipv4.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { anyData, anyIpv4, anyU16, concat, dirty, expectEveryCut, hex, whole } from './vectors.ts';

const IP = {
  version: 4,
  source: '192.0.2.1',
  destination: '192.0.2.2',
  identification: 1,
  dontFragment: false,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 1,
} as const;
/** Checksum by hand: 0800 + 0007 + 0001 + 6162 = 696a, inverted 9695. */
const ECHO = hex('08 00 96 95 00 07 00 01', '61 62');
const QUOTED_IP = { ...IP, source: '10.9.0.2', destination: '198.51.100.9', protocol: 17 };
const QUOTED = encodeIpv4(QUOTED_IP, hex('03e8 0035 0014 0000', '00'.repeat(12)));

function over(message: Uint8Array, ip: Partial<typeof IP | { moreFragments: boolean }> = {}): Packet {
  const bytes = encodeIpv4({ ...IP, ...ip }, message);
  return decodeFrame(bytes, bytes.length, 'raw-ip');
}

describe('ICMP echo', () => {
  it('request: identifier, sequence number and data', () => {
    const packet = over(ECHO);
    expect(packet.icmp).toEqual({
      version: 4,
      type: 8,
      code: 0,
      checksumValid: true,
      identifier: 7,
      sequence: 1,
      data: hex('61 62'),
    });
    expect(packet.payload).toEqual(hex('61 62'));
    expect(packet.stop).toBeUndefined();
  });

  it('comes back from encoding', () => {
    expect(encodeIcmpEcho({ reply: false, identifier: 7, sequence: 1, data: hex('61 62') }, dirty(10))).toEqual(ECHO);
    const anyEcho = fc.record({ reply: fc.boolean(), identifier: anyU16, sequence: anyU16, data: anyData });
    fc.assert(
      fc.property(anyEcho, (echo) => {
        const { reply, ...fields } = echo;
        const { header } = decodeIcmp(whole(encodeIcmpEcho(echo, dirty(8 + echo.data.length))), false);
        expect(header).toEqual({ version: 4, type: reply ? 0 : 8, code: 0, checksumValid: true, ...fields });
      }),
    );
  });

  it('stops at every cut', () => {
    expectEveryCut(
      encodeIpv4(IP, ECHO),
      [
        { cutAt: 0, layer: 'ip', offset: 0, need: 1, claimedBy: 'ip version' },
        { cutAt: 1, layer: 'ipv4', offset: 0, need: 20, claimedBy: 'ipv4 header size' },
        { cutAt: 20, layer: 'icmp', offset: 20, need: 8, claimedBy: 'icmp header size' },
        { cutAt: 28, layer: 'ipv4', offset: 0, need: 30, claimedBy: 'ipv4 total length' },
      ],
      'raw-ip',
    );
  });

  it('a wrong checksum is known, where all of the message is there', () => {
    const wrong = ECHO.slice();
    wrong[9] = 0x63;
    expect(over(wrong).icmp?.checksumValid).toBe(false);
  });

  it('the checksum of a cut or fragmented message is unknown', () => {
    const bytes = encodeIpv4(IP, ECHO);
    for (const length of [bytes.length, bytes.length - 1]) {
      const cut = decodeFrame(bytes.slice(0, 29), length, 'raw-ip');
      expect(cut.icmp).toMatchObject({ identifier: 7, data: hex('61') });
      expect(cut.icmp).not.toHaveProperty('checksumValid');
    }
    const first = over(ECHO, { moreFragments: true });
    expect(first.icmp?.identifier).toBe(7);
    expect(first.icmp).not.toHaveProperty('checksumValid');
  });
});

describe('ICMP errors', () => {
  it('quote a packet', () => {
    const { icmp, payload } = over(encodeIcmp({ type: 3, code: 1 }, QUOTED));
    expect(icmp).toMatchObject({
      type: 3,
      code: 1,
      checksumValid: true,
      quoted: { ip: { source: '10.9.0.2', destination: '198.51.100.9' }, udp: { destinationPort: 53 } },
    });
    expect(icmp?.quoted?.payload).toHaveLength(12);
    expect(icmp?.quoted?.stop).toBeUndefined();
    expect(payload).toEqual(QUOTED);
  });

  it('that end early by design are whole', () => {
    const { icmp, stop } = over(encodeIcmp({ type: 11, code: 0 }, QUOTED.subarray(0, 28)));
    expect(icmp?.quoted).toMatchObject({ udp: { sourcePort: 1000, length: 20 }, payload: hex() });
    expect(icmp?.quoted?.stop).toBeUndefined();
    expect(stop).toBeUndefined();
  });

  it('quote eight bytes of TCP: ports and sequence number', () => {
    const tcp = encodeIpv4({ ...QUOTED_IP, protocol: 6 }, hex('03e8 0050 00000007'));
    expect(over(encodeIcmp({ type: 11, code: 0 }, tcp)).icmp?.quoted).toMatchObject({
      tcp: { sourcePort: 1000, destinationPort: 80, sequence: 7 },
    });
  });

  it('quote an echo, cut: what is there of its data, and no opinion on its checksum', () => {
    const quoted = encodeIpv4(IP, ECHO).subarray(0, 29);
    const inner = over(encodeIcmp({ type: 3, code: 1 }, quoted)).icmp?.quoted?.icmp;
    expect(inner).toEqual({ version: 4, type: 8, code: 0, identifier: 7, sequence: 1, data: hex('61') });
  });

  it('stop inside the quote, at its place in the frame, where a header is cut', () => {
    for (let length = 1; length < 28; length++) {
      const { icmp, stop } = over(encodeIcmp({ type: 3, code: 1 }, QUOTED.subarray(0, length)));
      const layer = length < 20 ? { layer: 'ipv4', offset: 28, need: 20 } : { layer: 'udp', offset: 48, need: 8 };
      const claimedBy = `${layer.layer} header size`;
      const have = length < 20 ? length : length - 20;
      expect(icmp?.quoted?.stop).toEqual({ ...layer, have, claimedBy, reason: 'truncated' });
      expect(stop).toBeUndefined();
    }
    expect(over(encodeIcmp({ type: 3, code: 1 }, hex())).icmp).not.toHaveProperty('quoted');
  });

  it('about an error are read one level deep', () => {
    const inner = encodeIpv4(IP, encodeIcmp({ type: 3, code: 1 }, QUOTED));
    const { icmp } = over(encodeIcmp({ type: 11, code: 0 }, inner));
    expect(icmp?.quoted?.icmp).toMatchObject({ type: 3, code: 1 });
    expect(icmp?.quoted?.icmp).not.toHaveProperty('quoted');
  });

  it('give the next-hop MTU and the better gateway', () => {
    expect(over(encodeIcmp({ type: 3, code: 4, mtu: 1400 }, QUOTED)).icmp?.mtu).toBe(1400);
    expect(over(encodeIcmp({ type: 3, code: 1, mtu: 1400 }, QUOTED)).icmp).not.toHaveProperty('mtu');
    expect(over(encodeIcmp({ type: 5, code: 1, gateway: '192.0.2.254' }, QUOTED)).icmp?.gateway).toBe('192.0.2.254');
  });

  it('end the quote where extensions begin (RFC 4884)', () => {
    const message = encodeIcmp({ type: 11, code: 0 }, concat(QUOTED, hex('20 00 00 00')));
    expect(over(message).icmp?.quoted?.payload).toHaveLength(12);
    const longer = encodeIpv4({ ...QUOTED_IP, protocol: 253 }, new Uint8Array(200)).subarray(0, 128);
    const extended = encodeIcmp({ type: 11, code: 0 }, concat(longer, hex('20 00 00 00')));
    expect(over(extended).icmp?.quoted?.payload).toHaveLength(112);
    extended[5] = 32;
    expect(over(extended).icmp?.quoted?.payload).toHaveLength(108);
    extended[5] = 255;
    expect(over(extended).icmp?.quoted?.payload).toHaveLength(112);
  });

  it('come back from encoding', () => {
    const anyError = fc.oneof(
      fc.record({ type: fc.constant(3), code: fc.constant(4), mtu: anyU16 }),
      fc.record({ type: fc.constant(5), code: fc.nat(3), gateway: anyIpv4 }),
      fc.record({ type: fc.constantFrom(4, 11, 12), code: fc.nat(15) }),
    );
    fc.assert(
      fc.property(anyError, anyData, (error, payload) => {
        const decoded = decodeIcmp(whole(encodeIcmp(error, payload, dirty(8 + payload.length))), false);
        expect(decoded.header).toEqual({ version: 4, checksumValid: true, ...error });
        expect(decoded.body.view()).toEqual(payload);
        expect(decoded.quote?.length ?? 0).toBe(payload.length);
      }),
    );
  });

  it('are those of RFC 1122 and RFC 4443', () => {
    const types = Array.from({ length: 256 }, (_, type) => type);
    expect(types.filter((type) => isIcmpError({ version: 4, type }))).toEqual([3, 4, 5, 11, 12]);
    expect(types.filter((type) => isIcmpError({ version: 6, type }))).toEqual(types.slice(0, 128));
  });
});

describe('ICMP in words', () => {
  const unreachable = (code: number, text: string, mtu?: number) =>
    [{ type: 3, code, ...(mtu === undefined ? {} : { mtu }) }, text] as const;
  it.each([
    unreachable(0, 'net 198.51.100.9 unreachable'),
    unreachable(1, 'host 198.51.100.9 unreachable'),
    unreachable(2, '198.51.100.9 protocol 17 unreachable'),
    unreachable(3, '198.51.100.9 udp port 53 unreachable'),
    unreachable(4, '198.51.100.9 unreachable - need to frag (mtu 1400)', 1400),
    unreachable(4, '198.51.100.9 unreachable - need to frag'),
    unreachable(10, 'host 198.51.100.9 unreachable - admin prohibited'),
    unreachable(13, 'host 198.51.100.9 unreachable - admin prohibited filter'),
    unreachable(16, '198.51.100.9 unreachable - #16'),
    [{ type: 4, code: 0 }, 'source quench'],
    [{ type: 5, code: 0, gateway: '192.0.2.9' }, 'redirect 198.51.100.9 to net 192.0.2.9'],
    [{ type: 5, code: 1, gateway: '192.0.2.9' }, 'redirect 198.51.100.9 to host 192.0.2.9'],
    [{ type: 5, code: 3, gateway: '192.0.2.9' }, 'redirect-tos 198.51.100.9 to host 192.0.2.9'],
    [{ type: 5, code: 4, gateway: '192.0.2.9' }, 'redirect-#4 198.51.100.9 to 192.0.2.9'],
    [{ type: 11, code: 0 }, 'time exceeded in-transit'],
    [{ type: 11, code: 1 }, 'ip reassembly time exceeded'],
    [{ type: 11, code: 2 }, 'time exceeded-#2'],
    [{ type: 12, code: 1 }, 'parameter problem - code 1'],
    [{ type: 13, code: 0 }, 'time stamp query'],
    [{ type: 40, code: 3 }, 'type 40 code 3'],
  ] as const)('%o: %s', (header, text) => {
    const { icmp } = over(encodeIcmp(header, QUOTED));
    expect(icmp && describeIcmp(icmp, 40)).toBe(`${text}, length 40`);
  });

  it('of an error without a quote', () => {
    expect(describeIcmp({ version: 4, type: 3, code: 1 }, 8)).toBe('host ? unreachable, length 8');
    expect(describeIcmp({ version: 4, type: 3, code: 3 }, 8)).toBe('? port unreachable, length 8');
  });
});

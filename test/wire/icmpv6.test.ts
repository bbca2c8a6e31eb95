import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import { describeIcmpv6, encodeIcmpv6, encodeIcmpv6Echo, encodeNeighbour } from '../../src/wire/icmpv6.ts';
import { encodeIpv6 } from '../../src/wire/ipv6.ts';
import { anyData, anyIpv6, anyMac, anyU16, anyU32, concat, dirty, expectEveryCut, hex } from './vectors.ts';

const IP = {
  version: 6,
  source: 'fe80::1',
  destination: 'ff02::1:ff00:2',
  hopLimit: 255,
  nextHeader: 58,
  identification: 0,
  fragmentOffset: 0,
  moreFragments: false,
} as const;
const TARGET = 'fe800000 00000000 00000000 00000002';
/** Checksum by hand over addresses (fe80+1+ff02+1+ff00+2), 3a, 20, 8700, target (fe80+2), option (0101+0200+0+1): 48564, folded 8568. */
const SOLICITATION = hex('87 00 7a 97 00000000', TARGET, '01 01 02 00 00 00 00 01');
const QUOTED = encodeIpv6(
  { ...IP, destination: '2001:db8::9', nextHeader: 17 },
  hex('03e8 0035 0014 0000', '00'.repeat(12)),
);

function over(message: Uint8Array) {
  const bytes = encodeIpv6(IP, message);
  return decodeFrame(bytes, bytes.length, 'raw-ip');
}

function frameOf(message: Uint8Array): Uint8Array {
  return encodeIpv6(IP, message);
}

const IP_ROWS = [
  { cutAt: 0, layer: 'ip', offset: 0, need: 1, claimedBy: 'ip version' },
  { cutAt: 1, layer: 'ipv6', offset: 0, need: 40, claimedBy: 'ipv6 header size' },
  { cutAt: 40, layer: 'icmpv6', offset: 40, need: 8, claimedBy: 'icmpv6 header size' },
] as const;

describe('neighbour discovery', () => {
  it('solicitation: target and the asker’s link-layer address', () => {
    const packet = over(SOLICITATION);
    expect(packet.icmp).toEqual({
      version: 6,
      type: 135,
      code: 0,
      checksumValid: true,
      target: 'fe80::2',
      linkLayerAddress: '02:00:00:00:00:01',
    });
    expect(packet.stop).toBeUndefined();
  });

  it('advertisement: flags, and of the options only the target’s address', () => {
    const message = hex('88 00 00 00 e0000000', TARGET, '01 01 02 00 00 00 00 01', '02 01 02 00 00 00 00 02');
    expect(over(message).icmp).toMatchObject({
      target: 'fe80::2',
      neighbourFlags: 0xe0,
      linkLayerAddress: '02:00:00:00:00:02',
    });
  });

  it('router solicitation and advertisement: the router’s link-layer address', () => {
    const option = '05 01 00 00 00 00 05 dc 01 01 02 00 00 00 00 07';
    expect(over(hex('85 00 00 00 00000000', option)).icmp?.linkLayerAddress).toBe('02:00:00:00:00:07');
    const advertisement = over(hex('86 00 00 00 40000708 00000000 00000000', option));
    expect(advertisement.icmp?.linkLayerAddress).toBe('02:00:00:00:00:07');
    expect(advertisement.icmp).not.toHaveProperty('target');
  });

  it('redirect: the better next hop', () => {
    const { icmp } = over(hex('89 00 00 00 00000000', TARGET, '20010db8 00000000 00000000 00000009'));
    expect(icmp?.gateway).toBe('fe80::2');
  });

  it('stops at every cut', () => {
    expectEveryCut(
      frameOf(SOLICITATION),
      [
        ...IP_ROWS,
        { cutAt: 48, layer: 'icmpv6', offset: 40, need: 24, claimedBy: 'neighbour solicitation size' },
        // Cut exactly before the option, nothing but the IP header tells that there was one.
        { cutAt: 64, layer: 'ipv6', offset: 0, need: 72, claimedBy: 'ipv6 payload length' },
        { cutAt: 65, layer: 'icmpv6 option', offset: 64, need: 2, claimedBy: 'icmpv6 option header size' },
        { cutAt: 66, layer: 'icmpv6 option', offset: 64, need: 8, claimedBy: 'icmpv6 option length' },
      ],
      'raw-ip',
    );
  });

  it('keeps type and code where the target is cut, and the target where an option is', () => {
    const frame = frameOf(SOLICITATION);
    const cut = decodeFrame(frame.slice(0, 60), frame.length, 'raw-ip').icmp;
    expect(cut).toEqual({ version: 6, type: 135, code: 0 });
    expect(decodeFrame(frame.slice(0, 68), frame.length, 'raw-ip').icmp?.target).toBe('fe80::2');
  });

  it('an option of length 0 ends the walk (RFC 4861 section 4.6)', () => {
    expect(over(hex('87 00 00 00 00000000', TARGET, '01 00 02 00 00 00 00 01')).stop).toEqual({
      layer: 'icmpv6 option',
      offset: 64,
      need: 8,
      have: 0,
      claimedBy: 'icmpv6 option length',
      reason: 'malformed',
    });
  });

  it('comes back from encoding', () => {
    const target = { target: 'fe80::2', linkLayerAddress: '02:00:00:00:00:01' };
    expect(encodeNeighbour(target, IP, dirty(32))).toEqual(SOLICITATION);
    const anyFlags = fc.option(fc.constantFrom(0, 0x20, 0x60, 0xe0), { nil: undefined });
    const anyLinkLayer = fc.option(anyMac, { nil: undefined });
    fc.assert(
      fc.property(anyIpv6, anyLinkLayer, anyFlags, (target, linkLayerAddress, neighbourFlags) => {
        const fields = {
          target,
          ...(linkLayerAddress === undefined ? {} : { linkLayerAddress }),
          ...(neighbourFlags === undefined ? {} : { neighbourFlags }),
        };
        const bytes = encodeNeighbour(fields, IP, dirty(linkLayerAddress === undefined ? 24 : 32));
        const type = neighbourFlags === undefined ? 135 : 136;
        expect(over(bytes).icmp).toEqual({ version: 6, type, code: 0, checksumValid: true, ...fields });
      }),
    );
  });
});

describe('ICMPv6 echo', () => {
  it('comes back from encoding', () => {
    const anyEcho = fc.record({ reply: fc.boolean(), identifier: anyU16, sequence: anyU16, data: anyData });
    fc.assert(
      fc.property(anyEcho, (echo) => {
        const { reply, ...fields } = echo;
        const { icmp } = over(encodeIcmpv6Echo(echo, IP, dirty(8 + echo.data.length)));
        expect(icmp).toEqual({ version: 6, type: reply ? 129 : 128, code: 0, checksumValid: true, ...fields });
      }),
    );
  });

  it('a wrong checksum is known, of a cut message it is not', () => {
    const frame = frameOf(encodeIcmpv6Echo({ reply: false, identifier: 1, sequence: 2, data: hex('00 01') }, IP));
    const wrong = frame.slice();
    wrong[49] = 2;
    expect(decodeFrame(wrong, wrong.length, 'raw-ip').icmp?.checksumValid).toBe(false);
    expect(decodeFrame(frame.slice(0, 49), frame.length, 'raw-ip').icmp).not.toHaveProperty('checksumValid');
  });
});

describe('ICMPv6 errors', () => {
  it('quote a packet, and give the MTU', () => {
    const { icmp } = over(encodeIcmpv6({ type: 2, code: 0, mtu: 1280 }, QUOTED, IP));
    expect(icmp).toMatchObject({ mtu: 1280, checksumValid: true, quoted: { udp: { destinationPort: 53 } } });
    expect(icmp?.quoted?.stop).toBeUndefined();
    fc.assert(
      fc.property(anyU32, (mtu) => {
        expect(over(encodeIcmpv6({ type: 2, code: 0, mtu }, QUOTED, IP, dirty(68))).icmp?.mtu).toBe(mtu);
      }),
    );
  });

  it('end the quote where extensions begin (RFC 4884 counts 8 bytes here)', () => {
    const quoted = encodeIpv6({ ...IP, nextHeader: 253 }, new Uint8Array(200)).subarray(0, 128);
    const message = encodeIcmpv6({ type: 1, code: 0 }, concat(quoted, hex('20 00 00 00')), IP);
    expect(over(message).icmp?.quoted?.payload).toHaveLength(92);
    message[4] = 16;
    expect(over(message).icmp?.quoted?.payload).toHaveLength(88);
  });

  it.each([
    [1, 0, 'destination unreachable, unreachable route 2001:db8::9'],
    [1, 1, 'destination unreachable, unreachable prohibited 2001:db8::9'],
    [1, 2, 'destination unreachable, beyond scope 2001:db8::9, source address fe80::1'],
    [1, 3, 'destination unreachable, unreachable address 2001:db8::9'],
    [1, 4, 'destination unreachable, unreachable port, 2001:db8::9 udp port 53'],
    [1, 9, 'destination unreachable, unknown unreach code (9)'],
    [2, 0, 'packet too big, mtu 0'],
    [3, 0, 'time exceeded in-transit for 2001:db8::9'],
    [3, 1, 'time exceeded in-transit (reassembly)'],
    [3, 7, 'time exceeded in-transit, unknown code (7)'],
    [4, 1, 'parameter problem, next header'],
    [4, 9, 'parameter problem, code-#9'],
    [133, 0, 'router solicitation'],
    [134, 0, 'router advertisement'],
    [143, 0, 'multicast listener report, version 2'],
  ])('%i/%i in words: %s', (type, code, text) => {
    const { icmp } = over(encodeIcmpv6({ type, code }, QUOTED, IP));
    expect(icmp && describeIcmpv6(icmp, 68)).toBe(`${text}, length 68`);
  });

  it('neighbours in words', () => {
    const solicitation = over(SOLICITATION).icmp;
    expect(solicitation && describeIcmpv6(solicitation, 32)).toBe('neighbor solicitation, who has fe80::2, length 32');
    const advertisement = over(encodeNeighbour({ target: 'fe80::2', neighbourFlags: 0 }, IP)).icmp;
    expect(advertisement && describeIcmpv6(advertisement, 24)).toBe(
      'neighbor advertisement, tgt is fe80::2, length 24',
    );
    expect(describeIcmpv6({ version: 6, type: 137, code: 0 }, 8)).toBe('redirect, to ?, length 8');
  });
});

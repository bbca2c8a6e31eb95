import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeArp } from '../../src/wire/arp.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { encodeEthernet } from '../../src/wire/ethernet.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { encodeIcmp, encodeIcmpEcho } from '../../src/wire/icmp.ts';
import { encodeIcmpv6Echo, encodeNeighbour } from '../../src/wire/icmpv6.ts';
import { encodeIpv4 } from '../../src/wire/ipv4.ts';
import { encodeIpv6 } from '../../src/wire/ipv6.ts';
import { encodeUdp } from '../../src/wire/udp.ts';
import { hex } from './vectors.ts';

const ETHERNET = { destination: '02:00:00:00:00:01', source: '02:00:00:00:00:02' };
const IP = {
  version: 4,
  source: '10.9.0.2',
  destination: '10.9.0.3',
  identification: 1,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 1,
} as const;
const IP6 = {
  version: 6,
  source: 'fe80::1',
  destination: 'fe80::2',
  hopLimit: 255,
  nextHeader: 58,
  identification: 0,
  fragmentOffset: 0,
  moreFragments: false,
} as const;
const ECHO = encodeIcmpEcho({ reply: false, identifier: 7, sequence: 1, data: new Uint8Array(56) });
const QUOTED = encodeIpv4({ ...IP, destination: '1.2.3.4' }, ECHO);
const ARP = encodeArp({
  operation: 1,
  senderHardware: '02:00:00:00:00:02',
  senderProtocol: '10.9.0.2',
  targetHardware: '00:00:00:00:00:00',
  targetProtocol: '10.9.0.1',
});

function line(bytes: Uint8Array, originalLength = bytes.length): string {
  return describePacket(decodeFrame(bytes, originalLength));
}
const ipv4 = (payload: Uint8Array, header = {}) =>
  encodeEthernet({ ...ETHERNET, etherType: 0x0800 }, encodeIpv4({ ...IP, ...header }, payload));
const ipv6 = (payload: Uint8Array, header = {}) =>
  encodeEthernet({ ...ETHERNET, etherType: 0x86dd }, encodeIpv6({ ...IP6, ...header }, payload));

describe('one line for one packet', () => {
  it.each([
    [encodeEthernet({ ...ETHERNET, etherType: 0x0806 }, ARP), 'ARP, Request who-has 10.9.0.1 tell 10.9.0.2, length 28'],
    [
      encodeEthernet({ ...ETHERNET, etherType: 0x0806 }, ARP, [
        { tpid: 0x8100, priority: 3, dropEligible: true, id: 5 },
      ]),
      'vlan 5, p 3, DEI, ARP, Request who-has 10.9.0.1 tell 10.9.0.2, length 28',
    ],
    [ipv4(ECHO), 'IP 10.9.0.2 > 10.9.0.3: ICMP echo request, id 7, seq 1, length 64'],
    [
      ipv4(encodeIcmp({ type: 3, code: 1 }, QUOTED), { source: '10.9.0.1' }),
      'IP 10.9.0.1 > 10.9.0.3: ICMP host 1.2.3.4 unreachable, length 92',
    ],
    [ipv4(hex('00'), { fragmentOffset: 1480 }), 'IP 10.9.0.2 > 10.9.0.3: ip-proto-1 fragment at 1480, length 1'],
    [
      ipv4(encodeUdp({ sourcePort: 1000, destinationPort: 53 }, hex('0102')), { protocol: 17 }),
      'IP 10.9.0.2.1000 > 10.9.0.3.53: UDP, length 2',
    ],
    [
      ipv6(encodeIcmpv6Echo({ reply: true, identifier: 7, sequence: 1, data: hex('01') }, IP6)),
      'IP6 fe80::1 > fe80::2: ICMP6, echo reply, id 7, seq 1, length 9',
    ],
    [
      ipv6(encodeNeighbour({ target: 'fe80::2' }, IP6)),
      'IP6 fe80::1 > fe80::2: ICMP6, neighbor solicitation, who has fe80::2, length 24',
    ],
    [ipv6(hex('01'), { nextHeader: 59 }), 'IP6 fe80::1 > fe80::2: ip-proto-59, length 1'],
    [
      encodeEthernet({ ...ETHERNET, etherType: 0x88cc }, hex('0102')),
      '02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype 0x88cc, length 2',
    ],
    [
      encodeEthernet({ ...ETHERNET, etherType: 3 }, hex('424203')),
      '02:00:00:00:00:02 > 02:00:00:00:00:01, 802.3, length 3',
    ],
  ])('%#: %o', (bytes, text) => expect(line(bytes)).toBe(text));

  it('gives the length on the wire of what the capture cut, and says so', () => {
    expect(line(ipv4(ECHO).slice(0, 50), 98)).toBe(
      'IP 10.9.0.2 > 10.9.0.3: ICMP echo request, id 7, seq 1, length 64 [|ipv4]',
    );
    expect(line(ipv4(ECHO).slice(0, 13), 98)).toBe('[|ethernet]');
  });

  it('says what the sender made wrong', () => {
    expect(line(ipv4(hex('0800')))).toBe(
      'IP 10.9.0.2 > 10.9.0.3: ip-proto-1, length 2 (malformed icmp: icmp header size needs 8 bytes, has 2)',
    );
  });

  it('names an undecoded frame of a tun device', () => {
    expect(describePacket(decodeFrame(hex(), 0, 'raw-ip'))).toBe('(malformed ip: ip version needs 1 bytes, has 0)');
    expect(describePacket({ vlans: [], payload: hex('0102') })).toBe('2 bytes');
  });

  it('is printable ASCII, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('ethernet', 'raw-ip'), (bytes, linkType) => {
        expect(describePacket(decodeFrame(bytes, bytes.length, linkType))).toMatch(/^[\x20-\x7e]+$/);
      }),
    );
  });
});

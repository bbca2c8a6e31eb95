import { describe, expect, it } from 'vitest';
import { packetText } from '../../src/report/packet-text.ts';
import type { Icmp, Packet } from '../../src/wire/packet.ts';
import { arp, echo } from './fixture.ts';

const IP = echo(8, '10.0.0.1', '10.0.0.2');

function icmp(fields: Pick<Icmp, 'type' | 'code'> & Partial<Icmp>): Packet {
  return { ...IP, icmp: { version: 4, ...fields } };
}

describe('packetText', () => {
  it.each<[string, Packet, string, string]>([
    ['arp request', arp(1, '10.0.0.1', '10.0.0.2'), 'who-has 10.0.0.2 tell 10.0.0.1', 'who-has 10.0.0.2'],
    ['arp reply', arp(2, '10.0.0.2', '10.0.0.1'), '10.0.0.2 is-at 0a:11:22:33:44:75', '10.0.0.2 is-at 0a:…:75'],
    ['echo request', IP, 'echo request 10.0.0.1 > 10.0.0.2 seq 1', 'echo request seq 1'],
    ['echo reply', echo(0, '10.0.0.2', '10.0.0.1', 7), 'echo reply 10.0.0.2 > 10.0.0.1 seq 7', 'echo reply seq 7'],
    ['unreachable', icmp({ type: 3, code: 1 }), 'ICMP host unreachable from 10.0.0.1', 'ICMP host unreachable'],
    [
      'too big',
      icmp({ type: 3, code: 4, mtu: 1400 }),
      'ICMP fragmentation needed, mtu 1400 from 10.0.0.1',
      'ICMP fragmentation needed, mtu 1400',
    ],
    [
      'unknown code',
      icmp({ type: 3, code: 99 }),
      'ICMP destination unreachable, code 99 from 10.0.0.1',
      'ICMP destination unreachable, code 99',
    ],
    ['unknown type', icmp({ type: 200, code: 0 }), 'ICMP type 200 code 0 from 10.0.0.1', 'ICMP type 200 code 0'],
    [
      'expired',
      icmp({ type: 11, code: 0 }),
      'ICMP time to live exceeded in transit from 10.0.0.1',
      'ICMP time to live exceeded in transit',
    ],
    [
      'echo request 6',
      icmp({ version: 6, type: 128, code: 0, sequence: 2 }),
      'echo request 10.0.0.1 > 10.0.0.2 seq 2',
      'echo request seq 2',
    ],
    [
      'solicitation',
      icmp({ version: 6, type: 135, code: 0, target: 'fe80::2' }),
      'who-has fe80::2 (solicitation)',
      'who-has fe80::2',
    ],
    [
      'advertisement',
      icmp({ version: 6, type: 136, code: 0, target: 'fe80::2', linkLayerAddress: '0a:00:00:00:00:02' }),
      'fe80::2 is-at 0a:00:00:00:00:02',
      'fe80::2 is-at 0a:…:02',
    ],
    ['nothing', { vlans: [], payload: new Uint8Array() }, '0 bytes', '0 bytes'],
  ])('%s', (_, packet, long, short) => {
    expect(packetText({ packet })).toEqual({ long, short });
  });
});

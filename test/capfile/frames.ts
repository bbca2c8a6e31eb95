/** Frames for fast-check, and real ones by hand. */
import fc from 'fast-check';
import type { Frame, Place } from '../../src/trace/frame.ts';

export const HOME = 'net:[4026531840]';

export const places: readonly Place[] = [
  { netns: HOME, name: 'veth0' },
  { netns: HOME, name: 'br0' },
  { netns: 'blue', name: 'veth1' },
  { netns: 'net:[4026532281]', name: 'eth0' },
];

/** Any frame a capture can hand over. */
export const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    place: fc.constantFrom(...places),
    timeNs: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    direction: fc.constantFrom('in' as const, 'out' as const, 'unknown' as const),
    packetType: fc.constantFrom(
      'host' as const,
      'broadcast' as const,
      'multicast' as const,
      'other-host' as const,
      'unknown' as const,
    ),
    checksumNotReady: fc.boolean(),
    linkType: fc.constantFrom('ethernet' as const, 'raw-ip' as const),
    bytes: fc.uint8Array({ maxLength: 200 }),
    cutOff: fc.nat(9000),
  })
  .map(({ cutOff, ...frame }) => ({
    ...frame,
    order: 0,
    packetType: frame.direction === 'out' ? 'outgoing' : frame.packetType,
    originalLength: frame.bytes.length + cutOff,
  }));

const mac = (last: number) => `0200000000${last.toString(16).padStart(2, '0')}`;

/** who-has 10.0.0.2 tell 10.0.0.1 */
export const ARP_REQUEST = Buffer.from(
  `ffffffffffff${mac(1)}08060001080006040001${mac(1)}0a0000010000000000000a000002`,
  'hex',
);
/** 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1; from the IP header on. */
export const ECHO_REQUEST_IP = Buffer.from(
  '4500001c000100004001' + '66de' + '0a0000010a000002' + '0800' + 'f7fd' + '00010001',
  'hex',
);
export const ECHO_REQUEST = Buffer.concat([Buffer.from(`${mac(2)}${mac(1)}0800`, 'hex'), ECHO_REQUEST_IP]);

export function frameOf(place: Place, timeNs: bigint, bytes: Uint8Array, more: Partial<Frame> = {}): Frame {
  return {
    place,
    timeNs,
    order: 0,
    direction: 'in',
    packetType: 'host',
    originalLength: bytes.length,
    checksumNotReady: false,
    linkType: 'ethernet',
    bytes: new Uint8Array(bytes),
    ...more,
  };
}

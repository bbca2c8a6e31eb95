/** User Datagram Protocol (RFC 768): ports and length. */
import { type Decoded, decoded, type Window, Writer } from './bytes.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { IpProtocol } from './ipv4.ts';
import type { Udp } from './packet.ts';

const SOURCE_PORT = 0;
const DESTINATION_PORT = SOURCE_PORT + 2;
const LENGTH = DESTINATION_PORT + 2;
const CHECKSUM = LENGTH + 2;
/** Bytes. */
export const UDP_HEADER_LENGTH = CHECKSUM + 2;

/** @param fragment the datagram goes on in other fragments: its length says nothing about this one */
export function decodeUdp(window: Window, fragment: boolean): Decoded<Udp> {
  const short = window.lacks('udp', UDP_HEADER_LENGTH, 'udp header size');
  if (short) return { body: window, stop: short };
  const length = window.u16(LENGTH);
  const header: Udp = { sourcePort: window.u16(SOURCE_PORT), destinationPort: window.u16(DESTINATION_PORT), length };
  // Zero: longer than the field can say (RFC 2675 section 4, or left to the card to segment).
  if (fragment || length === 0) return { header, body: window.rest(UDP_HEADER_LENGTH) };
  if (length < UDP_HEADER_LENGTH) {
    const stop = window.malformed('udp', UDP_HEADER_LENGTH, length, 'udp length');
    return { header, body: window.narrow(UDP_HEADER_LENGTH, UDP_HEADER_LENGTH), stop };
  }
  return decoded(header, window.narrow(UDP_HEADER_LENGTH, length), window.lacksBody('udp', length, 'udp length'));
}

/**
 * @param addresses source and destination, one behind the other (`ipv4Addresses`, `ipv6Addresses`);
 *   without them the checksum is 0, which in IPv4 means none
 */
export function encodeUdp(
  { sourcePort, destinationPort }: Pick<Udp, 'sourcePort' | 'destinationPort'>,
  payload: Uint8Array,
  addresses?: Uint8Array,
  into: Uint8Array = new Uint8Array(UDP_HEADER_LENGTH + payload.length),
): Uint8Array {
  const datagram = new Writer(into).u16(sourcePort).u16(destinationPort).u16(into.length).u16(0).bytes(payload);
  if (addresses !== undefined) {
    const checksum = internetChecksum(into, pseudoHeaderSum(addresses, IpProtocol.udp, into.length));
    datagram.patch16(CHECKSUM, checksum === 0 ? 0xffff : checksum);
  }
  return datagram.finish();
}

/** As tcpdump: `UDP, length 12`, the data's length. @param lengthBytes of the datagram on the wire */
export function describeUdp({ length }: Udp, lengthBytes: number): string {
  return `UDP, length ${Math.max((length === 0 ? lengthBytes : length) - UDP_HEADER_LENGTH, 0)}`;
}

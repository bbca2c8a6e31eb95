/** Hex dumps below a packet's line: -x from the network layer on, -xx from the Ethernet header on, -X and -XX with the text beside. */

import { ETHERNET_HEADER_LENGTH, EtherType, encodeEthernet } from '../wire/ethernet.ts';
import { decodeFrame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import { NO_HARDWARE, type TextFrame } from './text-packet.ts';

const ROW = /^0x([0-9a-f]{4,5}):\s+((?:[0-9a-f]{4} ){0,7}[0-9a-f]{2,4})(?:\s|$)/;
const ROW_BYTES = 16;
/** Bytes: no IP packet is longer. */
const LARGEST = 65535 + ETHERNET_HEADER_LENGTH;

export function isHexRow(text: string): boolean {
  return ROW.test(text);
}

/** The bytes of the rows, which must follow each other from 0; undefined for anything else. */
export function readHexRows(rows: readonly string[]): Uint8Array | undefined {
  let hex = '';
  for (const row of rows) {
    const [, offset = '', words = ''] = ROW.exec(row) ?? [];
    const digits = words.replaceAll(' ', '');
    if (Number.parseInt(offset, 16) * 2 !== hex.length || digits.length > 2 * ROW_BYTES || digits.length % 2 !== 0)
      return undefined;
    hex += digits;
    if (hex.length > 2 * LARGEST) return undefined;
  }
  return hex === '' ? undefined : Buffer.from(hex, 'hex');
}

/**
 * The frame that a dump shows, where it is the packet that the line tells of: the line is what was understood, the dump must
 * agree with it. Undefined where it does not, or shows another link layer.
 */
export function dumpedFrame(dump: Uint8Array, told: TextFrame): TextFrame | undefined {
  const expected = decodeFrame(told.bytes, told.originalLength);
  const whole = agreeing(dump, told, expected);
  if (whole !== undefined) return whole;
  const { etherType = EtherType.ipv4, source = NO_HARDWARE, destination = NO_HARDWARE } = expected.ethernet ?? {};
  return agreeing(encodeEthernet({ source, destination, etherType }, dump, expected.vlans), told, expected);
}

function agreeing(bytes: Uint8Array, told: TextFrame, expected: Packet): TextFrame | undefined {
  const originalLength = Math.max(told.originalLength, bytes.length);
  return sameEnds(decodeFrame(bytes, originalLength), expected) ? { bytes, originalLength } : undefined;
}

function sameEnds(dumped: Packet, told: Packet): boolean {
  if (told.arp !== undefined)
    return (
      dumped.arp?.operation === told.arp.operation &&
      dumped.arp.senderProtocol === told.arp.senderProtocol &&
      (told.arp.targetProtocol === '0.0.0.0' || dumped.arp.targetProtocol === told.arp.targetProtocol)
    );
  return told.ip !== undefined && dumped.ip?.source === told.ip.source && dumped.ip.destination === told.ip.destination;
}

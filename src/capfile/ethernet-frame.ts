/** Frames with another header than Ethernet's, made into frames that a file of one link type can hold. */
import type { Frame } from '../trace/frame.ts';
import { ETHERNET_HEADER } from './pcapng-format.ts';

/** A frame as vdiag writes it: Ethernet, or without link layer. */
export interface EthernetFrame extends Frame {
  readonly linkType?: 'ethernet' | 'raw-ip';
}

const SLL_HEADER = 16;
const SLL2_HEADER = 20;
const LOOPBACK_HEADER = 4;
const MAC_LENGTH = 6;

/**
 * The same packet behind an Ethernet header: a cooked header has the source address and the EtherType, and no destination (zero).
 * A loopback header is taken off. Ethernet and raw IP come back as they are.
 */
export function asEthernet(frame: Frame): EthernetFrame {
  if (hasEthernetOrNone(frame)) return frame;
  if (frame.linkType === 'null') return replaceHeader(frame, LOOPBACK_HEADER, new Uint8Array(0), 'raw-ip');
  return frame.linkType === 'linux-sll'
    ? replaceHeader(frame, SLL_HEADER, ethernetHeader(frame.bytes, 6, 14), 'ethernet')
    : replaceHeader(frame, SLL2_HEADER, ethernetHeader(frame.bytes, 12, 0), 'ethernet');
}

function hasEthernetOrNone(frame: Frame): frame is EthernetFrame {
  const { linkType } = frame;
  return linkType === undefined || linkType === 'ethernet' || linkType === 'raw-ip';
}

function ethernetHeader(bytes: Uint8Array, source: number, etherType: number): Uint8Array {
  const header = new Uint8Array(ETHERNET_HEADER);
  header.set(bytes.subarray(source, source + MAC_LENGTH), MAC_LENGTH);
  header.set(bytes.subarray(etherType, etherType + 2), 2 * MAC_LENGTH);
  return header;
}

function replaceHeader(frame: Frame, cut: number, header: Uint8Array, linkType: 'ethernet' | 'raw-ip'): EthernetFrame {
  const rest = frame.bytes.subarray(cut);
  const bytes = new Uint8Array(header.length + rest.length);
  bytes.set(header);
  bytes.set(rest, header.length);
  return { ...frame, linkType, bytes, originalLength: Math.max(frame.originalLength - cut, 0) + header.length };
}

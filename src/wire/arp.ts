/** Address Resolution Protocol (RFC 826) for IPv4 over Ethernet, the only kind the Linux stack answers (arp_rcv, net/ipv4/arp.c). */
import { type Decoded, type Window, Writer } from './bytes.ts';
import type { Arp } from './packet.ts';
import { formatIpv4, formatMac, ipv4Bytes, macBytes } from './text.ts';

/** RFC 826 and RFC 903. */
export const ArpOperation = { request: 1, reply: 2, reverseRequest: 3, reverseReply: 4 } as const;

/** arp_process takes both for an Ethernet device. */
const HARDWARE_ETHERNET = 1;
const HARDWARE_IEEE802 = 6;
const PROTOCOL_IPV4 = 0x0800;
const HARDWARE_LENGTH = 6;
const PROTOCOL_LENGTH = 4;

const HARDWARE_TYPE = 0;
const PROTOCOL_TYPE = HARDWARE_TYPE + 2;
const HARDWARE_SIZE = PROTOCOL_TYPE + 2;
const PROTOCOL_SIZE = HARDWARE_SIZE + 1;
const OPERATION = PROTOCOL_SIZE + 1;
const FIXED_LENGTH = OPERATION + 2;
const SENDER_HARDWARE = FIXED_LENGTH;
const SENDER_PROTOCOL = SENDER_HARDWARE + HARDWARE_LENGTH;
const TARGET_HARDWARE = SENDER_PROTOCOL + PROTOCOL_LENGTH;
const TARGET_PROTOCOL = TARGET_HARDWARE + HARDWARE_LENGTH;
/** Bytes of a packet for IPv4 over Ethernet. */
export const ARP_LENGTH = TARGET_PROTOCOL + PROTOCOL_LENGTH;

const NO_HARDWARE = '00:00:00:00:00:00';

/** ARP for other hardware or protocols is a stop: it has no fields that vdiag could show. */
export function decodeArp(window: Window): Decoded<Arp> {
  const short = window.lacks('arp', FIXED_LENGTH, 'arp header size');
  if (short) return { body: window, stop: short };
  const claimed = FIXED_LENGTH + 2 * (window.u8(HARDWARE_SIZE) + window.u8(PROTOCOL_SIZE));
  const other = unsupported(window);
  if (other) return { body: window, stop: window.malformed('arp', ARP_LENGTH, claimed, other) };
  const cut = window.lacks('arp', ARP_LENGTH, 'arp address lengths');
  if (cut) return { body: window, stop: cut };
  const { bytes, start } = window;
  return {
    header: {
      operation: window.u16(OPERATION),
      senderHardware: formatMac(bytes, start + SENDER_HARDWARE),
      senderProtocol: formatIpv4(bytes, start + SENDER_PROTOCOL),
      targetHardware: formatMac(bytes, start + TARGET_HARDWARE),
      targetProtocol: formatIpv4(bytes, start + TARGET_PROTOCOL),
    },
    // What follows is Ethernet padding.
    body: window.narrow(ARP_LENGTH, ARP_LENGTH),
  };
}

function unsupported(window: Window): string | undefined {
  const hardware = window.u16(HARDWARE_TYPE);
  if (hardware !== HARDWARE_ETHERNET && hardware !== HARDWARE_IEEE802) return 'arp hardware type';
  if (window.u16(PROTOCOL_TYPE) !== PROTOCOL_IPV4) return 'arp protocol type';
  if (window.u8(HARDWARE_SIZE) !== HARDWARE_LENGTH) return 'arp hardware address length';
  return window.u8(PROTOCOL_SIZE) === PROTOCOL_LENGTH ? undefined : 'arp protocol address length';
}

/** @throws RangeError for an address that is none */
export function encodeArp(arp: Arp, into: Uint8Array = new Uint8Array(ARP_LENGTH)): Uint8Array {
  return new Writer(into)
    .u16(HARDWARE_ETHERNET)
    .u16(PROTOCOL_IPV4)
    .u8(HARDWARE_LENGTH)
    .u8(PROTOCOL_LENGTH)
    .u16(arp.operation)
    .bytes(macBytes(arp.senderHardware))
    .bytes(ipv4Bytes(arp.senderProtocol))
    .bytes(macBytes(arp.targetHardware))
    .bytes(ipv4Bytes(arp.targetProtocol))
    .finish();
}

/** As tcpdump: `Request who-has 10.9.0.1 tell 10.9.0.2, length 28`. */
export function describeArp(arp: Arp): string {
  return `${operationText(arp)}, length ${ARP_LENGTH}`;
}

function operationText({ operation, senderHardware, senderProtocol, targetHardware, targetProtocol }: Arp): string {
  switch (operation) {
    case ArpOperation.request: {
      const known = targetHardware === NO_HARDWARE ? '' : ` (${targetHardware})`;
      return `Request who-has ${targetProtocol}${known} tell ${senderProtocol}`;
    }
    case ArpOperation.reply:
      return `Reply ${senderProtocol} is-at ${senderHardware}`;
    case ArpOperation.reverseRequest:
      return `Reverse Request who-is ${targetHardware} tell ${senderHardware}`;
    case ArpOperation.reverseReply:
      return `Reverse Reply ${targetHardware} at ${targetProtocol}`;
    default:
      return `operation ${operation}`;
  }
}

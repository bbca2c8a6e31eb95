/**
 * Linux cooked capture, versions 1 and 2 (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html, …_SLL2.html), and the
 * four bytes of BSD loopback (LINKTYPE_NULL and LINKTYPE_LOOP): what stands in place of an Ethernet header in a capture.
 */
import type { Window } from './bytes.ts';
import { EtherType } from './ethernet.ts';
import type { Cooked, DecodeStop, VlanTag } from './packet.ts';
import { formatMac } from './text.ts';
import { decodeVlanTags } from './vlan.ts';

/** ARPHRD_ numbers of devices behind which the protocol field is no EtherType (linux/if_arp.h). */
const NOT_ETHERTYPE: ReadonlySet<number> = new Set([
  280, // CAN
  770, // frame relay access device
  803, // 802.11 with radiotap
  824, // netlink
]);

const MAC_LENGTH = 6;

interface Layout {
  readonly protocol: number;
  readonly hardwareType: number;
  readonly addressLength: number;
  readonly address: number;
  readonly headerLength: number;
}
/** The one-byte fields of version 2 are read as one: see `readHeader`. */
const VERSION_1: Layout = { protocol: 14, hardwareType: 2, addressLength: 4, address: 6, headerLength: 16 };
const VERSION_2: Layout = { protocol: 0, hardwareType: 8, addressLength: 11, address: 12, headerLength: 20 };
const PACKET_TYPE_1 = 0;
const PACKET_TYPE_2 = 10;
const INTERFACE_2 = 4;

export interface DecodedCooked {
  readonly header?: Cooked;
  readonly vlans: readonly VlanTag[];
  readonly body: Window;
  readonly stop?: DecodeStop;
}

export function decodeCooked(window: Window, version: Cooked['version']): DecodedCooked {
  const layout = version === 1 ? VERSION_1 : VERSION_2;
  const { headerLength } = layout;
  const short = window.lacks('linux cooked header', headerLength, 'linux cooked header size');
  if (short) return { vlans: [], body: window, stop: short };
  const { etherType, vlans, body, stop } = decodeVlanTags(window.rest(headerLength), window.u16(layout.protocol));
  const header = readHeader(window, version, layout, etherType);
  return stop ? { header, vlans, body, stop } : { header, vlans, body };
}

function readHeader(window: Window, version: Cooked['version'], layout: Layout, protocol: number): Cooked {
  const { bytes, start } = window;
  const length = version === 1 ? window.u16(layout.addressLength) : window.u8(layout.addressLength);
  return {
    version,
    packetType: version === 1 ? window.u16(PACKET_TYPE_1) : window.u8(PACKET_TYPE_2),
    hardwareType: window.u16(layout.hardwareType),
    ...(length === MAC_LENGTH ? { source: formatMac(bytes, start + layout.address) } : {}),
    protocol,
    ...(version === 1 ? {} : { interfaceIndex: window.u32(INTERFACE_2) }),
  };
}

/** The EtherType of what a cooked header stands in front of; 0 where the device has another kind of number there. */
export function cookedEtherType({ hardwareType, protocol }: Cooked): number {
  return NOT_ETHERTYPE.has(hardwareType) ? 0 : protocol;
}

/** Bytes of a BSD loopback header: the protocol family. */
const LOOPBACK_HEADER = 4;
const FAMILY_IPV4 = 2;
/** AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin. */
const FAMILIES_IPV6: ReadonlySet<number> = new Set([10, 24, 28, 30]);

export interface DecodedLoopback {
  /** EtherType of what follows, 0 for another protocol family. */
  readonly etherType: number;
  readonly body: Window;
  readonly stop?: DecodeStop;
}

/** The family stands there in the byte order of the host that captured: the half that is zero tells which. */
export function decodeLoopback(window: Window): DecodedLoopback {
  const short = window.lacks('loopback header', LOOPBACK_HEADER, 'loopback header size');
  if (short) return { etherType: 0, body: window, stop: short };
  const swapped = window.u16(0) !== 0;
  const family = swapped ? window.u8(0) + window.u8(1) * 256 : window.u16(2);
  const ipv6 = FAMILIES_IPV6.has(family) ? EtherType.ipv6 : 0;
  return { etherType: family === FAMILY_IPV4 ? EtherType.ipv4 : ipv6, body: window.rest(LOOPBACK_HEADER) };
}

/** For a frame whose contents vdiag does not decode: address and type. */
export function describeCooked({ source, protocol }: Cooked): string {
  const from = source === undefined ? '' : `${source}, `;
  return `${from}ethertype 0x${protocol.toString(16).padStart(4, '0')}`;
}

/**
 * Headers between Ethernet and the packet that say no more than what follows: PPPoE sessions (RFC 2516), MPLS label stacks
 * (RFC 3032), 802.2 LLC with SNAP (RFC 1042), the I-tag of provider backbone bridges (IEEE 802.1Q clause 9.7), and the
 * authentication header behind IPv4 (RFC 4302). Each is passed over; a whole Ethernet frame behind one is a packet of its own.
 */
import type { Window } from './bytes.ts';
import { EtherType } from './ethernet.ts';
import type { DecodeStop } from './packet.ts';

/** EtherTypes of what is passed over, and what a tunnel says of an Ethernet frame. */
export const CarrierType = {
  pppoeSession: 0x8864,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  backbone: 0x88e7,
  /** Transparent Ethernet bridging (RFC 1701): an Ethernet frame follows. */
  ethernet: 0x6558,
} as const;

export interface Carried {
  /** What follows: an EtherType, `CarrierType.ethernet` for a whole frame, 0 for what vdiag does not open. */
  readonly etherType: number;
  readonly body: Window;
  readonly stop?: DecodeStop;
}

const PPPOE_LENGTH = 4;
const PPPOE_HEADER = 6;
const PPP_PROTOCOL = PPPOE_HEADER;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/** The header and the PPP protocol behind it. */
export function passPppoe(window: Window): Carried {
  const stop = window.lacks('pppoe', PPP_PROTOCOL + 2, 'pppoe header size');
  if (stop) return { etherType: 0, body: window, stop };
  const protocol = window.u16(PPP_PROTOCOL);
  const end = PPPOE_HEADER + Math.max(window.u16(PPPOE_LENGTH), 2);
  const body = window.narrow(PPP_PROTOCOL + 2, end);
  const ipv6 = protocol === PPP_IPV6 ? EtherType.ipv6 : 0;
  return { etherType: protocol === PPP_IPV4 ? EtherType.ipv4 : ipv6, body };
}

const LABEL = 4;
const BOTTOM_OF_STACK = 0x100;
const MOST_LABELS = 16;
/** RFC 4385: a pseudowire's control word starts with zero bits, where an IP packet has its version. */
const CONTROL_WORD = 4;

/** The label stack. What follows is not named anywhere: its first four bits tell. */
export function passMpls(window: Window): Carried {
  let body = window;
  for (let labels = 0; labels < MOST_LABELS; labels++) {
    const stop = body.lacks('mpls', LABEL, 'mpls label size');
    if (stop) return { etherType: 0, body, stop };
    const bottom = (body.u32(0) & BOTTOM_OF_STACK) !== 0;
    body = body.rest(LABEL);
    if (bottom) return behindLabels(body);
  }
  return { etherType: 0, body };
}

function behindLabels(body: Window): Carried {
  if (body.length === 0) return { etherType: 0, body };
  const first = body.u8(0) >>> 4;
  if (first === 4) return { etherType: EtherType.ipv4, body };
  if (first === 6) return { etherType: EtherType.ipv6, body };
  return first === 0 && body.length > CONTROL_WORD
    ? { etherType: CarrierType.ethernet, body: body.rest(CONTROL_WORD) }
    : { etherType: 0, body };
}

const SNAP_HEADER = 8;
/** Both service access points 0xaa and the control field of an unnumbered frame; then the organisation of EtherTypes. */
const SNAP_START = 0xaaaa0300;
const SNAP_ORGANISATION = 0x0000;

/** An 802.3 frame with SNAP. Others have no EtherType: 0. */
export function passSnap(window: Window): Carried {
  if (window.length < SNAP_HEADER) return { etherType: 0, body: window };
  if (window.u32(0) !== SNAP_START || window.u16(4) !== SNAP_ORGANISATION) return { etherType: 0, body: window };
  return { etherType: window.u16(6), body: window.rest(SNAP_HEADER) };
}

const BACKBONE_TAG = 4;

/** The service tag; the customer's whole frame follows. */
export function passBackbone(window: Window): Carried {
  const stop = window.lacks('802.1ah', BACKBONE_TAG, '802.1ah tag size');
  if (stop) return { etherType: 0, body: window, stop };
  return { etherType: CarrierType.ethernet, body: window.rest(BACKBONE_TAG) };
}

const AUTHENTICATION_SMALLEST = 12;

export interface Authenticated {
  readonly protocol: number;
  readonly body: Window;
  readonly stop?: DecodeStop;
}

/** RFC 4302 section 2.2: the length counts 4-byte units, less 2. The protocol behind it is -1 where it is cut off. */
export function passAuthentication(window: Window): Authenticated {
  const stop = window.lacks('authentication header', AUTHENTICATION_SMALLEST, 'authentication header size');
  if (stop) return { protocol: -1, body: window, stop };
  const length = Math.max((window.u8(1) + 2) * 4, AUTHENTICATION_SMALLEST);
  const cut = window.lacks('authentication header', length, 'authentication header length');
  if (cut) return { protocol: -1, body: window, stop: cut };
  return { protocol: window.u8(0), body: window.rest(length) };
}

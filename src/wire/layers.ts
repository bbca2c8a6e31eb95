/** The walk through a frame's layers, from the outside in: which protocol follows which. */
import { decodeArp } from './arp.ts';
import type { Window } from './bytes.ts';
import {
  type Carried,
  CarrierType,
  passAuthentication,
  passBackbone,
  passMpls,
  passPppoe,
  passSnap,
} from './carriers.ts';
import { cookedEtherType, decodeCooked, decodeLoopback } from './cooked.ts';
import { decodeEthernet, EtherType, LAST_LENGTH } from './ethernet.ts';
import { type DecodedIcmp, decodeIcmp } from './icmp.ts';
import { decodeIcmpv6 } from './icmpv6.ts';
import { decodeIpv4, IPV4_HEADER_LENGTH, IpProtocol } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import type { Cooked, DecodeStop, Ipv4, Ipv6, Packet, VlanTag } from './packet.ts';
import { decodeTcp } from './tcp.ts';
import { openDatagram, openIp, TunnelProtocol } from './tunnel.ts';
import { decodeUdp } from './udp.ts';

/** A packet while its layers are added. */
type Draft = { -readonly [Field in keyof Packet]: Packet[Field] };

/** Where the walk is: the packet it fills, and how many tunnels it is in. */
interface Walk {
  readonly packet: Draft;
  readonly depth: number;
  /** UDP ports that carry VXLAN here, beside those that have a number for it. */
  readonly vxlanPorts: ReadonlySet<number>;
}

/** A pod's packet in VXLAN in IPsec in PPPoE is three; a hostile frame nests hundreds. */
const MOST_INNER = 4;
const NO_BYTES = new Uint8Array(0);
const NO_TAGS: readonly VlanTag[] = Object.freeze([]);
const NO_PORTS: ReadonlySet<number> = new Set();

/** Runs a step of the walk over an empty packet; what it leaves is the payload. */
export function decodeLayers(step: (walk: Walk) => Window, vxlanPorts = NO_PORTS, depth = 0): Packet {
  const packet: Draft = { vlans: NO_TAGS, payload: NO_BYTES };
  packet.payload = step({ packet, depth, vxlanPorts }).view();
  return packet;
}

function note({ packet }: Walk, stop: DecodeStop | undefined): void {
  if (stop !== undefined) packet.stop = stop;
}

export function intoEthernet(walk: Walk, frame: Window): Window {
  const { header, vlans, body, stop } = decodeEthernet(frame);
  note(walk, stop);
  if (header === undefined) return body;
  walk.packet.ethernet = header;
  walk.packet.vlans = vlans;
  if (stop !== undefined && stop.layer === 'vlan') return body;
  return header.etherType <= LAST_LENGTH
    ? intoCarried(walk, body, passSnap(body))
    : intoType(walk, header.etherType, body);
}

export function intoCooked(walk: Walk, frame: Window, version: Cooked['version']): Window {
  const { header, vlans, body, stop } = decodeCooked(frame, version);
  note(walk, stop);
  if (header === undefined) return body;
  walk.packet.cooked = header;
  walk.packet.vlans = vlans;
  return stop === undefined ? intoType(walk, cookedEtherType(header), body) : body;
}

export function intoLoopback(walk: Walk, frame: Window): Window {
  return intoCarried(walk, frame, decodeLoopback(frame));
}

export function intoRawIp(walk: Walk, frame: Window): Window {
  note(walk, frame.lacks('ip', 1, 'ip version'));
  if (walk.packet.stop) return frame;
  const version = frame.u8(0) >>> 4;
  if (version === 4) return intoIpv4(walk, frame);
  if (version === 6) return intoIpv6(walk, frame);
  walk.packet.stop = frame.malformed('ip', IPV4_HEADER_LENGTH, 0, 'ip version');
  return frame;
}

/** What an EtherType announces; of other protocols nothing is known, and all is payload. */
function intoType(walk: Walk, etherType: number, body: Window): Window {
  switch (etherType) {
    case EtherType.arp:
    case EtherType.reverseArp:
      return intoArp(walk, body);
    case EtherType.ipv4:
      return intoIpv4(walk, body);
    case EtherType.ipv6:
      return intoIpv6(walk, body);
    case CarrierType.pppoeSession:
      return intoCarried(walk, body, passPppoe(body));
    case CarrierType.mpls:
    case CarrierType.mplsMulticast:
      return intoCarried(walk, body, passMpls(body));
    case CarrierType.backbone:
      return intoCarried(walk, body, passBackbone(body));
    default:
      return body;
  }
}

/** Behind a header that was passed over. `window` is all of it, for what is not opened. */
function intoCarried(walk: Walk, window: Window, { etherType, body, stop }: Carried): Window {
  note(walk, stop);
  if (stop !== undefined || etherType === 0) return window;
  if (etherType !== CarrierType.ethernet) return intoType(walk, etherType, body);
  openInner(walk, { etherType, body });
  return window;
}

/** The packet a tunnel carries. The bytes stay the outer packet's payload too. */
function openInner(walk: Walk, { etherType, body, stop }: Carried): void {
  note(walk, stop);
  const depth = walk.depth + 1;
  if (stop !== undefined || etherType === 0 || depth > MOST_INNER) return;
  walk.packet.inner = decodeLayers(
    (inner) => (etherType === CarrierType.ethernet ? intoEthernet(inner, body) : intoType(inner, etherType, body)),
    walk.vxlanPorts,
    depth,
  );
}

function intoArp(walk: Walk, window: Window): Window {
  const { header, body, stop } = decodeArp(window);
  note(walk, stop);
  if (header !== undefined) walk.packet.arp = header;
  return body;
}

function intoIpv4(walk: Walk, window: Window): Window {
  const { header, body, stop } = decodeIpv4(window);
  note(walk, stop);
  if (header === undefined) return body;
  walk.packet.ip = header;
  if (!hasUpperLayer(header)) return body;
  const fragment = header.moreFragments;
  if (header.protocol !== TunnelProtocol.authentication) return intoUpper(walk, body, header.protocol, fragment);
  const behind = passAuthentication(body);
  note(walk, behind.stop);
  return behind.stop ? body : intoUpper(walk, behind.body, behind.protocol, fragment);
}

/** IPv4's upper layers. */
function intoUpper(walk: Walk, body: Window, protocol: number, fragment: boolean): Window {
  if (protocol === IpProtocol.icmp) return intoIcmp(walk, body, decodeIcmp(body, fragment));
  return intoPorts(walk, body, protocol, fragment);
}

function intoIpv6(walk: Walk, window: Window): Window {
  const { header, body, stop, addressSum } = decodeIpv6(window);
  note(walk, stop);
  if (header === undefined) return body;
  walk.packet.ip = header;
  if (!hasUpperLayer(header)) return body;
  const fragment = header.moreFragments;
  if (header.nextHeader === IpProtocol.icmpv6) return intoIcmp(walk, body, decodeIcmpv6(body, fragment, addressSum));
  return intoPorts(walk, body, header.nextHeader, fragment);
}

/** Not in a later fragment, and not where the total length denies even the header. */
function hasUpperLayer(header: Ipv4 | Ipv6): boolean {
  if (header.version === 4 && header.totalLength > 0 && header.totalLength < header.headerLength) return false;
  return header.fragmentOffset === 0;
}

function intoIcmp(walk: Walk, window: Window, { header, body, stop, quote }: DecodedIcmp): Window {
  note(walk, stop);
  if (header === undefined) return body;
  // One level only: an error about an error is never sent (RFC 1122 section 3.2.2), and a hostile one would nest thousands.
  if (quote === undefined || window.quoted) walk.packet.icmp = header;
  else {
    const quoted = decodeLayers(
      (inner) => (header.version === 4 ? intoIpv4(inner, quote) : intoIpv6(inner, quote)),
      walk.vxlanPorts,
      walk.depth,
    );
    walk.packet.icmp = { ...header, quoted };
  }
  return body;
}

function intoPorts(walk: Walk, window: Window, protocol: number, fragment: boolean): Window {
  if (protocol === IpProtocol.udp) return intoUdp(walk, window, fragment);
  if (protocol === IpProtocol.tcp) {
    const { header, body, stop } = decodeTcp(window);
    note(walk, stop);
    if (header !== undefined) walk.packet.tcp = header;
    return body;
  }
  const carried = openIp(protocol, window);
  if (carried !== undefined) openInner(walk, carried);
  return window;
}

function intoUdp(walk: Walk, window: Window, fragment: boolean): Window {
  const { header, body, stop } = decodeUdp(window, fragment);
  note(walk, stop);
  if (header === undefined) return body;
  walk.packet.udp = header;
  const carried = openDatagram(header.destinationPort, body, walk.vxlanPorts);
  if (carried !== undefined) openInner(walk, carried);
  return body;
}

/**
 * A glance at a frame: just enough of it to know the packet again at the next place, read in place, without an object.
 * `wire/` decodes frames exactly and completely; this is for millions of them. It reads no byte behind `end`.
 */
import { EtherType } from '../wire/ethernet.ts';
import { IpProtocol } from '../wire/ipv4.ts';
import { icmpKind, icmpv6Kind, isEcho, Kind } from './kind.ts';

/** How frames start (LINKTYPE_ numbers, https://www.tcpdump.org/linktypes.html). */
const LINKTYPE_NULL = 0;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_LOOP = 108;
const LINKTYPE_LINUX_SLL = 113;
const LINKTYPE_LINUX_SLL2 = 276;

const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const MOST_TAGS = 4;
const SLL_HEADER = 16;
const SLL2_HEADER = 20;
const NULL_HEADER = 4;
const ARP_PACKET = 28;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const ICMP_HEADER = 8;
const UDP_HEADER = 8;
const TUNNEL_HEADER = 8;
const MOST_TUNNELS = 2;

/** RFC 7348, RFC 8926, and the port Linux used for VXLAN before one was assigned. */
const VXLAN = 4789;
const VXLAN_LINUX = 8472;
const GENEVE = 6081;
const VXLAN_ID_VALID = 0x08;
const ETHERNET_IN_TUNNEL = 0x6558;

const HOP_BY_HOP = 0;
const IPIP = 4;
const IPV6_IN_IP = 41;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

/** Bytes behind the IP header that tell packets apart: a TCP header with its time stamps (RFC 7323), or the first data. */
const MARK = 32;
/**
 * Of an echo the header is enough: its checksum covers the rest, which a short capture may have cut off in a tunnel. Not so of an error:
 * the checksums inside what it quotes make up for whatever differs there.
 */
const ECHO_MARK = ICMP_HEADER;

export class Glance {
  /** Of `Kind`. */
  kind: number = Kind.none;
  /** Two independent hashes of what stays the same from place to place: not the TTL, the MAC addresses, VLAN tags or tunnels. */
  hashHigh = 0;
  hashLow = 0;
  /** Where the addresses stand, and how long they are (4 or 16 bytes): who speaks, and to whom. */
  sourceAt = 0;
  targetAt = 0;
  addressLength = 4;
  /** Echo only. */
  identifier = 0;
  sequence = 0;
  /** Where the ICMP or ARP header stands. */
  messageAt = 0;
  /** TTL or hop limit; 0 for ARP. */
  ttl = 0;
  /** Where the Ethernet header stands; -1 where there is none. */
  ethernetAt = -1;
  /** Group bit of the Ethernet destination. */
  group = false;
  /** The frame was looked at through a tunnel header. */
  tunnelled = false;

  /** Looks at the frame from `start` to `end`. False, and `kind` none, where there is nothing to follow. */
  look(view: DataView, start: number, end: number, linkType: number): boolean {
    this.kind = Kind.none;
    this.tunnelled = false;
    this.ethernetAt = -1;
    this.group = false;
    switch (linkType) {
      case LINKTYPE_ETHERNET:
        return this.#ethernet(view, start, end, 0);
      case LINKTYPE_LINUX_SLL:
        return start + SLL_HEADER <= end && this.#network(view, start + SLL_HEADER, end, view.getUint16(start + 14), 0);
      case LINKTYPE_LINUX_SLL2:
        return start + SLL2_HEADER <= end && this.#network(view, start + SLL2_HEADER, end, view.getUint16(start), 0);
      case LINKTYPE_NULL:
      case LINKTYPE_LOOP:
        return this.#ip(view, start + NULL_HEADER, end, 0);
      default:
        return this.#ip(view, start, end, 0);
    }
  }

  #ethernet(view: DataView, start: number, end: number, depth: number): boolean {
    if (start + ETHERNET_HEADER > end) return false;
    this.ethernetAt = start;
    this.group = (view.getUint8(start) & 1) === 1;
    let at = start + ETHERNET_HEADER;
    let type = view.getUint16(at - 2);
    for (let tags = 0; tags < MOST_TAGS && (type === 0x8100 || type === 0x88a8 || type === 0x9100); tags++) {
      at += VLAN_TAG;
      if (at > end) return false;
      type = view.getUint16(at - 2);
    }
    return this.#network(view, at, end, type, depth);
  }

  #network(view: DataView, at: number, end: number, type: number, depth: number): boolean {
    if (type === EtherType.ipv4) return this.#ipv4(view, at, end, depth);
    if (type === EtherType.arp) return this.#arp(view, at, end);
    if (type === EtherType.ipv6) return this.#ipv6(view, at, end, depth);
    return false;
  }

  #ip(view: DataView, at: number, end: number, depth: number): boolean {
    if (at >= end) return false;
    const version = view.getUint8(at) >>> 4;
    return version === 4 ? this.#ipv4(view, at, end, depth) : version === 6 && this.#ipv6(view, at, end, depth);
  }

  #arp(view: DataView, at: number, end: number): boolean {
    // Ethernet and IPv4 (RFC 826): hardware type 1, protocol 0x0800, lengths 6 and 4.
    if (at + ARP_PACKET > end || view.getUint32(at) !== 0x00010800 || view.getUint16(at + 4) !== 0x0604) return false;
    const operation = view.getUint16(at + 6);
    this.kind = operation === 1 ? Kind.arpRequest : operation === 2 ? Kind.arpReply : Kind.none;
    if (this.kind === Kind.none) return false;
    this.messageAt = at;
    this.sourceAt = at + 14;
    this.targetAt = at + 24;
    this.addressLength = 4;
    this.ttl = 0;
    this.#hash(view, at + 4, at + ARP_PACKET, 0x0806, 0);
    return true;
  }

  #ipv4(view: DataView, at: number, end: number, depth: number): boolean {
    if (at + IPV4_HEADER > end) return false;
    const first = view.getUint8(at);
    if (first >>> 4 !== 4) return false;
    const header = (first & 15) * 4;
    const protocol = view.getUint8(at + 9);
    const fragment = view.getUint16(at + 6) & 0x3fff;
    const total = view.getUint16(at + 2);
    // Ethernet padding is no part of the packet; a total length of 0 comes from segmentation offload.
    const stop = total >= header && at + total < end ? at + total : end;
    const body = at + header;
    if (header < IPV4_HEADER || body > stop) return false;
    if (fragment === 0 && depth < MOST_TUNNELS && this.#tunnel(view, body, stop, protocol, depth)) return true;
    this.sourceAt = at + 12;
    this.targetAt = at + 16;
    this.addressLength = 4;
    this.ttl = view.getUint8(at + 8);
    // Also where the capture has no hardware addresses.
    if (view.getUint8(at + 16) >>> 4 === 14) this.group = true;
    this.#upper(view, body, stop, protocol === IpProtocol.icmp ? 4 : 0, fragment & 0x1fff);
    this.#hash(view, at + 12, at + IPV4_HEADER, view.getUint32(at + 4) & 0xffff3fff, (total << 8) | protocol);
    this.#hashMore(view, body, stop, protocol);
    return true;
  }

  #ipv6(view: DataView, at: number, end: number, depth: number): boolean {
    if (at + IPV6_HEADER > end || view.getUint8(at) >>> 4 !== 6) return false;
    const length = view.getUint16(at + 4);
    const stop = length > 0 && at + IPV6_HEADER + length < end ? at + IPV6_HEADER + length : end;
    let protocol = view.getUint8(at + 6);
    let body = at + IPV6_HEADER;
    let fragment = 0;
    let identification = 0;
    while (
      (protocol === HOP_BY_HOP || protocol === ROUTING || protocol === DESTINATION_OPTIONS || protocol === FRAGMENT) &&
      body + 8 <= stop
    ) {
      const next = view.getUint8(body);
      if (protocol === FRAGMENT) {
        fragment = view.getUint16(body + 2) & 0xfff8;
        identification = view.getUint32(body + 4) ^ fragment;
        body += 8;
      } else body += (view.getUint8(body + 1) + 1) * 8;
      protocol = next;
      if (fragment !== 0) break;
    }
    if (body > stop) body = stop;
    if (fragment === 0 && depth < MOST_TUNNELS && this.#tunnel(view, body, stop, protocol, depth)) return true;
    this.sourceAt = at + 8;
    this.targetAt = at + 24;
    this.addressLength = 16;
    this.ttl = view.getUint8(at + 7);
    if (view.getUint8(at + 24) === 0xff) this.group = true;
    this.#upper(view, body, stop, protocol === IpProtocol.icmpv6 ? 6 : 0, fragment);
    // Solicitations ask for a target that the multicast destination only hints at.
    if (this.kind === Kind.solicitation) this.targetAt = body + ICMP_HEADER;
    else if (this.kind === Kind.advertisement) this.sourceAt = body + ICMP_HEADER;
    this.#hash(view, at + 8, at + IPV6_HEADER, identification, (length << 8) | protocol);
    this.#hashMore(view, body, stop, protocol);
    return true;
  }

  /** Follows the packet into a tunnel: inside it is the same packet, and that is what is asked about. */
  #tunnel(view: DataView, body: number, stop: number, protocol: number, depth: number): boolean {
    if (protocol === IpProtocol.udp) {
      if (body + UDP_HEADER + TUNNEL_HEADER > stop) return false;
      const port = view.getUint16(body + 2);
      if (port !== VXLAN && port !== VXLAN_LINUX && port !== GENEVE) return false;
      const at = body + UDP_HEADER;
      const flags = view.getUint8(at);
      if (port === GENEVE) {
        if (flags >>> 6 !== 0 || view.getUint16(at + 2) !== ETHERNET_IN_TUNNEL) return false;
        return this.#inside(this.#ethernet(view, at + TUNNEL_HEADER + (flags & 63) * 4, stop, depth + 1));
      }
      return (flags & VXLAN_ID_VALID) !== 0 && this.#inside(this.#ethernet(view, at + TUNNEL_HEADER, stop, depth + 1));
    }
    if (protocol === IPIP) return this.#inside(this.#ipv4(view, body, stop, depth + 1));
    return protocol === IPV6_IN_IP && this.#inside(this.#ipv6(view, body, stop, depth + 1));
  }

  #inside(found: boolean): boolean {
    if (found) this.tunnelled = true;
    return found;
  }

  #upper(view: DataView, body: number, stop: number, icmp: number, fragmentOffset: number): void {
    this.kind = Kind.other;
    this.messageAt = body;
    if (icmp === 0 || fragmentOffset !== 0 || body + ICMP_HEADER > stop) return;
    const type = view.getUint8(body);
    this.kind = icmp === 4 ? icmpKind(type) : icmpv6Kind(type, stop - body);
    if (isEcho(this.kind)) {
      this.identifier = view.getUint16(body + 4);
      this.sequence = view.getUint16(body + 6);
    }
  }

  #hash(view: DataView, from: number, to: number, seed: number, second: number): void {
    let high = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
    let low = Math.imul(second ^ 0x7f4a7c15, 0xc2b2ae35) ^ high;
    for (let at = from; at < to; at += 4) {
      const word = view.getUint32(at);
      high = Math.imul(high ^ word, 0x85ebca6b);
      high = (high << 13) | (high >>> 19);
      low = Math.imul(low ^ word, 0x27d4eb2f);
      low = (low << 17) | (low >>> 15);
    }
    this.hashHigh = high;
    this.hashLow = low;
  }

  /** The first bytes behind the IP header; the checksums of TCP and UDP are left out: the sender's may still be unfinished. */
  #hashMore(view: DataView, body: number, stop: number, protocol: number): void {
    let high = this.hashHigh;
    let low = this.hashLow;
    const last = Math.min(body + (isEcho(this.kind) ? ECHO_MARK : MARK), stop);
    const checksum = protocol === IpProtocol.tcp ? body + 16 : protocol === IpProtocol.udp ? body + 4 : -1;
    let at = body;
    for (; at + 4 <= last; at += 4) {
      let word = view.getUint32(at);
      if (at === checksum) word = protocol === IpProtocol.tcp ? 0 : word & 0xffff0000;
      high = Math.imul(high ^ word, 0x85ebca6b);
      high = (high << 13) | (high >>> 19);
      low = Math.imul(low ^ word, 0x27d4eb2f);
      low = (low << 17) | (low >>> 15);
    }
    for (; at < last; at++) high = Math.imul(high ^ view.getUint8(at), 0x85ebca6b) ^ (high >>> 15);
    high ^= high >>> 15;
    low ^= low >>> 13;
    this.hashHigh = high | 0;
    this.hashLow = low | 0;
  }
}

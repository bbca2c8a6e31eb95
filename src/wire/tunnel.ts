/**
 * Tunnels: VXLAN (RFC 7348), Geneve (RFC 8926), GRE (RFC 2784, RFC 2890) with ERSPAN (draft-foschiano-erspan) inside it, and MPLS
 * in UDP (RFC 7510). Each header says what kind of packet follows; decoding that is the caller's.
 */
import type { Window } from './bytes.ts';
import { type Carried, CarrierType, passMpls } from './carriers.ts';
import { EtherType } from './ethernet.ts';

/** IP protocol numbers of what carries a packet. */
export const TunnelProtocol = { ipv4: 4, ipv6: 41, gre: 47, authentication: 51, mpls: 137, ethernet: 143 } as const;

/** UDP destination ports. 8472 is what Linux took for VXLAN before it had a number, and flannel still does. */
export const TunnelPort = { vxlan: 4789, vxlanLinux: 8472, geneve: 6081, mpls: 6635 } as const;

const VXLAN_HEADER = 8;
/** The VNI is valid: the kernel drops what has it not (vxlan_rcv, drivers/net/vxlan/vxlan_core.c). */
const VXLAN_VALID = 0x08;

const GENEVE_HEADER = 8;
const GENEVE_OPTION_UNIT = 4;

const GreFlag = { checksum: 0x8000, routing: 0x4000, key: 0x2000, sequence: 0x1000, version: 0x0007 } as const;
const GRE_HEADER = 4;
const GRE_FIELD = 4;
/** Types I and II share a number; type II has a sequence number in front, and a header. */
const ErspanType = { first: 0x88be, third: 0x22eb } as const;
const ERSPAN_II_HEADER = 8;
const ERSPAN_III_HEADER = 12;
const ERSPAN_III_SUBHEADER = 8;

/**
 * What a UDP datagram's data carry by its destination port; undefined: no tunnel that vdiag opens, or not a header of it.
 * @param vxlanPorts further ports that are known to carry VXLAN
 */
export function openDatagram(port: number, data: Window, vxlanPorts: ReadonlySet<number>): Carried | undefined {
  if (vxlanPorts.has(port)) return openVxlan(data);
  switch (port) {
    case TunnelPort.vxlan:
    case TunnelPort.vxlanLinux:
      return openVxlan(data);
    case TunnelPort.geneve:
      return openGeneve(data);
    case TunnelPort.mpls:
      return passMpls(data);
    default:
      return undefined;
  }
}

/** What an IP packet's data carry by its protocol number; undefined: no tunnel. */
export function openIp(protocol: number, data: Window): Carried | undefined {
  switch (protocol) {
    case TunnelProtocol.ipv4:
      return { etherType: EtherType.ipv4, body: data };
    case TunnelProtocol.ipv6:
      return { etherType: EtherType.ipv6, body: data };
    case TunnelProtocol.ethernet:
      return { etherType: CarrierType.ethernet, body: data };
    case TunnelProtocol.mpls:
      return passMpls(data);
    case TunnelProtocol.gre:
      return openGre(data);
    default:
      return undefined;
  }
}

function openVxlan(data: Window): Carried | undefined {
  if (data.length < VXLAN_HEADER || (data.u8(0) & VXLAN_VALID) === 0) return undefined;
  return { etherType: CarrierType.ethernet, body: data.rest(VXLAN_HEADER) };
}

function openGeneve(data: Window): Carried | undefined {
  if (data.length < GENEVE_HEADER || data.u8(0) >>> 6 !== 0) return undefined;
  const length = GENEVE_HEADER + (data.u8(0) & 0x3f) * GENEVE_OPTION_UNIT;
  const stop = data.lacks('geneve', length, 'geneve option length');
  return stop ? { etherType: 0, body: data, stop } : { etherType: data.u16(2), body: data.rest(length) };
}

function openGre(data: Window): Carried {
  const short = data.lacks('gre', GRE_HEADER, 'gre header size');
  if (short) return { etherType: 0, body: data, stop: short };
  const flags = data.u16(0);
  // Version 1 carries PPP (PPTP); a source route (RFC 1701) is sent by nobody and ended by a rule of its own.
  if ((flags & GreFlag.version) !== 0 || (flags & GreFlag.routing) !== 0) return { etherType: 0, body: data };
  let length = GRE_HEADER;
  for (const flag of [GreFlag.checksum, GreFlag.key, GreFlag.sequence]) if (flags & flag) length += GRE_FIELD;
  const stop = data.lacks('gre', length, 'gre flags');
  if (stop) return { etherType: 0, body: data, stop };
  const etherType = data.u16(2);
  const body = data.rest(length);
  if (etherType === ErspanType.first || etherType === ErspanType.third)
    return openErspan(body, etherType, (flags & GreFlag.sequence) !== 0);
  return { etherType, body };
}

function openErspan(data: Window, type: number, sequence: boolean): Carried {
  let length = 0;
  if (type === ErspanType.third) {
    const optional = data.length >= ERSPAN_III_HEADER && (data.u8(ERSPAN_III_HEADER - 1) & 1) !== 0;
    length = ERSPAN_III_HEADER + (optional ? ERSPAN_III_SUBHEADER : 0);
  } else if (sequence) length = ERSPAN_II_HEADER;
  const stop = data.lacks('erspan', length, 'erspan header size');
  if (stop) return { etherType: 0, body: data, stop };
  return { etherType: CarrierType.ethernet, body: data.rest(length) };
}

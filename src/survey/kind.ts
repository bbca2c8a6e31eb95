/** What packets are, as far as a survey tells them apart: numbers, for they stand in its tables by the million. */

/** Of a packet. */
export const Kind = {
  /** Nothing that a survey follows: no IP and no ARP, or cut off too early. */
  none: 0,
  arpRequest: 1,
  arpReply: 2,
  echoRequest: 3,
  echoReply: 4,
  icmpError: 5,
  solicitation: 6,
  advertisement: 7,
  /** Other ICMP. */
  icmp: 8,
  /** TCP, UDP and all other IP, later fragments of everything. */
  other: 9,
} as const;

/** Of a flow: the kinds of packets that ask and answer each other are of one family. */
export const Family = { arp: 0, echo: 1, icmp: 2, neighbour: 3, other: 4 } as const;

/** What is asked, in words. */
export type RequestKind = 'arp' | 'echo' | 'neighbour';

/** A solicitation and an advertisement up to their target address, bytes (RFC 4861 sections 4.3 and 4.4). */
const NEIGHBOUR_MESSAGE = 24;

/** Of `Family`, of a `Kind`. */
export function familyOf(kind: number): number {
  switch (kind) {
    case Kind.arpRequest:
    case Kind.arpReply:
      return Family.arp;
    case Kind.echoRequest:
    case Kind.echoReply:
      return Family.echo;
    case Kind.icmpError:
    case Kind.icmp:
      return Family.icmp;
    case Kind.solicitation:
    case Kind.advertisement:
      return Family.neighbour;
    default:
      return Family.other;
  }
}

/** Of a `Family`: what its packets ask, or answer; undefined where they do neither. */
export function requestKind(family: number): RequestKind | undefined {
  switch (family) {
    case Family.arp:
      return 'arp';
    case Family.echo:
      return 'echo';
    case Family.neighbour:
      return 'neighbour';
    default:
      return undefined;
  }
}

/** Of a `Kind`: it waits for a reply. */
export function isRequest(kind: number): boolean {
  return kind === Kind.echoRequest || kind === Kind.arpRequest || kind === Kind.solicitation;
}

/** Of a `Kind`: it comes back for something that was asked. */
export function isReply(kind: number): boolean {
  return kind === Kind.echoReply || kind === Kind.arpReply || kind === Kind.advertisement;
}

/** Of a `Kind`: it has an identifier and a sequence number, so two alike are one packet, however long it was under way. */
export function isEcho(kind: number): boolean {
  return kind === Kind.echoRequest || kind === Kind.echoReply;
}

/** The `Kind` of an ICMP message of this type (RFC 792). */
export function icmpKind(type: number): number {
  switch (type) {
    case 8:
      return Kind.echoRequest;
    case 0:
      return Kind.echoReply;
    case 3:
    case 4:
    case 5:
    case 11:
    case 12:
      return Kind.icmpError;
    default:
      return Kind.icmp;
  }
}

/** The `Kind` of an ICMPv6 message of this type (RFC 4443, RFC 4861), of which `length` bytes are there. */
export function icmpv6Kind(type: number, length: number): number {
  switch (type) {
    case 128:
      return Kind.echoRequest;
    case 129:
      return Kind.echoReply;
    case 135:
      return length >= NEIGHBOUR_MESSAGE ? Kind.solicitation : Kind.icmp;
    case 136:
      return length >= NEIGHBOUR_MESSAGE ? Kind.advertisement : Kind.icmp;
    default:
      return type < 128 ? Kind.icmpError : Kind.icmp;
  }
}

/** As sightings are called (`trace/sighting.ts`); other packets are just those. */
export function kindName(kind: number): string {
  return KIND_NAMES[kind] ?? 'other';
}

const KIND_NAMES = [
  'none',
  'arp-request',
  'arp-reply',
  'echo-request',
  'echo-reply',
  'icmp-error',
  'neighbour-solicitation',
  'neighbour-advertisement',
  'icmp',
  'other',
];

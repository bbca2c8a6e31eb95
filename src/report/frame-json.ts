/** One decoded frame as JSON: what `vdiag frames --json` prints, one object a line. */
import type { Arp, DecodeStop, Icmp, Ipv4, Ipv6, Packet, Udp } from '../wire/packet.ts';

/** What the file says of a frame beside its bytes. */
export interface FrameFacts {
  /** Where several files are read: which. */
  readonly file?: string;
  /** Number in the file, from 1. */
  readonly frame: number;
  /** Unix nanoseconds. */
  readonly timeNs: bigint;
  /** Null where the file names none. */
  readonly interface: string | null;
  readonly capturedLength: number;
  readonly originalLength: number;
  readonly direction: 'in' | 'out' | 'unknown';
}

/** Fields that a packet has not are absent. */
export interface PacketJson {
  readonly vlans?: readonly number[];
  /** A cooked header (`tcpdump -i any`) has the source only. */
  readonly ethernet?: { readonly source: string; readonly destination?: string };
  readonly arp?: Readonly<Record<string, string | number>>;
  readonly ip?: Readonly<Record<string, string | number | boolean>>;
  readonly icmp?: IcmpJson;
  readonly udp?: { readonly sourcePort: number; readonly destinationPort: number };
  readonly tcp?: { readonly sourcePort: number; readonly destinationPort: number };
  /** Where decoding ended early. */
  readonly stop?: Readonly<Record<string, string | number>>;
  /** What a tunnel carries. */
  readonly inner?: PacketJson;
}

export interface IcmpJson {
  readonly type: number;
  readonly code: number;
  readonly identifier?: number;
  readonly sequence?: number;
  /** Absent where not all of the message is there. */
  readonly checksumValid?: boolean;
  readonly mtu?: number;
  readonly gateway?: string;
  /** Neighbour discovery. */
  readonly target?: string;
  readonly linkLayerAddress?: string;
  /** The packet an error is about. */
  readonly quoted?: PacketJson;
}

export interface FrameJson extends PacketJson, Omit<FrameFacts, 'timeNs'> {
  /** In quotes: 64 bits do not fit a JSON number. */
  readonly timeNs: string;
}

/**
 * The frame as one line of JSON, ASCII alone: `JSON.parse` makes a `FrameJson` of it.
 * The text is put together here, which for millions of frames takes a third of the time of objects and JSON.stringify; all
 * strings in it but the two names are made of addresses and of words of vdiag's own.
 */
export function frameJson(facts: FrameFacts, packet: Packet): string {
  const file = facts.file === undefined ? '' : `"file":${asciiJson(facts.file)},`;
  const name = facts.interface === null ? 'null' : asciiJson(facts.interface);
  const seen = `"frame":${facts.frame},"timeNs":"${facts.timeNs}","interface":${name}`;
  const lengths = `"capturedLength":${facts.capturedLength},"originalLength":${facts.originalLength}`;
  return `{${file}${seen},${lengths},"direction":"${facts.direction}"${layers(packet)}}`;
}

function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, escaped);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A packet's fields, each with a comma in front. */
function layers({ ethernet, cooked, vlans, arp, ip, icmp, udp, tcp, stop, inner }: Packet): string {
  let text = '';
  if (vlans.length > 0) text += `,"vlans":[${vlans.map(({ id }) => id).join(',')}]`;
  if (ethernet !== undefined)
    text += `,"ethernet":{"source":"${ethernet.source}","destination":"${ethernet.destination}"}`;
  else if (cooked?.source !== undefined) text += `,"ethernet":{"source":"${cooked.source}"}`;
  if (arp !== undefined) text += `,"arp":${arpText(arp)}`;
  if (ip !== undefined) text += `,"ip":${ipText(ip)}`;
  if (icmp !== undefined) text += `,"icmp":${icmpText(icmp)}`;
  if (udp !== undefined) text += `,"udp":${portsText(udp)}`;
  if (tcp !== undefined) text += `,"tcp":${portsText(tcp)}`;
  if (stop !== undefined) text += `,"stop":${stopText(stop)}`;
  return inner === undefined ? text : `${text},"inner":${packetText(inner)}`;
}

function packetText(packet: Packet): string {
  return `{${layers(packet).slice(1)}}`;
}

function arpText({ operation, senderProtocol, senderHardware, targetProtocol, targetHardware }: Arp): string {
  const sender = `"senderProtocol":"${senderProtocol}","senderHardware":"${senderHardware}"`;
  const target = `"targetProtocol":"${targetProtocol}","targetHardware":"${targetHardware}"`;
  return `{"operation":${operation},${sender},${target}}`;
}

function ipText(ip: Ipv4 | Ipv6): string {
  const ttl = ip.version === 4 ? ip.ttl : ip.hopLimit;
  const addresses = `"version":${ip.version},"source":"${ip.source}","destination":"${ip.destination}"`;
  const fragment = `"fragmentOffset":${ip.fragmentOffset},"moreFragments":${ip.moreFragments}`;
  return `{${addresses},"identification":${ip.identification},"ttl":${ttl},${fragment}}`;
}

function icmpText(icmp: Icmp): string {
  let text = `{"type":${icmp.type},"code":${icmp.code}`;
  if (icmp.identifier !== undefined) text += `,"identifier":${icmp.identifier}`;
  if (icmp.sequence !== undefined) text += `,"sequence":${icmp.sequence}`;
  if (icmp.checksumValid !== undefined) text += `,"checksumValid":${icmp.checksumValid}`;
  if (icmp.mtu !== undefined) text += `,"mtu":${icmp.mtu}`;
  if (icmp.gateway !== undefined) text += `,"gateway":"${icmp.gateway}"`;
  if (icmp.target !== undefined) text += `,"target":"${icmp.target}"`;
  if (icmp.linkLayerAddress !== undefined) text += `,"linkLayerAddress":"${icmp.linkLayerAddress}"`;
  return icmp.quoted === undefined ? `${text}}` : `${text},"quoted":${packetText(icmp.quoted)}}`;
}

function portsText({ sourcePort, destinationPort }: Pick<Udp, 'sourcePort' | 'destinationPort'>): string {
  return `{"sourcePort":${sourcePort},"destinationPort":${destinationPort}}`;
}

function stopText({ layer, offset, need, have, reason }: DecodeStop): string {
  return `{"layer":"${layer}","offset":${offset},"need":${need},"have":${have},"reason":"${reason}"}`;
}

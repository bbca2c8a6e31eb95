/** Frames of a made-up network, in few words: what carries what, where, and when. */
import type { Frame, Place } from '../../src/trace/frame.ts';
import type { RunIdentity } from '../../src/trace/run.ts';
import { createSighter } from '../../src/trace/sight.ts';
import type { Sighting } from '../../src/trace/sighting.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import type { Icmp, Ipv4, Packet } from '../../src/wire/packet.ts';

export const ZERO_NS = 1_700_000_000_000_000_000n;
export const RUN = { token: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]), identifier: 0x1234 } satisfies RunIdentity;

const NO_BYTES = new Uint8Array(0);
export const NO_MAC = '00:00:00:00:00:00';
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
export const MAC_A = '02:00:00:00:00:0a';
export const MAC_B = '02:00:00:00:00:0b';

/** `br0` in the namespace `home`, `eth0@c1` in another. */
export function at(text: string): Place {
  const [name = '', netns = 'home'] = text.split('@');
  return { netns, name };
}

/**
 * A frame's place and direction as `eth0@c1 out`, its time in microseconds from `ZERO_NS`.
 * @param cut bytes kept by the snap length; all when left out
 */
export function frame(visit: string, microseconds: number, packet: Packet, cut?: number): Frame {
  const [place = '', direction] = visit.split(' ');
  const bytes = encodeFrame(packet);
  return {
    place: at(place),
    timeNs: ZERO_NS + BigInt(microseconds) * 1000n,
    order: 0,
    direction: direction === 'in' || direction === 'out' ? direction : 'unknown',
    packetType: 'unknown',
    originalLength: bytes.length,
    checksumNotReady: false,
    ...(packet.ethernet ? {} : { linkType: 'raw-ip' as const }),
    bytes: bytes.subarray(0, cut),
  };
}

/** The sightings of one packet at several places, `step` microseconds apart. */
export function sightings(visits: readonly string[], packet: Packet, microseconds = 0, step = 0): Sighting[] {
  const sight = createSighter(RUN);
  return visits.map((visit, index) => sight(frame(visit, microseconds + index * step, packet)));
}

export function inOrder(all: readonly Sighting[]): Sighting[] {
  return [...all].sort((a, b) => (a.frame.timeNs < b.frame.timeNs ? -1 : a.frame.timeNs > b.frame.timeNs ? 1 : 0));
}

/** Visits as they are given to `frame`. */
export function visitOf({ frame: { place, direction } }: Sighting): string {
  return `${place.name}${place.netns === 'home' ? '' : `@${place.netns}`} ${direction}`;
}

export function arpRequest(sender: string, target: string, senderMac = MAC_A): Packet {
  return arp(1, BROADCAST, senderMac, sender, NO_MAC, target);
}

/** What `owner` says to `asker`. */
export function arpReply(owner: string, asker: string, ownerMac = MAC_B, askerMac = MAC_A): Packet {
  return arp(2, askerMac, ownerMac, owner, askerMac, asker);
}

function arp(operation: number, to: string, from: string, sender: string, targetMac: string, target: string): Packet {
  return {
    ethernet: { destination: to, source: from, etherType: 0x0806 },
    vlans: [],
    arp: {
      operation,
      senderHardware: from,
      senderProtocol: sender,
      targetHardware: targetMac,
      targetProtocol: target,
    },
    payload: NO_BYTES,
  };
}

export interface EchoFields {
  readonly source?: string;
  readonly destination?: string;
  readonly identifier?: number;
  /** The ICMP sequence number; the probe's own when left out. */
  readonly wireSequence?: number;
  /** Echo data; this run's, with the probe's number, when left out. */
  readonly data?: Uint8Array;
  readonly ip?: Partial<Ipv4>;
}

/** Token and number, then `filler` bytes. */
export function probeData(sequence: number, filler = 44, token = RUN.token): Uint8Array {
  const data = new Uint8Array(12 + filler).fill(0xa5);
  data.set(token);
  new DataView(data.buffer).setUint32(8, sequence, false);
  return data;
}

export function echo(type: 'request' | 'reply', sequence: number, fields: EchoFields = {}): Packet {
  const { identifier = RUN.identifier, wireSequence = sequence, data = probeData(sequence) } = fields;
  const [source, destination] = type === 'request' ? ['10.9.0.2', '10.9.0.3'] : ['10.9.0.3', '10.9.0.2'];
  return ipv4({ source: fields.source ?? source, destination: fields.destination ?? destination, ...fields.ip }, data, {
    version: 4,
    type: type === 'request' ? 8 : 0,
    code: 0,
    identifier,
    sequence: wireSequence,
  });
}

/** An error about `quoted`, of which it quotes the IP header and `quotedBytes` behind it. */
export function icmpError(type: number, code: number, from: string, quoted: Packet, quotedBytes?: number): Packet {
  const { ethernet: _, ...bare } = quoted;
  const quote = encodeFrame(bare);
  const kept = quotedBytes === undefined ? quote : quote.subarray(0, 20 + quotedBytes);
  return ipv4({ source: from, destination: quoted.ip?.source ?? '' }, kept, { version: 4, type, code });
}

export function ipv4(ip: Partial<Ipv4>, payload: Uint8Array, icmp?: Icmp): Packet {
  return {
    ethernet: { destination: MAC_B, source: MAC_A, etherType: 0x0800 },
    vlans: [],
    ip: {
      version: 4,
      source: '10.9.0.2',
      destination: '10.9.0.3',
      headerLength: 20,
      totalLength: 0,
      identification: 7,
      dontFragment: false,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: 1,
      checksumValid: true,
      ...ip,
    },
    ...(icmp ? { icmp } : {}),
    payload,
  };
}

/** A sighting: one frame, decoded: where, when, in or out, and the identity of the packet it carries. */
import type { Packet } from '../wire/packet.ts';
import type { Frame } from './frame.ts';

export type SightingKind =
  | 'arp-request'
  | 'arp-reply'
  | 'echo-request'
  | 'echo-reply'
  | 'icmp-error'
  | 'neighbour-solicitation'
  | 'neighbour-advertisement'
  | 'other';

export interface Sighting {
  readonly frame: Frame;
  /** The packet it is a sighting of: inside a tunnel, the one that travels in it. */
  readonly packet: Packet;
  /** The packet that carries it, where that is a tunnel's. */
  readonly outer?: Packet;
  readonly kind: SightingKind;
  /**
   * What stays the same from place to place: two sightings of one packet have one identity,
   * but one identity may belong to several packets (ARP retries repeat byte for byte).
   */
  readonly identity: string;
  /** The probe this packet belongs to, from 1, where its data names this run. */
  readonly sequence?: number;
}

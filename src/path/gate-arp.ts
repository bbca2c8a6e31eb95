/** Gates of address resolution: who is asked, who answers, and what an entry of the table does to the packet. */
import type { Neighbour } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import type { Carried } from './ethernet.ts';
import type { Stopper } from './ruleset.ts';
import type { Decided } from './verdict.ts';

/** Is there anybody on the segment who answers for the address that is asked for? */
export interface OwnerGate extends Decided {
  readonly kind: 'owner';
  /** Who asks, and with which address. */
  readonly asker: Place;
  readonly askerAddress: string;
  readonly target: string;
  /** The target is a router's address, taken from a route. */
  readonly gateway: boolean;
  /** No route covers the target: the kernel takes it to be on the link the socket is bound to. */
  readonly assumedOnLink: boolean;
  /** Where the request arrives. */
  readonly reached: readonly Place[];
  /** Devices whose other end is not on this machine. */
  readonly outside: readonly Place[];
  /** Interfaces that hold the address where the request does not come. */
  readonly elsewhere: readonly Place[];
  /** Tun and tap devices it should leave by, and no process is there to take it. */
  readonly unread?: readonly Place[];
}

/** IFF_NOARP, arp_ignore, arp_filter of a device that should answer (net/ipv4/arp.c arp_process). */
export interface ArpAnswerGate extends Decided {
  readonly kind: 'arp-answer';
  readonly by: 'noarp' | 'arp_ignore' | 'arp_filter' | 'nothing';
}

/** Does the owner of an IPv6 address answer for it? Not while it is tentative, or was found to be somebody else's (RFC 4862). */
export interface AdvertiseGate extends Decided {
  readonly kind: 'advertise';
  readonly by: 'tentative' | 'dadfailed' | 'nothing';
  readonly address: string;
}

/** Rules of the ARP family at the stack that sends or takes in an ARP packet. */
export interface ArpFilterGate extends Decided {
  readonly kind: 'arp-filter';
  readonly hook: 'input' | 'output';
  readonly packet: Carried['kind'];
  /** The rule, or the policy, that drops it. */
  readonly stopper?: Stopper;
}

/** The frame must be addressed to the device that takes it (PACKET_OTHERHOST is dropped in ip_rcv_core). */
export interface NeighbourGate extends Decided {
  readonly kind: 'neighbour';
  readonly entry: Neighbour;
  /** Where the entry lives. */
  readonly holder: Place;
  /** The address's real owner and its hardware address, where it is on the segment. */
  readonly owner?: { readonly place: Place; readonly mac: string };
  /** Interfaces that have the address and the entry's hardware address where the frame does not come: the entry is right. */
  readonly elsewhere?: readonly Place[];
}

/** The table of neighbours, one for all namespaces, may have no room for the entry that a question needs. */
export interface NeighbourTableGate extends Decided {
  readonly kind: 'neighbour-table';
  readonly entries: number;
  /** net.ipv4.neigh.default.gc_thresh3 */
  readonly limit: number;
}

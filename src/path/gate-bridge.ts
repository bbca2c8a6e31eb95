/** Gates of a bridge: does the frame come in by this port, and leave by that one? */
import type { FdbEntry, PortState } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import type { Carried } from './ethernet.ts';
import type { IpHook } from './gate-ip.ts';
import type { Stopper } from './ruleset.ts';
import type { Decided } from './verdict.ts';

/** STP state of a bridge port, on ingress and egress (net/bridge/br_input.c, br_forward.c). */
export interface PortStateGate extends Decided {
  readonly kind: 'port-state';
  readonly direction: 'ingress' | 'egress';
  readonly bridge: Place;
  readonly bridgeUp: boolean;
  readonly state: PortState;
}

/** Flags of a bridge port that keep a frame from it: isolation, locking, flooding (net/bridge/br_forward.c should_deliver, br_flood). */
export interface PortFlagGate extends Decided {
  readonly kind: 'port-flag';
  readonly flag: 'isolated' | 'locked' | 'flood' | 'bcast_flood' | 'mcast_flood' | 'hairpin' | 'proxy_arp';
  readonly bridge: Place;
  /** The port the frame came in by; absent when the bridge itself sends it. */
  readonly ingress?: Place;
  /** Locked: the source that is not known there. Flooding: the destination that is not known at all. */
  readonly mac?: string;
}

/** A forwarding entry that sends a unicast frame to a port where its owner is not. */
export interface FdbGate extends Decided {
  readonly kind: 'fdb';
  readonly bridge: Place;
  readonly entry: FdbEntry;
  /** Who has the address, behind which port. */
  readonly owner: Place;
  readonly port: Place;
}

/** Two stations of one segment have one hardware address: a bridge sends what is for it to where it was last seen (br_fdb_update). */
export interface TwinGate extends Decided {
  readonly kind: 'twin';
  readonly mac: string;
  /** Where the frame goes, or was sent from; and who should have had it. */
  readonly one: Place;
  readonly other: Place;
}

/** VLAN filtering of a bridge (br_allowed_ingress, br_allowed_egress); `tagged`: it leaves with a tag nobody behind takes off. */
export interface VlanGate extends Decided {
  readonly kind: 'vlan';
  readonly direction: 'ingress' | 'egress' | 'tagged';
  readonly bridge?: Place;
  /** Absent where an untagged frame is given none. */
  readonly vlan?: number;
}

/** Packet filters inside a bridge: of the bridge family, or those of IP that br_netfilter sends bridged packets through. */
export interface BridgeFilterGate extends Decided {
  readonly kind: 'bridge-filter';
  readonly by: 'bridge' | 'br_netfilter';
  readonly hook: IpHook;
  readonly packet: Carried['kind'];
  /** Of the IP packet. */
  readonly source: string;
  readonly destination: string;
  readonly bridge: Place;
  readonly from?: Place;
  readonly to?: Place;
  /** The rule, or the policy, that drops it. */
  readonly stopper?: Stopper;
  /** Not decided, and the only one that may have dropped it. */
  readonly suspect?: Stopper;
  /** The kernel itself told what the rules did. */
  readonly traced?: true;
}

/** Multicast snooping: where a querier is known, a group goes to its members and to routers alone (br_multicast_flood). */
export interface SnoopingGate extends Decided {
  readonly kind: 'snooping';
  readonly bridge: Place;
  /** The IPv6 group that the frame is for. */
  readonly group: string;
  /** The bridge's own stack would have to be a member. */
  readonly host: boolean;
}

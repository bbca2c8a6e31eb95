/**
 * A gate: one decision of the kernel between two places of the path.
 * Each kind carries what a rule has to know to name the cause; nothing in it is prose but the facts.
 */
import type { FdbEntry, Neighbour, PortState } from '../topology/model.ts';
import type { Classifier } from '../topology/traffic-control.ts';
import type { Place } from '../trace/frame.ts';
import type { Carried } from './ethernet.ts';
import type { RouteFound } from './fib.ts';
import type { Stopper } from './ruleset.ts';
import type { SourceVerdict } from './source-validation.ts';

export type Verdict = 'pass' | 'stop' | 'unknown';

/** One piece of kernel state that decides a gate, as a person would look it up. */
export interface Fact {
  readonly text: string;
  /** The command that shows it, runnable from the starting namespace. */
  readonly look?: string;
}

interface Decided {
  /** The interface at which the decision is made. */
  readonly place: Place;
  readonly verdict: Verdict;
  readonly facts: readonly Fact[];
}

/** A device must be up to send or receive; a veth also needs its other end up (net/core/dev.c, drivers/net/veth.c). */
export interface DeviceGate extends Decided {
  readonly kind: 'device';
  readonly state: 'up' | 'down' | 'no-carrier';
}

/** What is sent to an address of the own namespace goes over lo; what is sent there to anybody else (`foreign`) comes back and ends. */
export interface LoopbackGate extends Decided {
  readonly kind: 'loopback';
  readonly purpose: 'send' | 'reply' | 'foreign';
}

/** What is sent needs a source address: one of the device, or of another device of the namespace (inet_select_addr). */
export interface SenderGate extends Decided {
  readonly kind: 'sender';
}

/** The routing decision (net/ipv4/fib_frontend.c, route.c). `place` is the sending or receiving interface. */
export interface RouteGate extends Decided {
  readonly kind: 'route';
  readonly purpose: 'send' | 'forward' | 'reply';
  readonly source: string;
  readonly destination: string;
  readonly route?: RouteFound;
}

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
  readonly hook: FilterGate['hook'];
  readonly packet: Carried['kind'];
  readonly bridge: Place;
  readonly from?: Place;
  readonly to?: Place;
  /** The rule, or the policy, that drops it. */
  readonly stopper?: Stopper;
}

/** Two stations of one segment have one hardware address: a bridge sends what is for it to where it was last seen (br_fdb_update). */
export interface TwinGate extends Decided {
  readonly kind: 'twin';
  readonly mac: string;
  /** Where the frame goes, or was sent from; and who should have had it. */
  readonly one: Place;
  readonly other: Place;
}

/** Rules of the ARP family at the stack that sends or takes in an ARP packet. */
export interface ArpFilterGate extends Decided {
  readonly kind: 'arp-filter';
  readonly hook: 'input' | 'output';
  readonly packet: Carried['kind'];
  /** The rule, or the policy, that drops it. */
  readonly stopper?: Stopper;
}

/** A filter of traffic control at a device's ingress or egress (tc(8)). */
export interface ClassifierGate extends Decided {
  readonly kind: 'classifier';
  readonly hook: Classifier['hook'];
  /** The only one that can have dropped it; absent where several can. */
  readonly classifier?: Classifier;
}

/** A device's queueing discipline, where it is one that drops more than what has no room (tc(8)). */
export interface QueueGate extends Decided {
  readonly kind: 'queue';
  readonly queue: string;
}

/** An XDP program at a device: whether it drops the frame is not decided. */
export interface XdpGate extends Decided {
  readonly kind: 'xdp';
}

/** A device that takes no packet longer than its MTU, and sends no error about it (is_skb_forwardable, net/core/dev.c). */
export interface MtuGate extends Decided {
  readonly kind: 'mtu';
  /**
   * `peer`: the veth end that should receive it. `bridge`: the port that should send it. `sender`: it may not fragment.
   * `router`: it may not either, over IPv6, and sends packet too big.
   */
  readonly by: 'peer' | 'bridge' | 'sender' | 'router';
  readonly mtu: number;
  /** The longest IP packet, or fragment, that comes to it. */
  readonly lengthBytes: number;
}

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

/** net.ipv6.conf.DEV.disable_ipv6 of the device that should send or take in a packet (ip6_rcv_core). */
export interface Ipv6Gate extends Decided {
  readonly kind: 'ipv6';
}

/** fib_validate_source: also decides, silently, whether an ARP request is answered. */
export interface SourceGate extends Decided {
  readonly kind: 'source';
  readonly protocol: 'arp' | 'ip';
  readonly source: string;
  readonly destination: string;
  readonly result: SourceVerdict;
}

/** What a device that is a bridge port receives goes to the bridge's stack: an entry of the port never learns of it. */
export interface StackGate extends Decided {
  readonly kind: 'stack';
  /** The device whose stack waits: it resolves a neighbour, or a socket is bound to it. */
  readonly waiting: Place;
  /** The device whose stack gets the packet. */
  readonly arrived: Place;
  readonly awaits: 'neighbour' | 'socket';
  /** The address that makes the kernel use `waiting`. */
  readonly address: string;
}

/** The frame must be addressed to the device that takes it (PACKET_OTHERHOST is dropped in ip_rcv_core). */
export interface NeighbourGate extends Decided {
  readonly kind: 'neighbour';
  readonly entry: Neighbour;
  /** Where the entry lives. */
  readonly holder: Place;
  /** The address's real owner and its hardware address, where it is on the segment. */
  readonly owner?: { readonly place: Place; readonly mac: string };
}

/** net.ipv4.conf.DEV.forwarding, or for IPv6 that of `all`, of the device a packet to somebody else came in by. */
export interface ForwardingGate extends Decided {
  readonly kind: 'forwarding';
  readonly destination: string;
  /** net.ipv4.ip_forward or net.ipv6.conf.all.forwarding of the namespace; undefined where it could not be read. */
  readonly ipForward: number | undefined;
}

/** RFC 791 time to live at a router. */
export interface TtlGate extends Decided {
  readonly kind: 'ttl';
  readonly ttl: number;
  /** The packet has come to this interface before: routers send it in a circle. */
  readonly circle: boolean;
}

/** icmp_echo_ignore_all (net/ipv4/icmp.c icmp_echo). */
export interface EchoGate extends Decided {
  readonly kind: 'echo';
}

/** A netfilter hook with rules. */
export interface FilterGate extends Decided {
  readonly kind: 'filter';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
}

/** A kind of device, or a namespace, that the model does not decide. */
export interface UnmodelledGate extends Decided {
  readonly kind: 'unmodelled';
  readonly what: string;
}

export type Gate =
  | DeviceGate
  | LoopbackGate
  | SenderGate
  | RouteGate
  | PortStateGate
  | PortFlagGate
  | FdbGate
  | VlanGate
  | BridgeFilterGate
  | TwinGate
  | ClassifierGate
  | QueueGate
  | XdpGate
  | MtuGate
  | ArpFilterGate
  | OwnerGate
  | ArpAnswerGate
  | AdvertiseGate
  | Ipv6Gate
  | SourceGate
  | StackGate
  | NeighbourGate
  | ForwardingGate
  | TtlGate
  | EchoGate
  | FilterGate
  | UnmodelledGate;

/** One string per gate and direction of travel: the same decision, met again, is the same gate. */
export function gateKey(gate: Gate): string {
  const about = 'protocol' in gate ? gate.protocol : 'purpose' in gate ? gate.purpose : detailOf(gate);
  return `${gate.kind} ${about} ${gate.place.netns}/${gate.place.name}`;
}

/** Decisions of one kind at one port that a packet may pass while another does not. */
function detailOf(gate: Gate): string {
  if (gate.kind === 'port-flag') return gate.flag;
  if (gate.kind === 'vlan') return gate.direction;
  if (gate.kind === 'arp-answer') return gate.by;
  if (gate.kind === 'mtu') return gate.by === 'sender' || gate.by === 'router' ? gate.by : '';
  if (gate.kind === 'classifier') return gate.hook;
  if (gate.kind === 'arp-filter') return `${gate.hook} ${gate.packet}`;
  return gate.kind === 'bridge-filter' ? `${gate.by} ${gate.hook} ${gate.packet} ${gate.from?.name}` : '';
}

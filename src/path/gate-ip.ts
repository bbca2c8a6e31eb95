/** Gates of an IP stack: routes, source validation, forwarding, netfilter's hooks, and who takes the packet in the end. */
import type { NetnsId } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import type { Carried } from './ethernet.ts';
import type { RouteFound } from './fib.ts';
import type { ConnectionState, Stopper } from './ruleset.ts';
import type { SourceVerdict } from './source-validation.ts';
import type { Decided } from './verdict.ts';

/** What is sent needs a source address: one of the device, or of another device of the namespace (inet_select_addr). */
export interface SenderGate extends Decided {
  readonly kind: 'sender';
}

/** What is sent to an address of the own namespace goes over lo; what is sent there to anybody else (`foreign`) comes back and ends. */
export interface LoopbackGate extends Decided {
  readonly kind: 'loopback';
  readonly purpose: 'send' | 'reply' | 'foreign';
}

/** The routing decision (net/ipv4/fib_frontend.c, route.c). `place` is the sending or receiving interface. */
export interface RouteGate extends Decided {
  readonly kind: 'route';
  readonly purpose: 'send' | 'forward' | 'reply';
  readonly source: string;
  readonly destination: string;
  readonly route?: RouteFound;
}

/** net.ipv6.conf.DEV.disable_ipv6 of the device that should send or take in a packet (ip6_rcv_core). */
export interface Ipv6Gate extends Decided {
  readonly kind: 'ipv6';
  /** An address that somebody on its link still knows it by, where it has lost it. */
  readonly lost?: { readonly address: string; readonly knownTo: Place };
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

/** net.ipv4.conf.DEV.forwarding, or for IPv6 that of `all`, of the device a packet to somebody else came in by. */
export interface ForwardingGate extends Decided {
  readonly kind: 'forwarding';
  readonly destination: string;
  /** net.ipv4.ip_forward or net.ipv6.conf.all.forwarding of the namespace; undefined where it could not be read. */
  readonly ipForward: number | undefined;
}

/** A packet filter's rule that wrote something on a packet. */
export interface Setter {
  readonly netns: NetnsId;
  readonly rule: Stopper;
}

/** RFC 791 time to live at a router. */
export interface TtlGate extends Decided {
  readonly kind: 'ttl';
  /** Undefined: a rule may have changed it. */
  readonly ttl: number | undefined;
  /** The rule that gave it that, and where. */
  readonly setBy?: Setter;
  /** The packet has come to this interface before: routers send it in a circle. */
  readonly circle: boolean;
}

/** The hooks of netfilter in an IP stack, and those at a device. */
export type IpHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
export type Hook = IpHook | 'ingress' | 'egress';

/** The packet filters at one hook (net/netfilter/core.c nf_hook_slow). */
export interface FilterGate extends Decided {
  readonly kind: 'filter';
  readonly hook: Hook;
  /** Its chains before address translation, or those behind it, which see the new addresses. */
  readonly part: 'before-nat' | 'behind-nat';
  /** What the rules see. */
  readonly packet: Carried['kind'];
  readonly source: string;
  readonly destination: string;
  readonly from?: Place;
  readonly to?: Place;
  /** What conntrack calls it there; absent where that is not known. */
  readonly state?: ConnectionState;
  /** The rule, or the policy, that drops or rejects it. */
  readonly stopper?: Stopper;
  /** Not decided, and so what may have dropped it too; where `open`, more than these. */
  readonly suspects?: readonly Stopper[];
  readonly open?: boolean;
  /** Rules may have put other addresses into it: where it goes from here is not known. */
  readonly rewrites?: true;
  /** The kernel itself told what the rules did. */
  readonly traced?: true;
}

/** icmp_echo_ignore_all (net/ipv4/icmp.c icmp_echo). */
export interface EchoGate extends Decided {
  readonly kind: 'echo';
}

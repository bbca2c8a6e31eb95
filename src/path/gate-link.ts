/** Gates of one device, whatever is sent through it: its state, its length limit, its queue, and the programs hung on it. */
import type { Classifier } from '../topology/traffic-control.ts';
import type { ErrorWay } from './error-way.ts';
import type { Decided } from './verdict.ts';

/** A device must be up to send or receive; a veth also needs its other end up (net/core/dev.c, drivers/net/veth.c). */
export interface DeviceGate extends Decided {
  readonly kind: 'device';
  readonly state: 'up' | 'down' | 'no-carrier';
}

/** A packet that is longer than what may pass: at a device (is_skb_forwardable, net/core/dev.c), at a router, or at its sender. */
export interface MtuGate extends Decided {
  readonly kind: 'mtu';
  /**
   * `peer`: the veth end that should receive it. `bridge`: the port that should send it. These two tell nobody.
   * `sender`: it may not fragment. `router`: it may not cut the packet (DF, or IPv6), and answers with an ICMP error.
   */
  readonly by: 'peer' | 'bridge' | 'sender' | 'router';
  readonly mtu: number;
  /** Where it is not the device's own MTU: that of the route, or what the kernel has learnt of the path. */
  readonly of?: 'route' | 'learnt';
  /** Of a router: the way of the error it answers with. */
  readonly error?: ErrorWay;
  /** The packet's sender should be told, and cuts what it sends from then on: only what it sent before is lost. */
  readonly heals?: true;
  /** The first packet passes, in pieces; its sender's kernel takes note, and refuses those behind it that may not be cut. */
  readonly noted?: true;
  /** The longest IP packet, or fragment, that comes to it. */
  readonly lengthBytes: number;
}

/** Does a sender believe an ICMP error about the path's MTU (net.ipv4.ip_no_pmtu_disc; icmp_unreach, net/ipv4/icmp.c)? */
export interface PathMtuGate extends Decided {
  readonly kind: 'path-mtu';
  /** The setting; undefined where it could not be read. */
  readonly setting: number | undefined;
}

/** A device's queueing discipline, where it is one that drops more than what has no room (tc(8)). */
export interface QueueGate extends Decided {
  readonly kind: 'queue';
  readonly queue: string;
}

/** A filter of traffic control at a device's ingress or egress (tc(8)). */
export interface ClassifierGate extends Decided {
  readonly kind: 'classifier';
  readonly hook: Classifier['hook'];
  /** The only one that can have dropped it; absent where several can. */
  readonly classifier?: Classifier;
}

/** An XDP program at a device: whether it drops the frame is not decided. */
export interface XdpGate extends Decided {
  readonly kind: 'xdp';
}

/** A kind of device, or a namespace, that the model does not decide. */
export interface UnmodelledGate extends Decided {
  readonly kind: 'unmodelled';
  readonly what: string;
}

/** Gates of one device, whatever is sent through it: its state, its length limit, its queue, and the programs hung on it. */
import type { Classifier } from '../topology/traffic-control.ts';
import type { Decided } from './verdict.ts';

/** A device must be up to send or receive; a veth also needs its other end up (net/core/dev.c, drivers/net/veth.c). */
export interface DeviceGate extends Decided {
  readonly kind: 'device';
  readonly state: 'up' | 'down' | 'no-carrier';
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

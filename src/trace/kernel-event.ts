/** What the kernel's own trace events say of packets, one record each: the input of the third witness. */

/** Where code ran: in a system call of the process that is named, or in an interrupt that merely borrowed its time. */
export type KernelContext = 'process' | 'softirq' | 'hardirq';

interface Recorded {
  /** Nanoseconds since the stream's origin. */
  readonly at: number;
  readonly cpu: number;
  /** Thread on whose time it ran; only in `process` context did that thread cause it. */
  readonly thread: number;
  readonly context: KernelContext;
}

/** The address of the kernel's packet buffer (struct sk_buff): one packet's as long as it lives, another's afterwards. */
export type PacketAddress = number;

/** `net:net_dev_queue` (queue), `net:net_dev_start_xmit` (out, just after packet sockets see it), `net:netif_receive_skb` (in, just before). */
export interface HopEvent extends Recorded {
  readonly kind: 'hop';
  readonly way: 'queue' | 'out' | 'in';
  readonly packet: PacketAddress;
  /** Of whatever network namespace: the kernel does not say which. */
  readonly device: string;
  /** `in`: without the link-layer header. */
  readonly lengthBytes: number;
}

/** `skb:kfree_skb`: thrown away. */
export interface DropEvent extends Recorded {
  readonly kind: 'drop';
  readonly packet: PacketAddress;
  /** The name from the running kernel's format file; `reason N` for a number it has no name for. */
  readonly reason: string;
  /** Address of the code that dropped it. */
  readonly location: bigint;
  /** EtherType. */
  readonly protocol: number;
}

/** `skb:consume_skb`: freed after it had served. */
export interface FreeEvent extends Recorded {
  readonly kind: 'free';
  readonly packet: PacketAddress;
}

/** `neigh:neigh_event_send_done`: a packet waits for this address, and has just made the kernel ask for it. */
export interface ResolveEvent extends Recorded {
  readonly kind: 'resolve';
  readonly device: string;
  /** IPv4, or IPv6 in full hexadecimal groups. */
  readonly address: string;
}

/** What this process wrote into the trace itself. */
export interface MarkEvent extends Recorded {
  readonly kind: 'mark';
  readonly text: string;
}

export type KernelEvent = HopEvent | DropEvent | FreeEvent | ResolveEvent | MarkEvent;

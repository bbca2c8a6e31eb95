/** A frame: the bytes of one packet at one interface, as a capture hands them over. */
import type { NetnsId } from '../topology/model.ts';
import type { LinkType } from '../wire/frame.ts';

/** Where frames are sighted: one interface of one network namespace. */
export interface Place {
  readonly netns: NetnsId;
  readonly name: string;
}

/** One string per place, for maps; interface names hold no slash (dev_valid_name, net/core/dev.c). */
export function placeKey(place: Place): string {
  return `${place.netns}/${place.name}`;
}

/** `in`: received by the interface. `out`: sent by it. `unknown`: the recording does not say. */
export type Direction = 'in' | 'out' | 'unknown';

/** packet(7): who the link-layer destination is, as seen by the receiving interface. */
export type PacketType = 'host' | 'broadcast' | 'multicast' | 'other-host' | 'outgoing' | 'unknown';

export interface Frame {
  readonly place: Place;
  /** Kernel time stamp, Unix nanoseconds. Equal stamps on a port and its bridge are normal. */
  readonly timeNs: bigint;
  /** Position in the stream it came from (one ring or one file), from 0: orders equal times. */
  readonly order: number;
  readonly direction: Direction;
  readonly packetType: PacketType;
  /** Length on the wire, bytes, the VLAN tag included; `bytes` may be shorter (snap length). */
  readonly originalLength: number;
  /** The sender has left the transport checksum to the device: a wrong one is no corruption. */
  readonly checksumNotReady: boolean;
  /**
   * What `bytes` starts with: `raw-ip` from a device without Ethernet header (tun, ipip, wireguard), the others from capture files
   * (`tcpdump -i any`, BSD loopback). Absent: `ethernet`.
   */
  readonly linkType?: LinkType;
  /** From the Ethernet header on, VLAN tags in place. Owned by the frame: never reused. */
  readonly bytes: Uint8Array;
}

/** What was listened to, and whether anything was lost there. */
export interface Coverage {
  readonly engine: 'packet-ring' | 'cap' | 'file';
  readonly places: readonly Place[];
  /** The capture was proven open from, and read until (Unix nanoseconds). */
  readonly fromNs: bigint;
  readonly untilNs: bigint;
  readonly framesCaptured: number;
  /** By namespace: frames the kernel could not hand over (PACKET_STATISTICS tp_drops). */
  readonly lost: readonly { readonly netns: NetnsId; readonly frames: number }[];
  /** Frames whose transport checksum the sender left to the device, by place. */
  readonly unfinishedChecksums?: readonly { readonly place: Place; readonly frames: number }[];
  /** Limits of the engine and places that could not be opened, one line each. */
  readonly gaps: readonly string[];
}

/** What the probe itself saw of one echo request, at the socket. */
export interface ProbeResult {
  /** From 1. */
  readonly sequence: number;
  readonly sentNs: bigint;
  /** When the system call that sent it had returned. */
  readonly doneNs?: bigint;
  /** The kernel refused it on send, or reported an error later (IP_RECVERR): the errno's name, and where it came from. */
  readonly error?: {
    readonly errno: string;
    readonly at: 'send' | 'queue';
    readonly icmp?: { readonly type: number; readonly code: number; readonly from: string; readonly mtu?: number };
  };
  /** Replies that reached the socket, in order; more than one is a duplicate. */
  readonly replies: readonly {
    readonly timeNs: bigint;
    readonly source: string;
    readonly ttl: number;
    readonly lengthBytes: number;
  }[];
}

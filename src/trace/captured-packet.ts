/** A packet where a capture holds it: what is looked at, counted or written at once needs no memory of its own. */
import type { Direction, Frame, PacketType, Place } from './frame.ts';

/**
 * Valid until the capture goes on to its next packet, which is the same object with other values; `frame` is what may be kept.
 * The members mean what those of `Frame` do.
 */
export interface CapturedPacket {
  readonly place: Place;
  /** Kernel time stamp: seconds and nanoseconds of the Unix time. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly order: number;
  readonly direction: Direction;
  readonly packetType: PacketType;
  readonly originalLength: number;
  readonly checksumNotReady: boolean;
  /** Without link-layer header; otherwise Ethernet. */
  readonly rawIp: boolean;
  /** TPID and TCI, 16 bits each, of the outermost VLAN tag where the kernel has taken it out of the bytes; 0: it has not. */
  readonly vlanTag: number;
  /** The bytes are `length` ones of `memory` from `start` on. */
  readonly memory: Uint8Array;
  readonly start: number;
  readonly length: number;
  /** The same with bytes of its own, the VLAN tag in place. */
  frame(): Frame;
}

export function timeOf({ seconds, nanoseconds }: Pick<CapturedPacket, 'seconds' | 'nanoseconds'>): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

/** A frame of Ethernet or raw IP, as if it had just been captured. */
export function asCaptured(frame: Frame): CapturedPacket {
  const { place, timeNs, order, direction, packetType, originalLength, checksumNotReady, bytes } = frame;
  return {
    ...{ place, order, direction, packetType, originalLength, checksumNotReady },
    seconds: Number(timeNs / 1_000_000_000n),
    nanoseconds: Number(timeNs % 1_000_000_000n),
    rawIp: frame.linkType === 'raw-ip',
    vlanTag: 0,
    memory: bytes,
    start: 0,
    length: bytes.length,
    frame: () => frame,
  };
}

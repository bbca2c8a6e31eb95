/** What a frame is to the devices it crosses: addresses, length, and the packet in it as far as filters look at it. */
import type { LegKind } from './model.ts';
import type { Sized } from './mtu.ts';

/** IEEE 802.3: to everybody on the segment. */
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** The packet in a frame. ARP: sender and target protocol address of this very packet. */
export interface Carried {
  readonly kind: LegKind;
  readonly source: string;
  readonly destination: string;
}

/** Link-layer addresses of the frame that is sent, its length, and what it carries. */
export interface FrameAddresses extends Sized {
  readonly source: string;
  readonly destination: string;
  /** Absent where only the way is asked for: then packet filters are passed over. */
  readonly carries?: Carried;
}

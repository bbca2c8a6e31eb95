/** The interfaces of a capture file: those it describes, and those its frames name in their cooked headers. */
import type { LinkType } from '../wire/frame.ts';

export interface CaptureInterface {
  /** Position among all interfaces of the file, from 0; sections count on. `summary().interfaces[index]` is this one. */
  readonly index: number;
  /** Section of the file, from 0, and the interface's number in it. */
  readonly section: number;
  readonly id: number;
  /** LINKTYPE_ number. */
  readonly linkType: number;
  /** How its frames begin, for `decodeFrame`; undefined: vdiag reads no frames of this link type, and no cursor stands on one. */
  readonly frameLinkType: LinkType | undefined;
  /** Most bytes of a packet that were kept; 0: no limit. */
  readonly snapLength: number;
  /** if_name, empty where the file gives none (a pcap file never does). Hostile text, as are the three below. */
  readonly name: string;
  readonly description: string;
  readonly hardware: string;
  /** if_filter, the capture filter's text. */
  readonly filter: string;
  /** if_MACaddr, lower case with colons. */
  readonly mac?: string;
  readonly clock: Clock;
  /** Bytes in front of every packet that were never on the wire (`SYNTHETIC_ETHERNET`). */
  readonly addedHeader: number;
  /** Packets read from this interface, those of other link types too. */
  packets: number;
  /** From the last statistics block, where there is one. */
  received?: number;
  dropped?: number;
  /**
   * The kernel's interface number, from the frames' own headers (Linux cooked v2): `tcpdump -i any` records every interface of
   * the namespace as one, and each of them becomes an interface here. 0 is none.
   */
  readonly kernelIndex?: number;
  /** The `index` of the interface it was recorded as. That one's `packets` count these too; no frame has it as its source. */
  readonly recordedAs?: number;
}

/** Ticks to time: `10 ** -exponent` or `2 ** -exponent` seconds a tick, from `offsetSeconds` on. */
export interface Clock {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly offsetSeconds: bigint;
}

/** Unix nanoseconds of a 64-bit tick count; finer ticks are cut to whole nanoseconds. */
export function clockTimeNs(clock: Clock, high: number, low: number): bigint {
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  if (clock.base === 10 && clock.exponent === 9 && clock.offsetSeconds === 0n) return ticks;
  const offsetNs = clock.offsetSeconds * 1_000_000_000n;
  if (clock.base === 2) return offsetNs + ((ticks * 1_000_000_000n) >> BigInt(clock.exponent));
  if (clock.exponent <= 9) return offsetNs + ticks * 10n ** BigInt(9 - clock.exponent);
  return offsetNs + ticks / 10n ** BigInt(clock.exponent - 9);
}

/** The tick count of a time, rounded down; 0 for one before the clock's first. */
export function clockTicks(clock: Clock, timeNs: bigint): bigint {
  const sinceNs = timeNs - clock.offsetSeconds * 1_000_000_000n;
  if (sinceNs <= 0n) return 0n;
  const perSecond = clock.base === 2 ? 1n << BigInt(clock.exponent) : 10n ** BigInt(clock.exponent);
  return BigInt.asUintN(64, (sinceNs * perSecond) / 1_000_000_000n);
}

/** Interfaces that frames name beside those the file describes: a namespace has hundreds, a hostile file claims billions. */
const MOST_NAMED = 4096;

/** All interfaces of one file, shared by everyone who reads it. */
export class InterfaceTable {
  /** In the order they became known. */
  readonly all: CaptureInterface[] = [];
  /** Those that the file describes. */
  readonly described: CaptureInterface[] = [];
  readonly #named = new Map<number, CaptureInterface>();

  describe(source: CaptureInterface): void {
    this.all.push(source);
    this.described.push(source);
  }

  /** The interface with a kernel's number behind one that records several. */
  named(recorded: CaptureInterface, kernelIndex: number): CaptureInterface {
    const key = recorded.index * 2 ** 32 + kernelIndex;
    const known = this.#named.get(key);
    if (known !== undefined) return known;
    if (this.#named.size >= MOST_NAMED) return recorded;
    const { received: _received, dropped: _dropped, ...shared } = recorded;
    const source: CaptureInterface = {
      ...shared,
      index: this.all.length,
      name: '',
      description: '',
      recordedAs: recorded.index,
      kernelIndex,
      packets: 0,
    };
    this.#named.set(key, source);
    this.all.push(source);
    return source;
  }
}

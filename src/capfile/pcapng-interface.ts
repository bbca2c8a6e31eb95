/** Interface description and statistics blocks: what a file says of each interface it was captured on. */
import {
  ETHERNET_HEADER,
  interfaceOption,
  LINKTYPE_ETHERNET,
  SYNTHETIC_ETHERNET,
  statisticsOption,
} from './pcapng-format.ts';
import { optionText, type PcapngOption } from './pcapng-option.ts';

export interface CaptureInterface {
  /** Position among all interfaces of the file, from 0; sections count on. */
  readonly index: number;
  /** Section of the file, from 0, and the interface's number in it. */
  readonly section: number;
  readonly id: number;
  /** LINKTYPE_ number. */
  readonly linkType: number;
  /** Most bytes of a packet that were kept; 0: no limit. */
  readonly snapLength: number;
  /** if_name, empty where the file gives none. Hostile text, as are the two below. */
  readonly name: string;
  readonly description: string;
  readonly hardware: string;
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
}

/** Ticks to time: `10 ** -exponent` or `2 ** -exponent` seconds a tick, from `offsetSeconds` on. */
export interface Clock {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly offsetSeconds: bigint;
}

/** Microseconds, where if_tsresol is missing. */
const DEFAULT_RESOLUTION = 6;
const BASE_TWO = 0x80;
/** Windows names interfaces by 50 characters, vdiag by interface and namespace. */
const LONGEST_TEXT = 512;

/** Unix nanoseconds of a 64-bit tick count; finer ticks are cut to whole nanoseconds. */
export function clockTimeNs(clock: Clock, high: number, low: number): bigint {
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  if (clock.base === 10 && clock.exponent === 9 && clock.offsetSeconds === 0n) return ticks;
  const offsetNs = clock.offsetSeconds * 1_000_000_000n;
  if (clock.base === 2) return offsetNs + ((ticks * 1_000_000_000n) >> BigInt(clock.exponent));
  if (clock.exponent <= 9) return offsetNs + ticks * 10n ** BigInt(9 - clock.exponent);
  return offsetNs + ticks / 10n ** BigInt(clock.exponent - 9);
}

/** Reads an interface description block at `at` whose fixed fields are all there, and its options. */
export function readInterface(
  view: DataView,
  little: boolean,
  at: number,
  options: readonly PcapngOption[],
  place: Pick<CaptureInterface, 'index' | 'section' | 'id'>,
): CaptureInterface {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const find = (code: number, length: number) =>
    options.find((option) => option.code === code && option.length >= length);
  const text = (code: number) => {
    const option = find(code, 0);
    return option === undefined ? '' : optionText(bytes, option, LONGEST_TEXT);
  };
  const resolution = find(interfaceOption.resolution, 1);
  const offset = find(interfaceOption.timeOffset, 8);
  const mac = find(interfaceOption.mac, 6);
  const ticks = resolution === undefined ? DEFAULT_RESOLUTION : view.getUint8(resolution.at);
  const linkType = view.getUint16(at + 8, little);
  const hardware = text(interfaceOption.hardware);
  return {
    ...place,
    linkType,
    snapLength: view.getUint32(at + 12, little),
    name: text(interfaceOption.name),
    description: text(interfaceOption.description),
    hardware,
    ...(mac === undefined ? {} : { mac: macText(bytes.subarray(mac.at, mac.at + 6)) }),
    clock: {
      base: ticks & BASE_TWO ? 2 : 10,
      exponent: ticks & ~BASE_TWO,
      offsetSeconds: offset === undefined ? 0n : view.getBigInt64(offset.at, little),
    },
    addedHeader: linkType === LINKTYPE_ETHERNET && hardware === SYNTHETIC_ETHERNET ? ETHERNET_HEADER : 0,
    packets: 0,
  };
}

/** Takes over what a statistics block says of an interface. */
export function readStatistics(
  view: DataView,
  little: boolean,
  options: readonly PcapngOption[],
  about: CaptureInterface,
): void {
  for (const option of options) {
    if (option.length < 8) continue;
    const value = Number(view.getBigUint64(option.at, little));
    if (option.code === statisticsOption.received) about.received = value;
    if (option.code === statisticsOption.dropped) about.dropped = value;
  }
}

function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

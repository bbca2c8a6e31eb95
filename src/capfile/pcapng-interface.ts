/** Interface description and statistics blocks of pcapng: what the file says of each interface it was captured on. */
import type { CaptureInterface } from './capture-interface.ts';
import { frameLinkType } from './link-type.ts';
import {
  ETHERNET_HEADER,
  interfaceOption,
  LINKTYPE_ETHERNET,
  SYNTHETIC_ETHERNET,
  statisticsOption,
} from './pcapng-format.ts';
import { optionText, type PcapngOption } from './pcapng-option.ts';

/** Microseconds, where if_tsresol is missing. */
const DEFAULT_RESOLUTION = 6;
const BASE_TWO = 0x80;
/** First byte of if_filter: what follows is libpcap's text. */
const FILTER_TEXT = 0;
/** Windows names interfaces by 50 characters, vdiag by interface and namespace. */
const LONGEST_TEXT = 512;

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
  const addedHeader = linkType === LINKTYPE_ETHERNET && hardware === SYNTHETIC_ETHERNET ? ETHERNET_HEADER : 0;
  return {
    ...place,
    linkType,
    frameLinkType: frameLinkType(linkType, addedHeader),
    snapLength: view.getUint32(at + 12, little),
    name: text(interfaceOption.name),
    description: text(interfaceOption.description),
    hardware,
    filter: filterText(bytes, find(interfaceOption.filter, 1)),
    ...(mac === undefined ? {} : { mac: macText(bytes.subarray(mac.at, mac.at + 6)) }),
    clock: {
      base: ticks & BASE_TWO ? 2 : 10,
      exponent: ticks & ~BASE_TWO,
      offsetSeconds: offset === undefined ? 0n : view.getBigInt64(offset.at, little),
    },
    addedHeader,
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

/** The filter as libpcap's text; one of another kind (BPF code) is none to show. */
function filterText(bytes: Uint8Array, option: PcapngOption | undefined): string {
  if (option === undefined || bytes[option.at] !== FILTER_TEXT) return '';
  return optionText(bytes, { ...option, at: option.at + 1, length: option.length - 1 }, LONGEST_TEXT);
}

function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

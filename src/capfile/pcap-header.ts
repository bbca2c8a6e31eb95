/**
 * The header of a pcap file (draft-ietf-opsawg-pcap; libpcap's savefile format): byte order, resolution, link type.
 *
 *     file header ─► record header, packet ─► record header, packet …
 */
import type { CaptureInterface, Clock } from './capture-interface.ts';
import { frameLinkType } from './link-type.ts';

/** Bytes. */
export const PCAP_HEADER = 24;
/** Seconds, fraction, captured length, original length. */
export const PCAP_RECORD = 16;
/** The same, then interface number, protocol, packet type and a byte of padding. */
export const MODIFIED_RECORD = 24;

/**
 * Longest packet of a link type that vdiag reads, bytes, as libpcap (`max_snaplen_for_dlt`) and Wireshark have it:
 * a longer one is a damaged length, not a packet. USB and D-Bus have messages up to 128 MiB.
 */
export const LONGEST_PACKET = 1 << 18;
export const LONGEST_MESSAGE = 1 << 27;

interface Magic {
  readonly value: number;
  readonly recordLength: number;
  /** Digits of the fraction. */
  readonly exponent: number;
}

/** The third is what Kuznetsov's patch to libpcap wrote: longer record headers. */
const MAGICS: readonly Magic[] = [
  { value: 0xa1b2c3d4, recordLength: PCAP_RECORD, exponent: 6 },
  { value: 0xa1b23c4d, recordLength: PCAP_RECORD, exponent: 9 },
  { value: 0xa1b2cd34, recordLength: MODIFIED_RECORD, exponent: 6 },
];

export interface PcapHeader {
  readonly little: boolean;
  readonly recordLength: number;
  readonly major: number;
  readonly minor: number;
  readonly linkType: number;
  readonly snapLength: number;
  readonly clock: Clock;
}

/** Reads the header from `at`, where `PCAP_HEADER` bytes are; undefined where it is none. */
export function readPcapHeader(view: DataView, at: number): PcapHeader | undefined {
  const little = isMagic(view.getUint32(at, true));
  const magic = MAGICS.find(({ value }) => value === view.getUint32(at, little));
  if (magic === undefined) return undefined;
  return {
    little,
    recordLength: magic.recordLength,
    major: view.getUint16(at + 4, little),
    minor: view.getUint16(at + 6, little),
    snapLength: view.getUint32(at + 16, little),
    // The upper half says whether frames end with their check sequence; nothing here minds one.
    linkType: view.getUint32(at + 20, little) & 0xffff,
    clock: { base: 10, exponent: magic.exponent, offsetSeconds: 0n },
  };
}

function isMagic(value: number): boolean {
  return MAGICS.some((magic) => magic.value === value);
}

/** True of the first four bytes of a pcap file, in either byte order. */
export function isPcapMagic(view: DataView, at: number): boolean {
  return isMagic(view.getUint32(at, true)) || isMagic(view.getUint32(at, false));
}

/** The one interface of the file; it has no name there. */
export function pcapInterface({ linkType, snapLength, clock }: PcapHeader): CaptureInterface {
  return {
    index: 0,
    section: 0,
    id: 0,
    linkType,
    frameLinkType: frameLinkType(linkType),
    snapLength,
    name: '',
    description: '',
    hardware: '',
    filter: '',
    clock,
    addedHeader: 0,
    packets: 0,
  };
}

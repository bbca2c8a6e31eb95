/**
 * Writes frames as pcapng that Wireshark and tcpdump read: one section, Ethernet and one snap length throughout (tcpdump
 * refuses a file otherwise), nanoseconds, an interface for every place.
 * Pure: it yields chunks, and the caller puts them where they belong.
 */
import type { NetnsId } from '../topology/model.ts';
import { type Coverage, type Frame, type Place, placeKey } from '../trace/frame.ts';
import {
  bigintOption,
  block,
  numberOption,
  type OptionValue,
  textOption,
  timeOption,
  writeTime,
} from './pcapng-encode.ts';
import {
  BYTE_ORDER_MAGIC,
  CHECKSUM_NOT_READY,
  COMMENT,
  ENHANCED_PACKET,
  ETHERNET_HEADER,
  INBOUND,
  INTERFACE_DESCRIPTION,
  INTERFACE_STATISTICS,
  interfaceOption,
  LINKTYPE_ETHERNET,
  OUTBOUND,
  packetOption,
  RECEPTION_SHIFT,
  reception,
  SECTION_HEADER,
  SYNTHETIC_ETHERNET,
  sectionOption,
  statisticsOption,
} from './pcapng-format.ts';
import { padded } from './pcapng-option.ts';
import { placeDescription, placeToName } from './place-name.ts';

/** Bytes kept of a packet: tcpdump's default, more than any Linux device hands over. */
export const SNAP_LENGTH = 262144;
const NANOSECONDS = 9;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const VERSION_AT = 12;
const UNKNOWN_SECTION_LENGTH = 0xffff_ffff_ffff_ffffn;

export interface PcapngWriterOptions {
  /** Interfaces of this namespace are written by their name alone, those of others as NAME@NETNS. */
  readonly home: NetnsId;
  /** The verdict: a comment on the section. */
  readonly comment?: string;
  /** "vdiag 0.1.0" */
  readonly application?: string;
  /** "Linux 6.18.44" */
  readonly operatingSystem?: string;
  /**
   * Interfaces to name although nothing may be captured there, in this order. Others follow as frames come.
   * tcpdump refuses a file without any.
   */
  readonly places?: readonly Place[];
}

/** What is known of a frame beside its bytes. */
export interface FrameNote {
  /** The journey, from 1: `epb_packetid`, the same wherever the packet was sighted. */
  readonly journey?: number;
  /** Begin them with a rule's id: `frame.comment contains "bridge-port-owns-ip"` then finds the frame. */
  readonly comments?: readonly string[];
}

export interface PcapngWriter {
  /** Section header and the interfaces known beforehand; call it first. */
  begin(): Uint8Array;
  /** One frame, behind its interface's description where that was not written yet. Frames should come in order of time. */
  frame(frame: Frame, note?: FrameNote): Uint8Array;
  /** Statistics of every interface; call it last. A file without it is complete too. */
  end(coverage?: Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'>): Uint8Array;
}

interface Interface {
  readonly id: number;
  readonly place: Place;
  frames: number;
  lastNs: bigint;
}

export function createPcapngWriter(options: PcapngWriterOptions): PcapngWriter {
  const interfaces = new Map<string, Interface>();
  /** The interface and, the first time, the block that describes it. */
  const interfaceOf = (place: Place, linkType: Frame['linkType']): [Interface, Uint8Array[]] => {
    const key = `${linkType ?? 'ethernet'} ${placeKey(place)}`;
    const known = interfaces.get(key);
    if (known) return [known, []];
    const added = { id: interfaces.size, place, frames: 0, lastNs: 0n };
    interfaces.set(key, added);
    return [added, [describeInterface(place, options.home, linkType === 'raw-ip')]];
  };
  return {
    begin: () =>
      Buffer.concat([
        sectionHeader(options),
        ...(options.places ?? []).flatMap((place) => interfaceOf(place, 'ethernet')[1]),
      ]),
    frame(frame, note = {}) {
      const [source, description] = interfaceOf(frame.place, frame.linkType);
      source.frames++;
      if (frame.timeNs > source.lastNs) source.lastNs = frame.timeNs;
      const packet = packetBlock(source.id, frame, note);
      return description.length === 0 ? packet : Buffer.concat([...description, packet]);
    },
    end: (coverage) => Buffer.concat([...interfaces.values()].map((source) => statistics(source, coverage))),
  };
}

/** A whole file, in order of time, chunk by chunk. */
export function* pcapngChunks(
  frames: readonly Frame[],
  options: PcapngWriterOptions,
  noteOf: (frame: Frame) => FrameNote | undefined = () => undefined,
  coverage?: Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'>,
): Generator<Uint8Array> {
  const writer = createPcapngWriter(options);
  yield writer.begin();
  const byTime = frames.toSorted((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  for (const frame of byTime) yield writer.frame(frame, noteOf(frame));
  yield writer.end(coverage);
}

function sectionHeader({ comment, operatingSystem, application }: PcapngWriterOptions): Uint8Array {
  const optional = (code: number, text: string | undefined) => (text === undefined ? [] : [textOption(code, text)]);
  return block(
    SECTION_HEADER,
    16,
    [
      ...optional(COMMENT, comment),
      ...optional(sectionOption.operatingSystem, operatingSystem),
      ...optional(sectionOption.application, application),
    ],
    (view) => {
      view.setUint32(8, BYTE_ORDER_MAGIC, true);
      view.setUint16(VERSION_AT, 1, true);
      view.setBigUint64(VERSION_AT + 4, UNKNOWN_SECTION_LENGTH, true);
    },
  );
}

function describeInterface(place: Place, home: NetnsId, rawIp: boolean): Uint8Array {
  return block(
    INTERFACE_DESCRIPTION,
    8,
    [
      textOption(interfaceOption.name, placeToName(place, home)),
      textOption(interfaceOption.description, placeDescription(place, home)),
      numberOption(interfaceOption.resolution, 1, NANOSECONDS),
      ...(rawIp ? [textOption(interfaceOption.hardware, SYNTHETIC_ETHERNET)] : []),
    ],
    (view) => {
      view.setUint16(8, LINKTYPE_ETHERNET, true);
      view.setUint32(12, SNAP_LENGTH, true);
    },
  );
}

function packetBlock(id: number, frame: Frame, { journey, comments = [] }: FrameNote): Uint8Array {
  const header = frame.linkType === 'raw-ip' ? ETHERNET_HEADER : 0;
  const captured = Math.min(header + frame.bytes.length, SNAP_LENGTH);
  const flags = frameFlags(frame);
  return block(
    ENHANCED_PACKET,
    20 + padded(captured),
    [
      ...comments.map((comment) => textOption(COMMENT, comment)),
      ...(flags === 0 ? [] : [numberOption(packetOption.flags, 4, flags)]),
      ...(journey === undefined ? [] : [bigintOption(packetOption.packetId, BigInt(journey))]),
    ],
    (view, bytes) => {
      view.setUint32(8, id, true);
      writeTime(view, 12, frame.timeNs);
      view.setUint32(20, captured, true);
      view.setUint32(24, header + frame.originalLength, true);
      bytes.set(frame.bytes.subarray(0, captured - header), 28 + header);
      if (header > 0) view.setUint16(28 + 12, isIpv6(frame.bytes) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4, false);
    },
  );
}

function isIpv6(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >> 4 === 6;
}

function frameFlags({ direction, packetType, checksumNotReady }: Frame): number {
  const way = direction === 'in' ? INBOUND : direction === 'out' ? OUTBOUND : 0;
  return way | (receptionOf(packetType) << RECEPTION_SHIFT) | (checksumNotReady ? CHECKSUM_NOT_READY : 0);
}

function receptionOf(type: Frame['packetType']): number {
  switch (type) {
    case 'host':
      return reception.unicast;
    case 'multicast':
      return reception.multicast;
    case 'broadcast':
      return reception.broadcast;
    case 'other-host':
      return reception.promiscuous;
    case 'outgoing':
    case 'unknown':
      return reception.unspecified;
    default:
      return type satisfies never;
  }
}

function statistics(
  source: Interface,
  coverage: Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'> | undefined,
): Uint8Array {
  // One ring listens to a whole namespace: which of its interfaces lost a frame is not known, so each may have lost all.
  const dropped = coverage?.lost.find(({ netns }) => netns === source.place.netns)?.frames ?? 0;
  const times: OptionValue[] = coverage
    ? [timeOption(statisticsOption.start, coverage.fromNs), timeOption(statisticsOption.end, coverage.untilNs)]
    : [];
  return block(
    INTERFACE_STATISTICS,
    12,
    [
      ...(dropped > 0
        ? [textOption(COMMENT, 'frames lost in this namespace, on one of its interfaces or several')]
        : []),
      ...times,
      bigintOption(statisticsOption.received, BigInt(source.frames)),
      ...(coverage ? [bigintOption(statisticsOption.dropped, BigInt(dropped))] : []),
    ],
    (view) => {
      view.setUint32(8, source.id, true);
      writeTime(view, 12, coverage?.untilNs ?? source.lastNs);
    },
  );
}

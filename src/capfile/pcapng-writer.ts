/**
 * Writes frames as pcapng that Wireshark and tcpdump read: one section, Ethernet and one snap length throughout (tcpdump
 * refuses a file otherwise), nanoseconds, an interface for every place.
 * Pure: it yields chunks, and the caller puts them where they belong.
 */
import type { NetnsId } from '../topology/model.ts';
import { asCaptured, type CapturedPacket, timeOf } from '../trace/captured-packet.ts';
import { type Coverage, type Frame, type Place, placeKey } from '../trace/frame.ts';
import type { BlockMemory } from './block-memory.ts';
import { asEthernet } from './ethernet-frame.ts';
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
  COMMENT,
  ETHERNET_HEADER,
  INTERFACE_DESCRIPTION,
  INTERFACE_STATISTICS,
  interfaceOption,
  LINKTYPE_ETHERNET,
  SECTION_HEADER,
  SYNTHETIC_ETHERNET,
  sectionOption,
  statisticsOption,
} from './pcapng-format.ts';
import { appendPacket, type FrameNote, type PacketSource, packetEncoder } from './pcapng-packet.ts';
import { placeDescription, placeToName } from './place-name.ts';

/** Bytes kept of a packet: tcpdump's default, more than any Linux device hands over. */
export const SNAP_LENGTH = 262144;
const NANOSECONDS = 9;
/** Places remembered by identity. */
const MOST_PLACES = 4096;
const VERSION_AT = 12;
const NOTHING = new Uint8Array(0);
const UNKNOWN_SECTION_LENGTH = 0xffff_ffff_ffff_ffffn;

export type { FrameNote } from './pcapng-packet.ts';

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
  /** Bytes kept of a packet; the same for every interface. Default and most: `SNAP_LENGTH`; least: `ETHERNET_HEADER`. */
  readonly snapLength?: number;
}

export interface PcapngWriter {
  /** Section header and the interfaces known beforehand; call it first. */
  begin(): Uint8Array;
  /** One frame, behind its interface's description where that was not written yet. Frames should come in order of time. */
  frame(frame: Frame, note?: FrameNote): Uint8Array;
  /** The same of a packet that a capture holds, at the end of `blocks`. */
  append(packet: CapturedPacket, blocks: BlockMemory): void;
  /** Statistics of every interface; call it last. A file without it is complete too. */
  end(coverage?: Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'>): Uint8Array;
}

interface Interface extends PacketSource {
  readonly place: Place;
  /** The block that describes it, until it is written. */
  description: Uint8Array | undefined;
  frames: number;
  /** When the last of them was captured. */
  seconds: number;
  nanoseconds: number;
}

export function createPcapngWriter(options: PcapngWriterOptions): PcapngWriter {
  const snapLength = Math.max(ETHERNET_HEADER, Math.min(options.snapLength ?? SNAP_LENGTH, SNAP_LENGTH));
  const encode = packetEncoder(snapLength);
  const interfaces = new Map<string, Interface>();
  // A capture gives every frame of an interface the same place: no text has to be made for each of them.
  const ethernet = new Map<Place, Interface>();
  const withoutLink = new Map<Place, Interface>();
  const interfaceOf = (place: Place, rawIp: boolean): Interface => {
    const key = `${rawIp} ${placeKey(place)}`;
    const byPlace = rawIp ? withoutLink : ethernet;
    const known = interfaces.get(key);
    // Only what comes again is worth remembering: a reader may make a new object for each frame.
    if (known && byPlace.size < MOST_PLACES) byPlace.set(place, known);
    if (known) return known;
    const id = interfaces.size;
    const description = describeInterface(place, rawIp, options.home, snapLength);
    const added = { id, place, rawIp, description, frames: 0, seconds: 0, nanoseconds: 0 };
    interfaces.set(key, added);
    return added;
  };
  const takeDescription = (source: Interface): Uint8Array => {
    const { description = NOTHING } = source;
    source.description = undefined;
    return description;
  };
  /** Where a packet goes. */
  const sourceOf = ({ place, rawIp, seconds, nanoseconds }: CapturedPacket): Interface => {
    const source = (rawIp ? withoutLink : ethernet).get(place) ?? interfaceOf(place, rawIp);
    source.frames++;
    if (seconds > source.seconds || (seconds === source.seconds && nanoseconds > source.nanoseconds)) {
      source.seconds = seconds;
      source.nanoseconds = nanoseconds;
    }
    return source;
  };
  return {
    begin: () =>
      Buffer.concat([
        sectionHeader(options),
        ...(options.places ?? []).map((place) => takeDescription(interfaceOf(place, false))),
      ]),
    frame(captured, note) {
      const packet = asCaptured(asEthernet(captured));
      const source = sourceOf(packet);
      const block = encode(source, packet, note);
      return source.description ? Buffer.concat([takeDescription(source), block]) : block;
    },
    append(packet, blocks) {
      const source = sourceOf(packet);
      if (source.description) blocks.append(takeDescription(source));
      appendPacket(blocks, source, packet, snapLength);
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

function describeInterface(place: Place, rawIp: boolean, home: NetnsId, snapLength: number): Uint8Array {
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
      view.setUint32(12, snapLength, true);
    },
  );
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
      writeTime(view, 12, coverage?.untilNs ?? timeOf(source));
    },
  );
}

/**
 * Writes frames as pcapng that Wireshark and tcpdump read: one section, Ethernet and one snap length throughout (tcpdump
 * refuses a file otherwise), nanoseconds, an interface for every place.
 * Pure: it yields chunks, and the caller puts them where they belong.
 */
import type { NetnsId } from '../topology/model.ts';
import { type Coverage, type Frame, type Place, placeKey } from '../trace/frame.ts';
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
import { type FrameNote, type PacketSource, packetEncoder } from './pcapng-packet.ts';
import { placeDescription, placeToName } from './place-name.ts';

/** Bytes kept of a packet: tcpdump's default, more than any Linux device hands over. */
export const SNAP_LENGTH = 262144;
const NANOSECONDS = 9;
/** Places remembered by identity. */
const MOST_PLACES = 4096;
const VERSION_AT = 12;
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
  /** Statistics of every interface; call it last. A file without it is complete too. */
  end(coverage?: Pick<Coverage, 'fromNs' | 'untilNs' | 'lost'>): Uint8Array;
}

interface Interface extends PacketSource {
  readonly place: Place;
  frames: number;
  lastNs: bigint;
}

export function createPcapngWriter(options: PcapngWriterOptions): PcapngWriter {
  const snapLength = Math.max(ETHERNET_HEADER, Math.min(options.snapLength ?? SNAP_LENGTH, SNAP_LENGTH));
  const encode = packetEncoder(snapLength);
  const interfaces = new Map<string, Interface>();
  // A capture gives every frame of an interface the same place: no text has to be made for each of them.
  const ethernet = new Map<Place, Interface>();
  const withoutLink = new Map<Place, Interface>();
  /** The interface and, the first time, the block that describes it. */
  const interfaceOf = (place: Place, rawIp: boolean): [Interface, Uint8Array[]] => {
    const key = `${rawIp} ${placeKey(place)}`;
    const byPlace = rawIp ? withoutLink : ethernet;
    const known = interfaces.get(key);
    // Only what comes again is worth remembering: a reader may make a new object for each frame.
    if (known && byPlace.size < MOST_PLACES) byPlace.set(place, known);
    if (known) return [known, []];
    const added = { id: interfaces.size, place, rawIp, frames: 0, lastNs: 0n };
    interfaces.set(key, added);
    return [added, [describeInterface(added, options.home, snapLength)]];
  };
  return {
    begin: () =>
      Buffer.concat([
        sectionHeader(options),
        ...(options.places ?? []).flatMap((place) => interfaceOf(place, false)[1]),
      ]),
    frame(captured, note) {
      const frame = asEthernet(captured);
      const rawIp = frame.linkType === 'raw-ip';
      const known = (rawIp ? withoutLink : ethernet).get(frame.place);
      const [source, description] = known ? [known, []] : interfaceOf(frame.place, rawIp);
      source.frames++;
      if (frame.timeNs > source.lastNs) source.lastNs = frame.timeNs;
      const packet = encode(source, frame, note);
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

function describeInterface({ place, rawIp }: Interface, home: NetnsId, snapLength: number): Uint8Array {
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
      writeTime(view, 12, coverage?.untilNs ?? source.lastNs);
    },
  );
}

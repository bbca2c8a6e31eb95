/** The pcapng that a text becomes: a section for every kind of clock, an interface for every capture, a frame for every packet. */
import { asCaptured } from '../trace/captured-packet.ts';
import type { Direction, PacketType } from '../trace/frame.ts';
import { bigintOption, block, numberOption, textOption } from './pcapng-encode.ts';
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
import { type PacketSource, packetEncoder } from './pcapng-packet.ts';
import { SNAP_LENGTH } from './pcapng-writer.ts';
import type { TextCapture } from './text-captures.ts';
import { type TextClock, type TextTally, textClockComment, textTallyComment } from './text-comment.ts';
import type { TextFrame } from './text-packet.ts';

const NANOSECONDS = 9;
const UNKNOWN_SECTION_LENGTH = 0xffff_ffff_ffff_ffffn;
/** A text that names more is no capture of this world. */
const MOST_INTERFACES = 4096;
const ANYWHERE = { netns: '', name: '' };

/** What is known of a frame beside its bytes. */
export interface FrameFacts {
  readonly timeNs: bigint;
  readonly direction: Direction;
  readonly packetType: PacketType;
  readonly comment: string;
}

/** Collects blocks; take them with `take`. */
export class TextBlocks {
  readonly #encode = packetEncoder(SNAP_LENGTH);
  #blocks: Uint8Array[] = [];
  #bytes = 0;
  #clock: TextClock | undefined;
  readonly #interfaces = new Map<string, PacketSource>();
  /** The same, by capture. */
  readonly #sources = new Map<number, PacketSource[]>();
  /** Captures that have seen nothing yet. */
  readonly #empty = new Set<TextCapture>();

  /** Bytes not yet taken. */
  get size(): number {
    return this.#bytes;
  }

  take(): Uint8Array {
    const blocks = Buffer.concat(this.#blocks);
    this.#blocks = [];
    this.#bytes = 0;
    return blocks;
  }

  /** A capture that has listened, whatever it saw. */
  announce(capture: TextCapture): void {
    if (capture.device === 'any' || capture.packets > 0 || this.#empty.size >= MOST_INTERFACES) return;
    this.#empty.add(capture);
  }

  /** False: there are too many interfaces for one more. */
  frame(capture: TextCapture, device: string, clock: TextClock, frame: TextFrame, facts: FrameFacts): boolean {
    this.#section(clock);
    this.#empty.delete(capture);
    const source = this.#interfaceOf(capture, device);
    if (source === undefined) return false;
    const added = source.rawIp ? ETHERNET_HEADER : 0;
    const { timeNs, direction, packetType, comment } = facts;
    const originalLength = Math.max(frame.originalLength, frame.bytes.length) - added;
    this.#add(
      this.#encode(
        source,
        asCaptured({
          place: ANYWHERE,
          timeNs,
          order: 0,
          direction,
          packetType,
          originalLength,
          checksumNotReady: false,
          linkType: source.rawIp ? 'raw-ip' : 'ethernet',
          bytes: frame.bytes.subarray(added),
        }),
        { comments: [comment] },
      ),
    );
    return true;
  }

  /** Packets that its text names and that gave no frames: what is not seen here is no absence. */
  leftOut(capture: TextCapture, clock: TextClock): void {
    this.#section(clock);
    this.#empty.delete(capture);
    if (capture.device !== 'any' && !this.#sources.has(capture.id)) this.#interfaceOf(capture, capture.device);
    this.counts(capture);
  }

  /** What tcpdump says it lost, and what was left out, which comes to the same. */
  counts(capture: TextCapture): void {
    const { received, dropped = 0, leftOut } = capture;
    if (capture.dropped === undefined && leftOut === 0) return;
    const options = [
      ...(leftOut === 0 ? [] : [textOption(COMMENT, `${leftOut} of them are lines that were left out`)]),
      ...(received === undefined ? [] : [count(statisticsOption.received, received)]),
      count(statisticsOption.dropped, dropped + leftOut),
    ];
    // Of a capture on all interfaces, which of them lost packets is not known: each may have lost all.
    for (const { id } of this.#sources.get(capture.id) ?? [])
      this.#add(block(INTERFACE_STATISTICS, 12, options, (view) => view.setUint32(8, id, true)));
  }

  end(tally: TextTally): void {
    if (this.#clock === undefined) this.#section('none');
    for (const capture of this.#empty) {
      this.#interfaceOf(capture, capture.device);
      this.counts(capture);
    }
    this.#add(sectionBlock(textTallyComment(tally)));
  }

  /** Times of two kinds cannot stand in one section. */
  #section(clock: TextClock): void {
    if (this.#clock === clock) return;
    this.#clock = clock;
    this.#interfaces.clear();
    this.#sources.clear();
    this.#add(sectionBlock(textClockComment(clock)));
  }

  #interfaceOf(capture: TextCapture, device: string): PacketSource | undefined {
    const name = device !== '' && capture.inside !== '' ? `${device}@${capture.inside}` : device;
    const key = `${capture.id} ${name}`;
    const known = this.#interfaces.get(key);
    if (known !== undefined || this.#interfaces.size >= MOST_INTERFACES) return known;
    const source = { id: this.#interfaces.size, rawIp: capture.rawIp };
    this.#interfaces.set(key, source);
    this.#sources.set(capture.id, [...(this.#sources.get(capture.id) ?? []), source]);
    const named = device === capture.device ? capture.named : 'the lines themselves name it';
    this.#add(interfaceBlock(name, named, capture.rawIp));
    return source;
  }

  #add(bytes: Uint8Array): void {
    this.#blocks.push(bytes);
    this.#bytes += bytes.length;
  }
}

function count(code: number, packets: number) {
  return bigintOption(code, BigInt(packets));
}

function sectionBlock(comment: string): Uint8Array {
  const options = [textOption(COMMENT, comment), textOption(sectionOption.application, 'tcpdump')];
  return block(SECTION_HEADER, 16, options, (view) => {
    view.setUint32(8, BYTE_ORDER_MAGIC, true);
    view.setUint16(12, 1, true);
    view.setBigUint64(16, UNKNOWN_SECTION_LENGTH, true);
  });
}

/** @param rawIp the device has no link layer: the Ethernet header of its frames is taken off again when they are read */
function interfaceBlock(name: string, description: string, rawIp: boolean): Uint8Array {
  const options = [
    textOption(interfaceOption.name, name),
    textOption(interfaceOption.description, description),
    numberOption(interfaceOption.resolution, 1, NANOSECONDS),
    ...(rawIp ? [textOption(interfaceOption.hardware, SYNTHETIC_ETHERNET)] : []),
  ];
  return block(INTERFACE_DESCRIPTION, 8, options, (view) => {
    view.setUint16(8, LINKTYPE_ETHERNET, true);
    view.setUint32(12, SNAP_LENGTH, true);
  });
}

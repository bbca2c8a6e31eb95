/** Lines to frames: which capture a line belongs to, when it was, and what stands in it. */
import { Askers, Questions } from './text-askers.ts';
import { TextBlocks } from './text-blocks.ts';
import { Captures, type TextCapture } from './text-captures.ts';
import { type CaptureLine, readCaptureLine } from './text-command.ts';
import type { TextLoss } from './text-comment.ts';
import { isWorded, type PacketHead, readHead } from './text-head.ts';
import { dumpedFrame, isHexRow, readHexRows } from './text-hex.ts';
import type { TextLine } from './text-line.ts';
import { frameOf, NO_ADDRESS, type TextFrame, type TextPacket } from './text-packet.ts';
import { beginRecord, continueRecord, readRecord, type TextRecord } from './text-record.ts';
import { clockOf, lineSteps, type Stamp, StampReader } from './text-time.ts';

const MOST_NAMES = 4096;

/** What one capture needs to be read line by line. */
interface Reading {
  readonly stamps: StampReader<TextRecord>;
  readonly questions: Questions;
  /** A capture whose interface nothing names may be several, printed with other options. */
  readonly kind: Stamp['kind'];
}

/** Takes the lines of one text, in order; the frames are in `blocks`. */
export class TextConverter {
  readonly blocks = new TextBlocks();
  readonly #captures = new Captures();
  readonly #askers = new Askers();
  readonly #names = new Map<string, string>();
  readonly #step = lineSteps();
  readonly #left: Record<TextLoss, number> = { names: 0, unclear: 0, other: 0 };
  #packets = 0;
  #record: TextRecord | undefined;
  /** Of the capture whose lines are read now. */
  #reading: Reading | undefined;
  #readingOf: TextCapture | undefined;

  readonly #resolve = (name: string): string | undefined => this.#names.get(name);

  /**
   * Looks at a line before it is converted: who asked whom, and names.
   * @param ahead lines above it are still to be converted
   */
  learn({ text, indent, number }: TextLine, ahead: boolean): void {
    const said = text.startsWith('PING ') ? readCaptureLine(text) : undefined;
    if (said?.kind === 'name' && this.#names.size < MOST_NAMES) this.#names.set(said.name, said.address);
    const asks = text.includes('who-has');
    if (!asks && !ahead) return;
    const head = readHead(text);
    if (head === undefined && indent === 0) this.#askers.breakAt(number);
    const reading = head?.protocol === 'arp' && asks ? readRecord({ head, below: [] }, this.#resolve) : undefined;
    if (typeof reading !== 'object' || reading.packet.arp === undefined) return;
    this.#askers.learn(reading.packet.arp, head?.link?.source, number);
  }

  /** Converts a line. */
  take(line: TextLine): void {
    const { text } = line;
    if (text === '') {
      this.#finishRecord();
      return;
    }
    if (isHexRow(text)) {
      if (this.#record) continueRecord(this.#record, line);
      return;
    }
    const head = readHead(text);
    if (head !== undefined && this.#begins(head, line)) {
      this.#finishRecord();
      this.#record = beginRecord(head, line, this.#captures.forPacket());
      return;
    }
    const said = readCaptureLine(text);
    if (said === undefined && this.#record && continueRecord(this.#record, line)) return;
    this.#finishRecord();
    if (said === undefined) this.#captures.stray(text, line.number);
    else this.#say(said, line);
  }

  /** Says that no more lines come. */
  end(): void {
    this.#finishRecord();
    this.#finishReading();
    this.blocks.end({ packets: this.#packets, left: this.#left });
  }

  /** Without a time, a line that looks like a packet's may be the quote below an ICMP error, or prose. */
  #begins(head: PacketHead, { indent }: TextLine): boolean {
    if (head.stamp.kind !== 'none') return true;
    if (!isWorded(head)) return false;
    const record = this.#record;
    if (record === undefined) return true;
    if (record.head.stamp.kind !== 'none') return false;
    return record.head.numbered ? head.numbered : indent <= record.line.indent;
  }

  #say(said: CaptureLine, { number }: TextLine): void {
    const capture = this.#captures.take(said, number);
    if (capture?.confirmed !== true) return;
    this.blocks.announce(capture);
    if (said.kind !== 'count' || said.what !== 'dropped') return;
    this.#finishReading();
    this.blocks.counts(capture);
  }

  #finishRecord(): void {
    const record = this.#record;
    this.#record = undefined;
    if (record === undefined) return;
    const { stamps } = this.#readingFor(record);
    for (const { timeNs, item } of stamps.take(record.head.stamp, record)) this.#emit(item, timeNs);
  }

  #readingFor({ head, line, capture }: TextRecord): Reading {
    if (this.#reading?.kind === head.stamp.kind && this.#readingOf === capture) return this.#reading;
    this.#finishReading();
    this.#readingOf = capture;
    const clock = clockOf(head.stamp, line.indent, capture.delta);
    this.#reading = {
      stamps: new StampReader(clock, capture.delta, this.#step),
      questions: new Questions(this.#askers),
      kind: head.stamp.kind,
    };
    return this.#reading;
  }

  #finishReading(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    for (const { timeNs, item } of reading.stamps.finish()) this.#emit(item, timeNs);
    if (this.#readingOf !== undefined && this.#readingOf.leftOut > 0)
      this.blocks.leftOut(this.#readingOf, reading.stamps.clock);
    this.#reading = undefined;
    this.#readingOf = undefined;
  }

  #emit(record: TextRecord, timeNs: bigint): void {
    const text = readRecord(record, this.#resolve);
    const reading = this.#reading;
    const { head, line, capture } = record;
    if (typeof text === 'string' || reading === undefined) {
      this.#leaveOut(capture, typeof text === 'string' ? text : 'unclear');
      return;
    }
    const { packet, inferred } = this.#withTarget(text, record, timeNs, reading);
    const told = frameOf(packet, head.link);
    const written = this.blocks.frame(capture, deviceOf(record), reading.stamps.clock, withDump(told, record), {
      timeNs,
      direction: head.direction,
      packetType: head.packetType,
      comment: inferred ? `line ${line.number}; who it was for is taken from the request` : `line ${line.number}`,
    });
    if (written) this.#packets++;
    else this.#leaveOut(capture, 'unclear');
  }

  #leaveOut(capture: TextCapture, why: TextLoss): void {
    this.#left[why]++;
    if (why !== 'other') capture.leftOut++;
  }

  #withTarget(text: TextPacket, { head, line }: TextRecord, timeNs: bigint, { questions }: Reading) {
    const { arp } = text.packet;
    const target = arp && questions.targetOf(arp, head.link?.destination, timeNs, line.number);
    if (arp === undefined || target === undefined || arp.targetProtocol !== NO_ADDRESS)
      return { packet: text, inferred: false };
    return { packet: { ...text, packet: { ...text.packet, arp: { ...arp, targetProtocol: target } } }, inferred: true };
  }
}

/** A hex dump below the line is worth more than the line, where they agree. */
function withDump(told: TextFrame, { rows }: TextRecord): TextFrame {
  const dump = rows.length === 0 ? undefined : readHexRows(rows);
  return (dump && dumpedFrame(dump, told)) ?? told;
}

/** The interface of one line: of a capture on all of them the line says it, by name or by the kernel's number. */
function deviceOf({ head, capture }: TextRecord): string {
  if (head.device === undefined) return capture.device;
  if (head.device !== '?') return head.device;
  return head.interfaceIndex === undefined ? '' : `interface ${head.interfaceIndex}`;
}

/**
 * Bytes of a frame: the bounds check every decoder uses, and the writer every encoder uses.
 * Nothing else in this room indexes raw input. Network byte order throughout (RFC 1700).
 */
import type { DecodeStop } from './packet.ts';

/** The byte at `at`, or 0 outside: reading is total, so that a missed check can never throw. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** Two bytes from `at`, unsigned. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

/** Four bytes from `at`, unsigned. */
export function longAt(bytes: Uint8Array, at: number): number {
  return ((wordAt(bytes, at) << 16) | wordAt(bytes, at + 2)) >>> 0;
}

interface Bounds {
  readonly start: number;
  readonly end: number;
  readonly wireEnd: number;
  readonly complete: boolean;
  readonly quoted: boolean;
}

/**
 * The part of a frame that belongs to one layer. Offsets given to its methods count from the layer's own start.
 * `end` is where the captured bytes end, `wireEnd` where the layer ended on the wire: what lies between was cut
 * by the capture, what lies beyond never existed.
 */
export class Window {
  readonly bytes: Uint8Array;
  /** Offset of the layer in the frame, bytes. */
  readonly start: number;
  private readonly end: number;
  private readonly wireEnd: number;
  private readonly complete: boolean;
  /** Inside the quote of an ICMP error, which ends early by design: a short body is no fault there. */
  readonly quoted: boolean;

  private constructor(bytes: Uint8Array, bounds: Bounds) {
    this.bytes = bytes;
    this.start = bounds.start;
    this.end = bounds.end;
    this.wireEnd = bounds.wireEnd;
    this.complete = bounds.complete;
    this.quoted = bounds.quoted;
  }

  /** @param originalLength bytes on the wire; a value below the captured length is taken as the captured length */
  static ofFrame(bytes: Uint8Array, originalLength: number): Window {
    const wireEnd = Math.max(originalLength || 0, bytes.length);
    return new Window(bytes, { start: 0, end: bytes.length, wireEnd, complete: true, quoted: false });
  }

  /** Captured bytes of this layer. */
  get length(): number {
    return this.end - this.start;
  }

  /** Every byte that the layers outside claim for this one was captured: a checksum over it means something. */
  get isComplete(): boolean {
    return this.complete && this.end === this.wireEnd;
  }

  u8(at: number): number {
    return byteAt(this.bytes, this.start + at);
  }

  u16(at: number): number {
    return wordAt(this.bytes, this.start + at);
  }

  u32(at: number): number {
    return longAt(this.bytes, this.start + at);
  }

  /** The captured bytes from `from` on, up to `to` where given: a view of the frame, not a copy. */
  view(from = 0, to = this.length): Uint8Array {
    return this.bytes.subarray(this.start + from, Math.min(this.start + to, this.end));
  }

  /**
   * The one bounds check: undefined when `need` bytes are there from the layer's start on, else why not.
   * @param claimedBy the field that claims `need`, or the header's fixed size
   */
  lacks(layer: string, need: number, claimedBy: string): DecodeStop | undefined {
    if (need <= this.length) return undefined;
    const reason = this.start + need <= this.wireEnd ? 'truncated' : 'malformed';
    return { layer, offset: this.start, need, have: this.length, claimedBy, reason };
  }

  /** As `lacks`, for a body behind a good header. */
  lacksBody(layer: string, need: number, claimedBy: string): DecodeStop | undefined {
    return this.quoted ? undefined : this.lacks(layer, need, claimedBy);
  }

  /** A stop for a field whose value no sender may use; `have` is what that value leaves. */
  malformed(layer: string, need: number, have: number, claimedBy: string): DecodeStop {
    return { layer, offset: this.start, need, have, claimedBy, reason: 'malformed' };
  }

  /** What follows the first `from` bytes, which must be there. */
  rest(from: number): Window {
    const { end, wireEnd, complete, quoted } = this;
    return new Window(this.bytes, { start: this.start + from, end, wireEnd, complete, quoted });
  }

  /** As `rest`, ending where a length field says: `to` bytes from this layer's start. */
  narrow(from: number, to: number): Window {
    const claimed = this.start + to;
    return new Window(this.bytes, {
      start: this.start + from,
      end: Math.min(claimed, this.end),
      wireEnd: Math.min(claimed, this.wireEnd),
      complete: this.complete && claimed <= this.wireEnd,
      quoted: this.quoted,
    });
  }

  /** The packet an ICMP error quotes: what it lacks was cut by the sender of the error, so it counts as truncated. */
  quote(from: number, to = this.length): Window {
    return new Window(this.bytes, {
      start: this.start + from,
      end: Math.min(this.start + to, this.end),
      wireEnd: Number.MAX_SAFE_INTEGER,
      complete: true,
      quoted: true,
    });
  }
}

/** What one protocol's decoder hands on: its header where it is good, what follows it, and why it stopped if it did. */
export interface Decoded<Header> {
  readonly header?: Header;
  /** Behind the header; the undecoded layer itself where there is no header. */
  readonly body: Window;
  /** With a header: the header is good, what it claims is not there. */
  readonly stop?: DecodeStop;
}

/** `Decoded` from parts that may be undefined. */
export function decoded<Header>(header: Header, body: Window, stop: DecodeStop | undefined): Decoded<Header> {
  return stop === undefined ? { header, body } : { header, body, stop };
}

/** Fills a buffer from front to back; `finish` refuses a gap, so an encoder cannot leave a byte unwritten. */
export class Writer {
  private readonly into: Uint8Array;
  private at = 0;

  constructor(into: Uint8Array) {
    this.into = into;
  }

  u8(value: number): this {
    this.into[this.at++] = value & 0xff;
    return this;
  }

  u16(value: number): this {
    return this.u8(value >>> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value);
  }

  /** @throws RangeError when they do not fit */
  bytes(values: Uint8Array): this {
    this.into.set(values, this.at);
    this.at += values.length;
    return this;
  }

  /** Overwrites two bytes written before: a checksum over the rest. */
  patch16(at: number, value: number): this {
    this.into[at] = value >>> 8;
    this.into[at + 1] = value & 0xff;
    return this;
  }

  /** @throws RangeError when the buffer was not filled exactly: the caller gave one of another size */
  finish(): Uint8Array {
    if (this.at !== this.into.length) throw new RangeError(`wrote ${this.at} of ${this.into.length} bytes`);
    return this.into;
  }
}

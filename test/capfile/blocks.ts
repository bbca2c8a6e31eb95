/** pcapng blocks made by hand, field by field, in either byte order: nothing here is the code under test. */

export interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

export class Blocks {
  readonly little: boolean;

  constructor(little: boolean) {
    this.little = little;
  }

  u16(number: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (this.little) bytes.writeUInt16LE(number);
    else bytes.writeUInt16BE(number);
    return bytes;
  }

  u32(number: number): Buffer {
    const bytes = Buffer.alloc(4);
    if (this.little) bytes.writeUInt32LE(number);
    else bytes.writeUInt32BE(number);
    return bytes;
  }

  u64(number: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.little) bytes.writeBigInt64LE(number);
    else bytes.writeBigInt64BE(number);
    return bytes;
  }

  options(options: readonly Option[]): Buffer {
    if (options.length === 0) return Buffer.alloc(0);
    const parts = options.map(({ code, value }) => Buffer.concat([this.u16(code), this.u16(value.length), pad(value)]));
    return Buffer.concat([...parts, Buffer.alloc(4)]);
  }

  block(type: number, ...body: readonly Uint8Array[]): Buffer {
    const content = Buffer.concat(body);
    const length = this.u32(content.length + 12);
    return Buffer.concat([this.u32(type), length, content, length]);
  }

  section(options: readonly Option[] = [], version: readonly [number, number] = [1, 0]): Buffer {
    const [major, minor] = version;
    return this.block(
      0x0a0d0d0a,
      this.u32(0x1a2b3c4d),
      this.u16(major),
      this.u16(minor),
      this.u64(-1n),
      this.options(options),
    );
  }

  interface(options: readonly Option[] = [], linkType = 1, snapLength = 0): Buffer {
    return this.block(1, this.u16(linkType), this.u16(0), this.u32(snapLength), this.options(options));
  }

  enhanced(
    id: number,
    ticks: bigint,
    data: Uint8Array,
    options: readonly Option[] = [],
    original = data.length,
  ): Buffer {
    return this.block(
      6,
      this.u32(id),
      ...this.time(ticks),
      this.u32(data.length),
      this.u32(original),
      pad(data),
      this.options(options),
    );
  }

  obsolete(id: number, drops: number, ticks: bigint, data: Uint8Array, options: readonly Option[] = []): Buffer {
    return this.block(
      2,
      this.u16(id),
      this.u16(drops),
      ...this.time(ticks),
      this.u32(data.length),
      this.u32(data.length),
      pad(data),
      this.options(options),
    );
  }

  simple(original: number, data: Uint8Array): Buffer {
    return this.block(3, this.u32(original), pad(data));
  }

  private time(ticks: bigint): [Buffer, Buffer] {
    return [this.u32(Number(ticks >> 32n)), this.u32(Number(ticks & 0xffffffffn))];
  }
}

export function text(code: number, value: string): Option {
  return { code, value: Buffer.from(value) };
}

export function byte(code: number, value: number): Option {
  return { code, value: Uint8Array.of(value) };
}

function pad(value: Uint8Array): Buffer {
  return Buffer.concat([value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

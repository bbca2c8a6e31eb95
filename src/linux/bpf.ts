/**
 * A small assembler for classic BPF, the language of kernel packet filters (McCanne and Jacobson 1993;
 * Documentation/networking/filter.rst): accumulator A, index register X, 16 words of scratch memory.
 *
 *     const program = new BpfAssembler();
 *     program.load('half', 12).jumpIfEqual(0x0806, 'keep').reject().label('keep').accept(262144);
 *     program.assemble();
 */

/** struct sock_filter: jumps count instructions from the next one on, in 8 bits. */
export interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly k: number;
}

export type LoadSize = 'word' | 'half' | 'byte';

/** Opcodes: class | size or operation | mode or source (include/uapi/linux/bpf_common.h). */
export const opcode = {
  loadAbsolute: { word: 0x20, half: 0x28, byte: 0x30 },
  loadIndirect: { word: 0x40, half: 0x48, byte: 0x50 },
  loadImmediate: 0x00,
  loadScratch: 0x60,
  loadLength: 0x80,
  indexImmediate: 0x01,
  indexScratch: 0x61,
  indexLength: 0x81,
  indexHeaderLength: 0xb1,
  storeA: 0x02,
  storeX: 0x03,
  add: 0x04,
  addX: 0x0c,
  subtract: 0x14,
  subtractX: 0x1c,
  or: 0x44,
  orX: 0x4c,
  and: 0x54,
  andX: 0x5c,
  shiftLeft: 0x64,
  shiftRight: 0x74,
  jump: 0x05,
  jumpIfEqual: 0x15,
  jumpIfEqualX: 0x1d,
  jumpIfGreater: 0x25,
  jumpIfGreaterX: 0x2d,
  jumpIfAtLeast: 0x35,
  jumpIfAtLeastX: 0x3d,
  jumpIfSet: 0x45,
  jumpIfSetX: 0x4d,
  returnConstant: 0x06,
  returnA: 0x16,
  transferToX: 0x07,
  transferToA: 0x87,
} as const;

/** A "packet offset" at which the kernel answers with the device's ARPHRD_ type instead (SKF_AD_OFF + SKF_AD_HATYPE). */
export const hardwareTypeOffset = 0xfffff01c;
/** The same for its interface number (SKF_AD_OFF + SKF_AD_IFINDEX). */
export const interfaceIndexOffset = 0xfffff008;

/** BPF_MAXINSNS */
const maxInstructions = 4096;
const maxJump = 255;

interface Line {
  readonly code: number;
  readonly k: number;
  readonly ifTrue?: string | undefined;
  readonly ifFalse?: string | undefined;
}

/** Builds a program line by line; a jump without a label for one outcome goes on with the next line then. */
export class BpfAssembler {
  readonly #lines: Line[] = [];
  readonly #labels = new Map<string, number>();

  /** Names the next line. */
  label(name: string): this {
    if (this.#labels.has(name)) throw new RangeError(`BPF label ${name} is there twice`);
    this.#labels.set(name, this.#lines.length);
    return this;
  }

  /** A = packet[offset]. A load beyond the end of the packet rejects it. */
  load(size: LoadSize, offset: number): this {
    return this.#add(opcode.loadAbsolute[size], offset);
  }

  /** A = packet[X + offset] */
  loadAtX(size: LoadSize, offset: number): this {
    return this.#add(opcode.loadIndirect[size], offset);
  }

  loadScratch(slot: number): this {
    return this.#add(opcode.loadScratch, slot);
  }

  storeScratch(slot: number): this {
    return this.#add(opcode.storeA, slot);
  }

  setX(value: number): this {
    return this.#add(opcode.indexImmediate, value);
  }

  /** X = A */
  moveToX(): this {
    return this.#add(opcode.transferToX, 0);
  }

  /** A = X */
  moveToA(): this {
    return this.#add(opcode.transferToA, 0);
  }

  add(value: number): this {
    return this.#add(opcode.add, value);
  }

  /** A += X */
  addX(): this {
    return this.#add(opcode.addX, 0);
  }

  and(mask: number): this {
    return this.#add(opcode.and, mask);
  }

  shiftLeft(bits: number): this {
    return this.#add(opcode.shiftLeft, bits);
  }

  shiftRight(bits: number): this {
    return this.#add(opcode.shiftRight, bits);
  }

  /** Any distance ahead: its offset has 32 bits. */
  jump(target: string): this {
    return this.#add(opcode.jump, 0, target);
  }

  jumpIfEqual(value: number, ifTrue?: string, ifFalse?: string): this {
    return this.#add(opcode.jumpIfEqual, value, ifTrue, ifFalse);
  }

  /** Unsigned A >= value. */
  jumpIfAtLeast(value: number, ifTrue?: string, ifFalse?: string): this {
    return this.#add(opcode.jumpIfAtLeast, value, ifTrue, ifFalse);
  }

  /** A & mask != 0 */
  jumpIfSet(mask: number, ifTrue?: string, ifFalse?: string): this {
    return this.#add(opcode.jumpIfSet, mask, ifTrue, ifFalse);
  }

  /** Keeps the packet, cut to `snapLength` bytes. */
  accept(snapLength: number): this {
    return this.#add(opcode.returnConstant, snapLength);
  }

  reject(): this {
    return this.#add(opcode.returnConstant, 0);
  }

  /** @throws RangeError for a label that is missing, behind the jump or too far for 8 bits: mistakes of the programmer */
  assemble(): Instruction[] {
    if (this.#lines.length === 0 || this.#lines.length > maxInstructions)
      throw new RangeError(`a BPF program has 1 to ${maxInstructions} instructions, not ${this.#lines.length}`);
    return this.#lines.map((line, index) => {
      const distance = (target: string | undefined): number => {
        if (target === undefined) return 0;
        const position = this.#labels.get(target);
        if (position === undefined || position >= this.#lines.length)
          throw new RangeError(`BPF label ${target} is missing`);
        if (position <= index) throw new RangeError(`BPF jump back to ${target}: classic BPF has no loops`);
        return position - index - 1;
      };
      if (line.code === opcode.jump) return { code: line.code, jumpTrue: 0, jumpFalse: 0, k: distance(line.ifTrue) };
      const jumpTrue = distance(line.ifTrue);
      const jumpFalse = distance(line.ifFalse);
      if (Math.max(jumpTrue, jumpFalse) > maxJump)
        throw new RangeError(`BPF jump to ${jumpTrue > maxJump ? line.ifTrue : line.ifFalse} is too far for 8 bits`);
      return { code: line.code, jumpTrue, jumpFalse, k: line.k >>> 0 };
    });
  }

  #add(code: number, k: number, ifTrue?: string, ifFalse?: string): this {
    this.#lines.push({ code, k, ifTrue, ifFalse });
    return this;
  }
}

/** As an array of struct sock_filter, for SO_ATTACH_FILTER. */
export function filterBytes(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach((instruction, index) => {
    view.setUint16(index * 8, instruction.code, true);
    view.setUint8(index * 8 + 2, instruction.jumpTrue);
    view.setUint8(index * 8 + 3, instruction.jumpFalse);
    view.setUint32(index * 8 + 4, instruction.k, true);
  });
  return new Uint8Array(view.buffer);
}

/**
 * Runs classic BPF programs outside the kernel: for engines that have no kernel filter of their own, and as the
 * independent half of the filter's tests. Follows net/core/filter.c: a load beyond the packet ends with 0,
 * arithmetic is unsigned and has 32 bits.
 */
import { hardwareTypeOffset, type Instruction, opcode } from './bpf.ts';

/** ARPHRD_ETHER */
const ethernetHardware = 1;

/**
 * How many bytes of the packet the program keeps; 0 rejects it.
 *
 * @param hardwareType the device's ARPHRD_ type, which a program may ask for
 * @throws RangeError for an instruction outside the part of the language that vdiag and tcpdump's compiler use
 */
export function executeFilter(
  program: readonly Instruction[],
  packet: Uint8Array,
  hardwareType: number = ethernetHardware,
): number {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const scratch = new Uint32Array(16);
  let a = 0;
  let x = 0;

  const read = (offset: number, size: number): number | undefined => {
    if (offset === hardwareTypeOffset) return hardwareType;
    if (offset + size > packet.length) return undefined;
    if (size === 4) return view.getUint32(offset);
    return size === 2 ? view.getUint16(offset) : view.getUint8(offset);
  };

  for (let at = 0; at < program.length; at++) {
    const instruction = program[at];
    if (!instruction) break;
    const { code, k } = instruction;
    const branch = (condition: boolean): void => {
      at += condition ? instruction.jumpTrue : instruction.jumpFalse;
    };
    let loaded: number | undefined;
    switch (code) {
      case opcode.loadAbsolute.word:
      case opcode.loadIndirect.word:
      case opcode.loadAbsolute.half:
      case opcode.loadIndirect.half:
      case opcode.loadAbsolute.byte:
      case opcode.loadIndirect.byte: {
        const indirect = (code & 0xe0) === 0x40;
        const size = { 0: 4, 8: 2, 16: 1 }[code & 0x18] ?? 4;
        loaded = read(indirect ? (x + k) >>> 0 : k, size);
        if (loaded === undefined) return 0;
        a = loaded;
        break;
      }
      case opcode.loadImmediate:
        a = k;
        break;
      case opcode.loadScratch:
        a = scratch[k] ?? 0;
        break;
      case opcode.loadLength:
        a = packet.length;
        break;
      case opcode.indexImmediate:
        x = k;
        break;
      case opcode.indexScratch:
        x = scratch[k] ?? 0;
        break;
      case opcode.indexLength:
        x = packet.length;
        break;
      case opcode.indexHeaderLength:
        loaded = read(k, 1);
        if (loaded === undefined) return 0;
        x = (loaded & 0xf) << 2;
        break;
      case opcode.storeA:
        scratch[k] = a;
        break;
      case opcode.storeX:
        scratch[k] = x;
        break;
      case opcode.add:
      case opcode.addX:
        a = (a + (code === opcode.add ? k : x)) >>> 0;
        break;
      case opcode.subtract:
      case opcode.subtractX:
        a = (a - (code === opcode.subtract ? k : x)) >>> 0;
        break;
      case opcode.or:
      case opcode.orX:
        a = (a | (code === opcode.or ? k : x)) >>> 0;
        break;
      case opcode.and:
      case opcode.andX:
        a = (a & (code === opcode.and ? k : x)) >>> 0;
        break;
      case opcode.shiftLeft:
        a = (a << k) >>> 0;
        break;
      case opcode.shiftRight:
        a >>>= k;
        break;
      case opcode.jump:
        at += k;
        break;
      case opcode.jumpIfEqual:
      case opcode.jumpIfEqualX:
        branch(a === (code === opcode.jumpIfEqual ? k : x));
        break;
      case opcode.jumpIfGreater:
      case opcode.jumpIfGreaterX:
        branch(a > (code === opcode.jumpIfGreater ? k : x));
        break;
      case opcode.jumpIfAtLeast:
      case opcode.jumpIfAtLeastX:
        branch(a >= (code === opcode.jumpIfAtLeast ? k : x));
        break;
      case opcode.jumpIfSet:
      case opcode.jumpIfSetX:
        branch((a & (code === opcode.jumpIfSet ? k : x)) !== 0);
        break;
      case opcode.returnConstant:
        return k;
      case opcode.returnA:
        return a;
      case opcode.transferToX:
        x = a;
        break;
      case opcode.transferToA:
        a = x;
        break;
      default:
        throw new RangeError(`unknown BPF instruction 0x${code.toString(16)} at ${at}`);
    }
  }
  throw new RangeError('the BPF program ended without a return');
}

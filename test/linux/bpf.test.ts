import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BpfAssembler, filterBytes, type Instruction } from '../../src/linux/bpf.ts';
import { executeFilter } from '../../src/linux/bpf-machine.ts';
import { droppedFrames, keptFrames } from '../capture/frames.ts';

describe('the BPF assembler', () => {
  it('assembles what tcpdump compiles for arp', () => {
    const program = new BpfAssembler().load('half', 12).jumpIfEqual(0x0806, 'keep', 'drop');
    program.label('keep').accept(262144).label('drop').reject();
    expect(program.assemble()).toEqual([
      { code: 0x28, jumpTrue: 0, jumpFalse: 0, k: 12 },
      { code: 0x15, jumpTrue: 0, jumpFalse: 1, k: 0x0806 },
      { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 262144 },
      { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 0 },
    ]);
  });

  it('lays an instruction out as struct sock_filter', () => {
    const bytes = filterBytes([{ code: 0x15, jumpTrue: 2, jumpFalse: 255, k: 0xfffff01c }]);
    expect([...bytes]).toEqual([0x15, 0, 2, 255, 0x1c, 0xf0, 0xff, 0xff]);
  });

  it('refuses a conditional jump of more than 255 instructions, and allows an unconditional one', () => {
    const far = (jump: (program: BpfAssembler) => void, between: number): Instruction[] => {
      const program = new BpfAssembler();
      jump(program);
      for (let count = 0; count < between; count++) program.add(1);
      return program.label('end').reject().assemble();
    };
    expect(far((program) => program.jumpIfEqual(1, 'end'), 255)[0]?.jumpTrue).toBe(255);
    expect(() => far((program) => program.jumpIfEqual(1, 'end'), 256)).toThrow('BPF jump to end is too far for 8 bits');
    expect(() => far((program) => program.jumpIfSet(1, undefined, 'end'), 256)).toThrow('too far');
    expect(far((program) => program.jump('end'), 1000)[0]?.k).toBe(1000);
  });

  it('refuses labels that are missing, twice there or behind, and empty or endless programs', () => {
    expect(() => new BpfAssembler().jump('nowhere').assemble()).toThrow('BPF label nowhere is missing');
    expect(() => new BpfAssembler().jump('end').label('end').assemble()).toThrow('BPF label end is missing');
    expect(() => new BpfAssembler().label('a').label('a')).toThrow('BPF label a is there twice');
    expect(() => new BpfAssembler().label('loop').add(1).jump('loop').assemble()).toThrow('no loops');
    expect(() => new BpfAssembler().assemble()).toThrow('1 to 4096 instructions, not 0');
    const long = new BpfAssembler();
    for (let count = 0; count < 4097; count++) long.reject();
    expect(() => long.assemble()).toThrow('not 4097');
  });
});

const fileHeader = new Uint8Array(new Uint32Array([0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1]).buffer);
/** Root of a user namespace may not become the user tcpdump wants to be; without a mapped user it does not try. */
const tcpdump = [['tcpdump'], ['unshare', '-U', 'tcpdump']].find(([program = '', ...args]) => {
  const trial = spawnSync(program, [...args, '-r', '-', '-w', '-'], { input: fileHeader });
  return trial.status === 0 && trial.stdout.length === fileHeader.length;
});

describe.skipIf(!tcpdump)('the BPF machine, beside tcpdump', () => {
  it.each([
    'arp or icmp',
    'vlan and icmp',
    'icmp[icmptype] = icmp-echo and icmp[8:4] = 0xdeadbeef',
    'ip6 proto 58 and ip6[40] >= 133 and ip6[40] <= 137',
    'udp port 4789 or (ip[6:2] & 0x1fff != 0)',
    'len > 60 and not ether multicast',
    'ip[0] & 0xf > 5 or tcp[13] & 2 != 0',
  ])('decides as it does: %s', (expression) => {
    const program = compile(expression);
    const templates = [...Object.values(keptFrames), ...Object.values(droppedFrames)];
    const mutated = fc
      .tuple(fc.constantFrom(...templates), fc.nat(70), fc.nat(255), fc.nat(120))
      .map(([frame, at, value, length]) => {
        const copy = frame.slice(0, Math.max(14, length));
        if (at < copy.length) copy[at] = value;
        return copy;
      });
    const frames = [...templates, ...fc.sample(mutated, { numRuns: 300, seed: 20 })];
    const expected = matched(pcap(frames), expression);
    const actual = frames.flatMap((frame, index) => (executeFilter(program, frame) > 0 ? [index] : []));
    expect(actual).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  });
});

/** `tcpdump -ddd`: the number of instructions, then one line of numbers each. */
function compile(expression: string): Instruction[] {
  const text = execFileSync('tcpdump', ['-y', 'EN10MB', '-ddd', expression], { encoding: 'utf8', stdio: 'pipe' });
  const lines = text.trim().split('\n').slice(1);
  return lines.map((line) => {
    const [code = 0, jumpTrue = 0, jumpFalse = 0, k = 0] = line.split(' ').map(Number);
    return { code, jumpTrue, jumpFalse, k };
  });
}

/** Every frame at second 0 and a microsecond of its number, which tells afterwards which ones matched. */
function pcap(frames: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [fileHeader];
  frames.forEach((frame, index) => {
    parts.push(new Uint8Array(new Uint32Array([0, index, frame.length, frame.length]).buffer), frame);
  });
  return Buffer.concat(parts);
}

function matched(file: Uint8Array, expression: string): number[] {
  const [program = '', ...args] = tcpdump ?? [];
  const out = execFileSync(program, [...args, '-r', '-', '-w', '-', expression], { input: file, stdio: 'pipe' });
  const numbers: number[] = [];
  for (let at = 24; at + 16 <= out.length; at += 16 + out.readUInt32LE(at + 8)) numbers.push(out.readUInt32LE(at + 4));
  return numbers;
}

/** Frames and capture files built layer by layer, most of them right: what a mutation of real files seldom reaches. */
import { Blocks, byte, text } from '../capfile/blocks.ts';
import { pcapFile } from '../capfile/pcap-records.ts';
import type { Random } from './random.ts';

const ADDRESSES = ['0a000001', '0a000002', '00000000', 'ffffffff', 'e0000001', '7f000001', 'a9fe0001'];
const PREFIXES = ['fe80000000000000', 'fd00000000000000', 'ff02000000000000', '0000000000000000', '20010db800000000'];

function number(size: number, value: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * (size - 1 - index))) & 0xff);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function some(random: Random, most: number): Uint8Array {
  return Uint8Array.from({ length: random.below(most) }, () => random.below(256));
}

/** Mostly the value that belongs there. */
function mostly(random: Random, value: number, end = 65536): number {
  return random.once(16) ? random.below(end) : value;
}

/** An Ethernet frame with whatever in it; tunnels nest a few times. */
export function builtFrame(random: Random, depth = 0): Uint8Array {
  const [etherType, payload] = network(random, depth);
  const tags = Array.from({ length: random.once(4) ? 1 + random.below(3) : 0 }, () =>
    joined(number(2, random.of([0x8100, 0x88a8, 0x9100])), number(2, random.below(65536))),
  );
  const macs = Uint8Array.from({ length: 12 }, (_, index) =>
    index < 6 && random.once(30) ? 0xff : random.below(4) * 2,
  );
  return joined(macs, ...tags, number(2, etherType), payload);
}

function network(random: Random, depth: number): [number, Uint8Array] {
  switch (random.below(depth > 3 ? 3 : 8)) {
    case 0:
      return [0x0806, arp(random)];
    case 1:
    case 2:
    case 3:
      return [0x0800, ipv4(random, depth)];
    case 4:
    case 5:
      return [0x86dd, ipv6(random, depth)];
    case 6:
      return [0x8847, joined(number(4, random.below(1 << 20) * 4096 + 256 + 64), ipv4(random, depth + 1))];
    default:
      return random.once(2)
        ? [0x8864, joined(number(4, 0x11000001), number(2, 200), number(2, 0x21), ipv4(random, depth + 1))]
        : [random.below(65536), some(random, 80)];
  }
}

function arp(random: Random): Uint8Array {
  const hardware = random.once(8) ? random.below(32) : 6;
  const protocol = random.once(8) ? random.below(32) : 4;
  const address = () => (protocol === 4 ? hex(random.of(ADDRESSES)) : new Uint8Array(protocol));
  const mac = () => new Uint8Array(hardware).fill(random.below(3));
  const head = [mostly(random, 1), mostly(random, 0x800)].map((value) => number(2, value));
  return joined(
    ...head,
    Uint8Array.of(hardware, protocol),
    number(2, 1 + random.below(3)),
    mac(),
    address(),
    mac(),
    address(),
  );
}

function ipv4(random: Random, depth: number): Uint8Array {
  const [protocol, payload] = transport(random, depth, 4);
  const options = random.once(8) ? new Uint8Array(4 * random.below(11)).fill(1) : new Uint8Array(0);
  const words = 5 + options.length / 4;
  const length = mostly(random, 20 + options.length + payload.length);
  const fragment = random.once(8) ? random.below(65536) : random.of([0, 0x4000]);
  return joined(
    Uint8Array.of(mostly(random, 64 + words, 256), 0),
    ...[length, random.below(65536), fragment].map((value) => number(2, value)),
    Uint8Array.of(random.of([64, 63, 1, 0]), mostly(random, protocol, 256), 0, 0),
    hex(random.of(ADDRESSES)),
    hex(random.of(ADDRESSES)),
    options,
    payload,
  );
}

function ipv6(random: Random, depth: number): Uint8Array {
  const [protocol, payload] = transport(random, depth, 6);
  const address = () => joined(hex(random.of(PREFIXES)), number(8, random.below(4)));
  let [next, body] = [protocol, payload];
  for (let extensions = random.once(3) ? random.below(6) : 0; extensions > 0; extensions--) {
    const kind = random.of([0, 43, 44, 51, 60]);
    const units = kind === 44 ? 1 : 1 + random.below(3);
    const rest = new Uint8Array(8 * units - 2).fill(random.below(2));
    body = joined(Uint8Array.of(next, mostly(random, kind === 51 ? units * 2 - 2 : units - 1, 256)), rest, body);
    next = kind;
  }
  return joined(
    number(4, 0x60000000),
    number(2, mostly(random, body.length)),
    Uint8Array.of(next, random.of([64, 255, 1, 0])),
    address(),
    address(),
    body,
  );
}

function transport(random: Random, depth: number, version: 4 | 6): [number, Uint8Array] {
  const data = some(random, 64);
  switch (random.below(depth > 3 ? 4 : 8)) {
    case 0:
    case 1: {
      const types = version === 4 ? [0, 8] : [128, 129];
      return [
        version === 4 ? 1 : 58,
        joined(Uint8Array.of(random.of(types), 0), number(2, 0), number(4, random.below(4)), data),
      ];
    }
    case 2: {
      // An error with what it quotes, or a neighbour's message with options.
      const types = version === 4 ? [3, 4, 5, 11, 12, 13] : [1, 2, 3, 4, 133, 134, 135, 136, 137, 143];
      const quoted = version === 4 ? ipv4(random, depth + 2) : ipv6(random, depth + 2);
      const body = random.once(2)
        ? quoted
        : joined(new Uint8Array(16), Uint8Array.of(random.below(3), random.below(3)), data);
      return [
        version === 4 ? 1 : 58,
        joined(Uint8Array.of(random.of(types), random.below(16)), new Uint8Array(6), body),
      ];
    }
    case 3: {
      const words = mostly(random, 5, 16);
      return [
        6,
        joined(
          new Uint8Array(12).fill(random.below(8)),
          Uint8Array.of(words * 16, random.below(256)),
          new Uint8Array(6),
          data,
        ),
      ];
    }
    case 4:
    case 5: {
      const port = random.of([53, 4789, 8472, 6081, 6635]);
      const inner =
        port === 53
          ? data
          : joined(number(4, random.of([0x08000000, 0x00006558, 0])), number(4, 0x100), builtFrame(random, depth + 1));
      return [
        17,
        joined(number(2, 1000), number(2, port), number(2, mostly(random, 8 + inner.length)), number(2, 0), inner),
      ];
    }
    case 6: {
      const flags = random.of([0, 0x2000, 0x8000, 0xb000]);
      const extra = new Uint8Array(flags === 0xb000 ? 12 : flags === 0 ? 0 : 4);
      return [
        47,
        joined(
          number(2, flags),
          number(2, random.of([0x0800, 0x6558, 0x86dd])),
          extra,
          random.once(2) ? ipv4(random, depth + 1) : builtFrame(random, depth + 1),
        ),
      ];
    }
    default:
      return random.once(2) ? [4, ipv4(random, depth + 1)] : [41, ipv6(random, depth + 1)];
  }
}

function hex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/** A pcap or pcapng file of built frames, the same ones at several interfaces. */
export function builtCapture(random: Random): Uint8Array {
  const frames = Array.from({ length: 1 + random.below(12) }, () => builtFrame(random));
  const linkType = random.once(5) ? random.of([0, 101, 108, 113, 228, 229, 276, 127]) : 1;
  if (random.once(2)) {
    const magic = random.of([0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34]);
    const modified = magic === 0xa1b2cd34 ? { modified: [1, 0] as const } : {};
    const records = frames.map((data, index) => ({
      seconds: random.once(9) ? random.word() : index,
      fraction: random.below(1e6),
      data,
      ...modified,
    }));
    return pcapFile({ little: !random.once(3), magic, linkType }, records);
  }
  const blocks = new Blocks(!random.once(3));
  const interfaces = 1 + random.below(4);
  const names = Array.from({ length: interfaces }, (_, index) =>
    blocks.interface(
      [
        text(2, random.once(6) ? random.of(['', '\u001b[2J', 'a\nb', 'eth0@c1', 'x'.repeat(300)]) : `veth${index}`),
        byte(9, random.of([6, 9, 3, 0x80 + 20, 0, 63, 127, 255])),
      ],
      linkType,
      random.of([0, 64, 262144]),
    ),
  );
  const start = BigInt(random.word()) * 1_000_000n;
  const packets = frames.flatMap((data, index) =>
    names.map((_, id) =>
      random.once(12)
        ? blocks.simple(data.length, data)
        : random.once(12)
          ? blocks.obsolete(mostly(random, id, 9), 0, start, data)
          : blocks.enhanced(
              mostly(random, id, 9),
              start + BigInt(index * 1000 + id),
              data,
              random.once(3) ? [text(1, 'a\u0007b'), byte(2, 1)] : [],
            ),
    ),
  );
  const statistics = random.once(3)
    ? [blocks.block(5, new Uint8Array(12)), blocks.block(0x0a, some(random, 40)), blocks.block(4, some(random, 60))]
    : [];
  return new Uint8Array(Buffer.concat([blocks.section(), ...names, ...packets, ...statistics]));
}

/** Reading pcapng, on blocks made by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWindow } from '../../src/capfile/byte-window.ts';
import { type FileFrame, readCapture, readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { openCaptureFile } from '../../src/capfile/open.ts';
import { PcapngCursor } from '../../src/capfile/pcapng-cursor.ts';
import { Blocks, byte, text } from './blocks.ts';

const DATA = Buffer.from('ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002', 'hex');
const LITTLE = new Blocks(true);

function whole(file: Uint8Array) {
  return readCaptureBytes(file);
}

function problemsOf(file: Uint8Array): [number, string, boolean][] {
  return whole(file).summary.problems.map(({ offset, message, fatal }) => [offset, message, fatal]);
}

async function* inChunks(file: Uint8Array, sizes: readonly number[]) {
  let at = 0;
  for (let turn = 0; at < file.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    // A reused buffer, as a reader of files has: what is kept from it must have been copied.
    const chunk = Buffer.from(file.subarray(at, at + size));
    yield chunk;
    chunk.fill(0xa5);
    at += size;
  }
}

async function streamed(stdin: AsyncIterable<Uint8Array>) {
  const reading = await openCaptureFile('-', { stdin });
  const frames: FileFrame[] = [];
  for await (const frame of readCapture(reading)) frames.push(frame);
  return { frames, summary: reading.summary() };
}

describe.each([
  ['little endian', new Blocks(true)],
  ['big endian', new Blocks(false)],
])('%s', (_name, make) => {
  it('reads interface and packet with all their options', () => {
    const head = Buffer.concat([
      make.section([text(1, 'the verdict'), text(4, 'some program')]),
      make.interface([
        text(2, 'eth0@blue'),
        text(3, 'eth0 in namespace blue'),
        { code: 6, value: Buffer.from('0200000000ff', 'hex') },
        { code: 11, value: Buffer.from('\0icmp or arp') },
        byte(9, 9),
      ]),
    ]);
    const file = Buffer.concat([
      head,
      make.enhanced(
        0,
        1_795_219_240_847_897_680n,
        DATA.subarray(0, 21),
        [
          text(1, 'request-lost'),
          { code: 2, value: make.u32(1 | (3 << 2) | (1 << 9)) },
          { code: 4, value: make.u64(7n) },
          { code: 5, value: make.u64(0x1_0000_0002n) },
          text(1, 'second'),
        ],
        42,
      ),
      make.block(
        5,
        make.u32(0),
        make.u32(0),
        make.u32(0),
        make.options([
          { code: 4, value: make.u64(12n) },
          { code: 5, value: make.u64(3n) },
        ]),
      ),
    ]);
    const { frames, summary } = whole(file);
    expect(frames).toEqual([
      {
        place: { netns: 'blue', name: 'eth0' },
        timeNs: 1_795_219_240_847_897_680n,
        order: 0,
        direction: 'in',
        packetType: 'broadcast',
        originalLength: 42,
        checksumNotReady: true,
        linkType: 'ethernet',
        bytes: new Uint8Array(DATA.subarray(0, 21)),
        number: 1,
        offset: head.length,
        interfaceIndex: 0,
        packetId: 0x1_0000_0002n,
        comments: ['request-lost', 'second'],
      },
    ]);
    expect(summary).toMatchObject({ comments: ['the verdict'], frames: 1, oversized: 0, untimed: 0, problems: [] });
    expect(summary.interfaces).toEqual([
      {
        index: 0,
        section: 0,
        id: 0,
        linkType: 1,
        frameLinkType: 'ethernet',
        snapLength: 0,
        name: 'eth0@blue',
        description: 'eth0 in namespace blue',
        hardware: '',
        filter: 'icmp or arp',
        mac: '02:00:00:00:00:ff',
        clock: { base: 10, exponent: 9, offsetSeconds: 0n },
        addedHeader: 0,
        packets: 1,
        received: 12,
        dropped: 3,
      },
    ]);
  });

  it('gives the drop count of a packet to the cursor', () => {
    const file = Buffer.concat([
      make.section(),
      make.interface(),
      make.enhanced(0, 0n, DATA, [{ code: 4, value: make.u64(0x2_0000_0007n) }]),
      make.obsolete(0, 5, 0n, DATA),
      make.obsolete(0, 0xffff, 0n, DATA),
    ]);
    const cursor = new PcapngCursor();
    const window = ByteWindow.over(file);
    const drops: number[] = [];
    while (cursor.next(window)) drops.push(cursor.dropCount);
    expect(drops).toEqual([0x2_0000_0007, 5, 0]);
  });

  it.each([
    ['microseconds by default', [], 1_000_001n, 1_000_001_000n],
    ['seconds', [byte(9, 0)], 5n, 5_000_000_000n],
    ['nanoseconds', [byte(9, 9)], 1n << 63n, 1n << 63n],
    ['picoseconds, cut', [byte(9, 12)], 1_999n, 1n],
    ['2 ** -10 seconds', [byte(9, 0x8a)], 3n << 9n, 1_500_000_000n],
    ['2 ** -63 seconds', [byte(9, 0xbf)], 1n << 62n, 500_000_000n],
    ['an offset', [byte(9, 9), { code: 14, value: make.u64(100n) }], 5n, 100_000_000_005n],
    ['a negative offset', [{ code: 14, value: make.u64(-1n) }], 3_000_000n, 2_000_000_000n],
  ])('reads time stamps: %s', (_what, options, ticks, timeNs) => {
    const { frames } = whole(Buffer.concat([make.section(), make.interface(options), make.enhanced(0, ticks, DATA)]));
    expect(frames.map((frame) => frame.timeNs)).toEqual([timeNs]);
  });

  it('reads simple packets: snap length, no time but that of the packet before', () => {
    const file = Buffer.concat([
      make.section(),
      make.interface([byte(9, 9), text(2, 'lo')], 1, 20),
      make.simple(42, DATA.subarray(0, 20)),
      make.enhanced(0, 77n, DATA),
      make.simple(14, DATA.subarray(0, 14)),
    ]);
    const { frames, summary } = whole(file);
    expect(
      frames.map(({ timeNs, bytes, originalLength, direction }) => [timeNs, bytes.length, originalLength, direction]),
    ).toEqual([
      [0n, 20, 42, 'unknown'],
      [77n, 42, 42, 'unknown'],
      [77n, 14, 14, 'unknown'],
    ]);
    expect(summary.untimed).toBe(2);
  });

  it('reads obsolete packets with their flags', () => {
    const file = Buffer.concat([
      make.section(),
      make.interface(),
      make.interface([text(2, 'eth1')]),
      make.obsolete(1, 4, 2_000_000n, DATA, [{ code: 2, value: make.u32(2) }]),
    ]);
    expect(whole(file).frames).toMatchObject([
      {
        place: { name: 'eth1' },
        timeNs: 2_000_000_000n,
        direction: 'out',
        packetType: 'outgoing',
        bytes: new Uint8Array(DATA),
      },
    ]);
  });

  it('passes over what it does not know, and names link types it cannot hand on', () => {
    const file = Buffer.concat([
      make.section(),
      make.block(0x0bad, Buffer.alloc(200_000)),
      make.block(4, Buffer.alloc(8)),
      make.interface([], 105),
      make.interface([text(2, 'tun0')], 101),
      make.enhanced(0, 0n, DATA),
      make.block(0x80000001),
      make.enhanced(1, 0n, DATA.subarray(0, 20)),
    ]);
    const { frames, summary } = whole(file);
    expect(frames).toMatchObject([{ linkType: 'raw-ip', number: 2, order: 1, place: { name: 'tun0' } }]);
    expect(summary.skippedLinkTypes).toEqual(new Map([[105, 1]]));
    expect(summary.interfaces.map(({ packets }) => packets)).toEqual([1, 1]);
    expect(summary.problems).toEqual([]);
  });

  it('starts interfaces anew in every section, also in one of the other byte order', () => {
    const other = new Blocks(!make.little);
    const file = Buffer.concat([
      make.section(),
      make.interface([text(2, 'a')]),
      make.enhanced(0, 1n, DATA),
      other.section([], [1, 2]),
      other.interface([text(2, 'b')]),
      other.enhanced(0, 2n, DATA),
      make.section(),
      make.enhanced(0, 3n, DATA),
    ]);
    const { frames, summary } = whole(file);
    expect(frames.map(({ place, timeNs, interfaceIndex }) => [place.name, timeNs, interfaceIndex])).toEqual([
      ['a', 1_000n, 0],
      ['b', 2_000n, 1],
    ]);
    expect(summary.interfaces.map(({ section, id }) => [section, id])).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(summary.problems).toEqual([
      {
        offset: file.length - make.enhanced(0, 3n, DATA).length,
        message: 'a packet of interface 0, which the file does not describe',
        fatal: false,
      },
    ]);
  });

  it('keeps what stands before a cut, at every length, and says where the cut is', () => {
    const blocks = [
      make.section([text(1, 'a comment')]),
      make.interface([text(2, 'eth0'), byte(9, 9)]),
      make.enhanced(0, 1n, DATA, [{ code: 2, value: make.u32(1) }]),
      make.block(0x0bad, Buffer.alloc(24)),
      make.simple(42, DATA),
      make.obsolete(0, 0, 2n, DATA),
    ];
    const file = Buffer.concat(blocks);
    const starts = blocks.map((_block, index) => Buffer.concat(blocks.slice(0, index)).length);
    const packets = [2, 4, 5];
    for (let length = 0; length <= file.length; length++) {
      const { frames, summary } = whole(file.subarray(0, length));
      const complete = blocks.findLastIndex((block, index) => (starts[index] ?? 0) + block.length <= length) + 1;
      expect(frames.length, `${length} bytes`).toBe(packets.filter((packet) => packet < complete).length);
      const atEdge = length === file.length || (length > 0 && starts.includes(length));
      expect(summary.problems.length, `${length} bytes`).toBe(atEdge ? 0 : 1);
      if (!atEdge) expect(summary.problems[0]).toMatchObject({ offset: starts[complete], fatal: true });
    }
  });
});

describe('lengths that lie', () => {
  const head = Buffer.concat([LITTLE.section(), LITTLE.interface([text(2, 'eth0')]), LITTLE.enhanced(0, 1n, DATA)]);
  const tail = LITTLE.enhanced(0, 2n, DATA);
  const changed = (at: number, value: number): Buffer => {
    const block = Buffer.from(tail);
    block.writeUInt32LE(value, at);
    return Buffer.concat([head, block, tail]);
  };

  it.each([
    ['too short for its type', 4, 28, 'a block of type 0x00000006 claims a length of 28 bytes, which none can have'],
    ['zero', 4, 0, 'a block of type 0x00000006 claims a length of 0 bytes, which none can have'],
    ['no multiple of four', 4, 77, 'a block of type 0x00000006 claims a length of 77 bytes, which none can have'],
    ['more than there is', 4, 1 << 20, 'the file ends inside a block: 1048424 of at least 1048576 bytes are missing'],
    ['4 GiB', 4, 0xfffffffc, 'the file ends inside a block: 4294967140 of at least 4294967292 bytes are missing'],
    ['another at the end', 72, 80, 'a block claims a length of 76 bytes at its start and of 80 at its end'],
  ])('block length %s: the reading ends there', (_what, at, value, message) => {
    const { frames } = whole(changed(at, value));
    expect(frames.length).toBe(1);
    expect(problemsOf(changed(at, value))).toEqual([[head.length, message, true]]);
  });

  it('captured length: the packet is left out, the next is read', () => {
    const file = changed(20, 45);
    expect(problemsOf(file)).toEqual([
      [head.length, 'a packet claims 45 captured bytes in a block that has 44', false],
    ]);
    expect(whole(file).frames.map(({ number }) => number)).toEqual([1, 3]);
  });

  it('option length: the packet is read, what stands behind the option is not', () => {
    const block = LITTLE.enhanced(0, 2n, DATA, [{ code: 2, value: LITTLE.u32(1) }, text(1, 'abcd')]);
    block.writeUInt16LE(9, block.length - 4 - 4 - 8 + 2);
    const { frames, summary } = whole(Buffer.concat([head, block, tail]));
    expect(frames.map(({ direction, comments }) => [direction, comments])).toEqual([
      ['unknown', []],
      ['in', []],
      ['unknown', []],
    ]);
    expect(summary.problems).toEqual([
      { offset: head.length, message: 'an option claims more bytes than its block has', fatal: false },
    ]);
  });

  it('an interface with a lying option is still counted, so that packets name the right one', () => {
    const bad = LITTLE.interface([text(2, 'eth0')]);
    bad.writeUInt16LE(99, 18);
    const file = Buffer.concat([
      LITTLE.section(),
      bad,
      LITTLE.interface([text(2, 'eth1')]),
      LITTLE.enhanced(1, 1n, DATA),
      LITTLE.enhanced(0, 1n, DATA),
    ]);
    expect(whole(file).frames.map(({ place }) => place.name)).toEqual(['eth1', 'interface 0']);
    expect(whole(file).summary.problemCount).toBe(1);
  });

  it('a packet larger than is kept in memory is passed over and counted', () => {
    const large = LITTLE.enhanced(0, 2n, Buffer.alloc(17 << 20));
    const { frames, summary } = whole(Buffer.concat([head, large, tail]));
    expect(frames.map(({ number }) => number)).toEqual([1, 3]);
    expect(summary).toMatchObject({ frames: 3, oversized: 1, problems: [] });
  });

  it('a claim of 4 GiB in a small file takes no memory, as a stream too', async () => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const file = changed(4, 0xfffffffc);
    const chunks = async function* () {
      for await (const chunk of inChunks(file, [7])) {
        yield chunk;
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
    };
    const { frames, summary } = await streamed(chunks());
    expect(frames.length).toBe(1);
    expect(summary.problems).toHaveLength(1);
    expect(most).toBeLessThan(1 << 20);
  });

  it('keeps the first problems and the fatal one, and counts the rest', () => {
    const orphans = Array.from({ length: 100 }, () => LITTLE.enhanced(9, 0n, DATA));
    const { summary } = whole(Buffer.concat([head, ...orphans, Buffer.alloc(3)]));
    expect(summary.problemCount).toBe(101);
    expect(summary.problems.length).toBe(32);
    expect(summary.problems.at(-1)).toMatchObject({
      fatal: true,
      message: 'the file ends inside a block: 9 of at least 12 bytes are missing',
    });
  });
});

describe('files that are no pcapng', () => {
  it.each([
    ['empty', Buffer.alloc(0), 'the file is empty'],
    [
      'text',
      Buffer.from('12:00:00.000000 ARP, Request who-has'),
      'no pcapng file: it does not start with a section header',
    ],
    [
      'a damaged magic number',
      Buffer.from('0a0d0d0a1c0000001a2b3c4e', 'hex'),
      'a section header names no byte order: its magic number is damaged',
    ],
    ['version 2.0', LITTLE.section([], [2, 0]), 'pcapng version 2.0 is not known: vdiag reads 1.0'],
    ['version 1.1', LITTLE.section([], [1, 1]), 'pcapng version 1.1 is not known: vdiag reads 1.0'],
  ])('%s', (_what, file, message) => {
    expect(problemsOf(file)).toEqual([[0, message, true]]);
  });
});

describe('any input', () => {
  const make = new Blocks(false);
  const start = Buffer.concat([LITTLE.section([text(1, 'c')]), LITTLE.interface([text(2, 'eth0@x'), byte(9, 9)])]);
  const file = Buffer.concat([
    start,
    LITTLE.enhanced(0, 1n, DATA, [
      text(1, 'hello'),
      { code: 2, value: LITTLE.u32(1) },
      { code: 5, value: LITTLE.u64(3n) },
    ]),
    LITTLE.block(0x0bad, Buffer.alloc(300)),
    LITTLE.simple(42, DATA),
    make.section(),
    make.interface([byte(9, 0x86)]),
    make.obsolete(0, 1, 9n, DATA),
    make.enhanced(0, 10n, DATA),
  ]);

  it('reads the same from a stream, however it is cut into chunks', async () => {
    const expected = whole(file);
    expect(expected.frames.length).toBe(4);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 8 }), async (sizes) => {
        const { frames, summary } = await streamed(inChunks(file, sizes));
        expect(frames).toEqual(expected.frames);
        expect(summary).toEqual(expected.summary);
      }),
    );
  });

  it('ends with frames or a problem, never with an exception: damaged files', () => {
    const changes = fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(changes, fc.nat(file.length), (edits, cut) => {
        const damaged = Buffer.from(file.subarray(0, file.length - (cut % 3 === 0 ? cut : 0)));
        for (const [at, value] of edits) if (at < damaged.length) damaged[at] = value;
        const { frames, summary } = whole(damaged);
        expect(frames.length).toBeLessThanOrEqual(summary.frames);
        for (const { offset } of summary.problems) expect(offset).toBeLessThanOrEqual(damaged.length);
        for (const { bytes } of frames) expect(bytes.length).toBeLessThanOrEqual(damaged.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('ends with a problem, never with an exception: any bytes behind a good start', () => {
    fc.assert(
      // Too short for a block, or a type and length that no block has.
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        if (bytes.length > 4) bytes[4] = (bytes[4] ?? 0) | 1;
        const { summary } = whole(Buffer.concat([start, bytes]));
        expect(summary.problems).toMatchObject([{ offset: start.length, fatal: true }]);
        expect(summary.problems[0]?.message).toMatch(/^[\x20-\x7e]+$/);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps frames of its own memory', () => {
    const bytes = Buffer.from(file);
    const { frames } = whole(bytes);
    bytes.fill(0);
    expect(frames[0]?.bytes).toEqual(new Uint8Array(DATA));
  });
});

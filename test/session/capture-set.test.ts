/** Several captures as one: clocks brought together, places told apart, frames in order of time, frames found again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VdiagError } from '../../src/linux/error.ts';
import type { FrameTaker } from '../../src/session/capture-member.ts';
import { CaptureSet, type CaptureSetOptions } from '../../src/session/capture-set.ts';
import { splitFrame } from '../../src/session/frame-number.ts';
import { parseMoment } from '../../src/session/moment.ts';
import type { CaptureInput } from '../../src/session/source-place.ts';
import { ZERO_NS } from '../trace/frames.ts';
import { ahead, pcapng, pings, placesOf, written } from './written.ts';

interface Taken {
  readonly place: string;
  readonly ns: bigint;
  readonly file: number;
  readonly number: number;
  readonly direction: number;
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdiag-set-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All frames as the set hands them over, its places and clocks. */
async function read(inputs: readonly CaptureInput[], options: CaptureSetOptions = {}) {
  const set = await CaptureSet.open(inputs, options);
  try {
    const taken: (readonly [number, number, number, number])[] = [];
    const taker: FrameTaker = {
      loopbacks: new Set(),
      add: (_view, _start, _end, _type, place, direction, ns, number) => {
        taken.push([place, ns, number, direction]);
      },
    };
    await set.each(taker, async () => true);
    const frames = taken.map(([place, ns, number, direction]): Taken => {
      const { file, frame: inFile } = splitFrame(number);
      return { place: nameOf(set, place), ns: set.time(ns), file, number: inFile, direction };
    });
    return { frames, places: set.places.map((_, index) => nameOf(set, index)), clocks: set.clocks };
  } finally {
    set.close();
  }
}

function nameOf(set: CaptureSet, index: number): string {
  const { netns, name } = set.place(index);
  return netns === '' ? name : `${name}@${netns}`;
}

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

describe('the clocks of two captures', () => {
  const both = pings(5, ['eth0', 'eth1']);

  it('3.7 seconds apart are brought together, to within the way between them', async () => {
    const here = written(folder, 'here.pcapng', placesOf(both, 'eth0'));
    const there = written(folder, 'there.pcapng', ahead(placesOf(both, 'eth1'), 3700));
    const { frames, clocks } = await read([{ path: here }, { path: there }]);
    expect(clocks[0]).toBeUndefined();
    expect(clocks[1]?.packets).toBe(10);
    expect(Math.abs((clocks[1]?.offsetNs ?? 0) - 3.7e9)).toBeLessThanOrEqual(clocks[1]?.uncertaintyNs ?? 0);
    // In order of time, and each packet at both places in turn.
    expect(frames.map(({ ns }) => ns)).toEqual(frames.map(({ ns }) => ns).sort((a, b) => (a < b ? -1 : 1)));
    expect(frames.slice(0, 4).map(({ place }) => place)).toEqual(['eth0', 'eth1', 'eth1', 'eth0']);
  });

  it('that agree are left alone', async () => {
    const here = written(folder, 'here.pcapng', placesOf(both, 'eth0'));
    const there = written(folder, 'there.pcapng', placesOf(both, 'eth1'));
    const { frames, clocks } = await read([{ path: here }, { path: there }]);
    expect(clocks[1]?.offsetNs).toBe(0);
    expect(frames.map(({ ns }) => ns - ZERO_NS).slice(0, 2)).toEqual([1_000_000_000n, 1_000_010_000n]);
  });

  it('of a third one that shares packets with the second only follow the second', async () => {
    const far = pings(5, ['eth1', 'eth2'], 50);
    const paths = [
      written(folder, 'a.pcapng', placesOf(both, 'eth0')),
      written(folder, 'b.pcapng', ahead([...placesOf(both, 'eth1'), ...placesOf(far, 'eth1')], 3700)),
      written(folder, 'c.pcapng', ahead(placesOf(far, 'eth2'), -9000)),
    ];
    const { clocks } = await read(paths.map((path) => ({ path })));
    const offset = (index: number) => Math.round((clocks[index]?.offsetNs ?? Number.NaN) / 1e6);
    expect([offset(1), offset(2)]).toEqual([3700, -9000]);
  });

  it('of captures that saw nothing alike are not compared', async () => {
    const here = written(folder, 'here.pcapng', placesOf(both, 'eth0'));
    const there = written(folder, 'other.pcapng', placesOf(pings(5, ['eth7'], 100), 'eth7'));
    expect((await read([{ path: here }, { path: there }])).clocks).toEqual([undefined, undefined]);
  });
});

describe('the places of captures', () => {
  it('with equal interface names on two machines are told apart by the files', async () => {
    const frames = pings(3, ['eth0']);
    const web = written(folder, 'web.pcapng', frames);
    const db = written(folder, 'db.pcapng', frames);
    expect((await read([{ path: web }, { path: db }])).places).toEqual(['eth0', 'eth0 (db)']);
  });

  it('are one where the files are parts of a ring, one after the other', async () => {
    const parts = [1, 2, 3].map((part) => written(folder, `ring-${part}.pcapng`, pings(3, ['eth0', 'br0'], part * 10)));
    const { places, frames } = await read(parts.map((path) => ({ path })));
    expect(places).toEqual(['eth0', 'br0']);
    expect(frames.map(({ file }) => file)).toEqual([...Array(12).fill(0), ...Array(12).fill(1), ...Array(12).fill(2)]);
  });

  it('are named as the user says, or by the file where nothing names them', async () => {
    const path = join(folder, 'uplink.pcap');
    writeFileSync(path, plain());
    expect((await read([{ path }])).places).toEqual(['uplink']);
    expect((await read([{ path, name: 'eth0' }])).places).toEqual(['eth0']);
    expect((await read([{ path, name: 'eth0@web' }])).places).toEqual(['eth0@web']);
    // Several interfaces in one file: the name is that of the machine.
    const two = written(folder, 'two.pcapng', pings(2, ['eth0', 'br0']));
    expect((await read([{ path: two, name: 'web' }])).places).toEqual(['eth0@web', 'br0@web']);
  });

  it('of tcpdump -i any have the numbers of the kernel', async () => {
    const path = join(folder, 'any.pcap');
    writeFileSync(path, cooked([1, 4, 2]));
    expect((await read([{ path }])).places).toEqual(['lo', 'interface 4', 'interface 2']);
    expect((await read([{ path, name: 'web' }])).places).toEqual(['lo@web', 'interface 4@web', 'interface 2@web']);
  });

  it('that sighted nothing are places too', async () => {
    const path = join(folder, 'silent.pcapng');
    const frames = pings(1, ['eth0', 'br0']);
    writeFileSync(path, pcapng(frames));
    const { places, frames: taken } = await read([{ path }], { until: parseMoment('+0') });
    expect(places).toEqual(['eth0', 'br0']);
    expect(taken.map(({ place }) => place)).toEqual(['eth0']);
  });
});

describe('the frames of captures', () => {
  it('come in order of time although the file has them in another one', async () => {
    const bytes = pcapng(pings(3, ['eth0', 'br0']));
    const path = join(folder, 'mixed.pcapng');
    writeFileSync(path, bytes);
    const shuffled = join(folder, 'shuffled.pcapng');
    writeFileSync(shuffled, reversedPackets(bytes));
    const [inOrder, again] = [await read([{ path }]), await read([{ path: shuffled }])];
    expect(again.frames.map(({ ns, place }) => [ns, place])).toEqual(
      inOrder.frames.map(({ ns, place }) => [ns, place]),
    );
    expect(again.frames[0]?.number).toBe(12);
  });

  it('between two moments are those that are wanted', async () => {
    const path = written(folder, 'span.pcapng', pings(10, ['eth0']));
    const since = parseMoment('+2');
    const until = parseMoment('+4.1');
    const seconds = (taken: readonly Taken[]) => [
      ...new Set(taken.map(({ ns }) => Number((ns - ZERO_NS) / 1_000_000_000n))),
    ];
    expect(seconds((await read([{ path }], { since, until })).frames)).toEqual([3, 4, 5]);
    expect(
      seconds((await read([{ path }], { since: { kind: 'absolute', ns: ZERO_NS + 9_000_000_000n } })).frames),
    ).toEqual([9, 10]);
    expect((await read([{ path }], { until: { kind: 'absolute', ns: 0n } })).frames).toEqual([]);
  });

  it('of a stream, compressed or not, are those of the file', async () => {
    const frames = pings(4, ['eth0', 'br0']);
    const bytes = pcapng(frames);
    const path = written(folder, 'stream.pcapng', frames);
    const expected = (await read([{ path }])).frames;
    for (const stream of [chunks(bytes), chunks(bytes.subarray(0, 333), bytes.subarray(333)), chunks(gzipSync(bytes))])
      expect((await read([{ path: '-' }], { stdin: stream })).frames).toEqual(expected);
  });

  it('of standard input are read once', async () => {
    await expect(CaptureSet.open([{ path: '-' }, { path: '-' }])).rejects.toThrow(VdiagError);
  });

  it('may be pasted as text', async () => {
    const path = join(folder, 'pasted.txt');
    const line = (time: string, what: string) =>
      `${time} IP 10.9.0.2 > 10.9.0.3: ICMP echo request, id 7, seq ${what}, length 64\n`;
    writeFileSync(
      path,
      `listening on veth1, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n${line('12:00:00.000000', '1')}${line('12:00:01.000000', '2')}`,
    );
    const { places, frames } = await read([{ path }]);
    expect(places).toEqual(['veth1']);
    expect(frames).toHaveLength(2);
    expect((frames[1]?.ns ?? 0n) - (frames[0]?.ns ?? 0n)).toBe(1_000_000_000n);
  });

  it.each(['file', 'stream'])('are found again by their time, from a %s', async (kind) => {
    const frames = pings(20, ['eth0', 'br0']);
    const path = kind === 'file' ? written(folder, 'again.pcapng', frames) : '-';
    const set = await CaptureSet.open([{ path }], { stdin: chunks(pcapng(frames)) });
    try {
      await set.each({ loopbacks: new Set(), add: () => {} }, async () => true);
      const from = set.relative(ZERO_NS + 5_000_000_000n);
      const found = await set.revisit([{ fromNs: from, untilNs: from + 1e6 }], () => true, 100);
      expect(found?.map(({ place, timeNs }) => [place.name, timeNs - ZERO_NS])).toEqual([
        ['eth0', 5_000_000_000n],
        ['br0', 5_000_010_000n],
        ['br0', 5_000_500_000n],
        ['eth0', 5_000_510_000n],
      ]);
      expect(await set.revisit([{ fromNs: 0, untilNs: 1e18 }], () => true, 7)).toHaveLength(7);
      expect(await set.revisit([{ fromNs: 0, untilNs: 1e18 }], () => false, 7)).toEqual([]);
    } finally {
      set.close();
    }
  });

  it('stop coming when nobody wants more', async () => {
    const path = join(folder, 'many.pcapng');
    const bytes = pcapng(pings(1, ['eth0']));
    const blocks = blocksOf(bytes);
    const [packet = Buffer.alloc(0)] = blocks.packets;
    writeFileSync(path, Buffer.concat([...blocks.before, ...Array<Buffer>(300_000).fill(packet)]));
    const set = await CaptureSet.open([{ path }]);
    let taken = 0;
    await set.each({ loopbacks: new Set(), add: () => taken++ }, async () => false);
    set.close();
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(300_000);
  });
});

/** A pcap file of one ping: nothing in it names the interface. */
function plain(): Buffer {
  const [request] = pings(1, ['eth0']);
  const bytes = request?.bytes ?? new Uint8Array(0);
  const header = Buffer.alloc(24 + 16);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262144, 16);
  header.writeUInt32LE(1, 20);
  header.writeUInt32LE(1_700_000_000, 24);
  header.writeUInt32LE(bytes.length, 32);
  header.writeUInt32LE(bytes.length, 36);
  return Buffer.concat([header, bytes]);
}

/** A pcap file of LINKTYPE_LINUX_SLL2: a ping on each of these interfaces. */
function cooked(indexes: readonly number[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262144, 16);
  header.writeUInt32LE(276, 20);
  const [request] = pings(1, ['eth0']);
  const packet = (request?.bytes ?? new Uint8Array(0)).subarray(14);
  const records = indexes.map((index, at) => {
    const record = Buffer.alloc(16 + 20);
    record.writeUInt32LE(1_700_000_000 + at, 0);
    record.writeUInt32LE(20 + packet.length, 8);
    record.writeUInt32LE(20 + packet.length, 12);
    record.writeUInt16BE(0x0800, 16);
    record.writeUInt32BE(index, 20);
    record.writeUInt16BE(1, 24);
    return Buffer.concat([record, packet]);
  });
  return Buffer.concat([header, ...records]);
}

/** The packet blocks of a file the other way round; interface descriptions stay in front. */
function reversedPackets(file: Buffer): Buffer {
  const { before, packets, behind } = blocksOf(file);
  return Buffer.concat([...before, ...packets.reverse(), ...behind]);
}

function blocksOf(file: Buffer): { readonly before: Buffer[]; readonly packets: Buffer[]; readonly behind: Buffer[] } {
  const blocks: { before: Buffer[]; packets: Buffer[]; behind: Buffer[] } = { before: [], packets: [], behind: [] };
  for (let at = 0; at < file.length; ) {
    const [type, length] = [file.readUInt32LE(at), file.readUInt32LE(at + 4)];
    const block = file.subarray(at, at + length);
    if (type === 6) blocks.packets.push(block);
    else (type === 5 ? blocks.behind : blocks.before).push(block);
    at += length;
  }
  return blocks;
}

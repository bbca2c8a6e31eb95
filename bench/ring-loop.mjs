/** Nanoseconds that reading one frame out of the ring costs, without a kernel: blocks of 128 KiB full of small frames, read again and again. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { median, modulesOf } from './measure.mjs';

const modules = await modulesOf('capture/ring-block');
const { BlockCursor, ringMemory } = await import(pathToFileURL(join(modules, 'capture/ring-block.js')).href);

const BLOCK = 1 << 17;
const KEPT = 106;
const memory = ringMemory(new ArrayBuffer(BLOCK));
const view = new DataView(memory.bytes.buffer);
const step = (48 + 20 + 14 + KEPT + 15) & ~15;
const packets = Math.floor((BLOCK - 48) / step);
for (let packet = 0; packet < packets; packet++) {
  const at = 48 + packet * step;
  const words = [packet + 1 === packets ? 0 : step, 1_700_000_000, packet * 1000, KEPT, KEPT, 1];
  for (const [index, value] of words.entries()) view.setUint32(at + index * 4, value, true);
  view.setUint16(at + 24, 82, true);
  view.setUint16(at + 26, 96, true);
  view.setUint32(at + 52, 1 + (packet % 3), true);
  view.setUint16(at + 56, 1, true);
  view.setUint8(at + 58, packet % 2 === 0 ? 4 : 0);
}
view.setUint32(12, packets, true);
view.setUint32(16, 48, true);
view.setUint32(20, 48 + packets * step, true);

const places = [1, 2, 3, 4].map((index) => ({ netns: 'n', name: `veth${index}` }));
const cursor = new BlockCursor(memory, { blockSizeBytes: BLOCK, place: (index) => places[index] });
let bytes = 0;
/** One packet: looked at where it lies, as when it is written; or as a frame of its own, as when it is joined with others. */
const ways = {
  'a packet': () => (bytes += cursor.length),
  'a frame': () => (bytes += cursor.frame().bytes.length),
};
for (const [name, take] of Object.entries(ways)) {
  const rounds = [];
  for (let round = 0; round < 12; round++) {
    const begun = process.cpuUsage().user;
    for (let block = 0; block < 400; block++) {
      cursor.enter(0);
      while (cursor.next()) take();
    }
    if (round > 1) rounds.push(((process.cpuUsage().user - begun) * 1000) / (400 * packets));
  }
  const [least, most] = [Math.min(...rounds).toFixed(0), Math.max(...rounds).toFixed(0)];
  console.log(`${packets} packets a block: ${median(rounds).toFixed(0)} ns ${name} (${least}–${most})`);
}
if (bytes !== Object.keys(ways).length * 12 * 400 * packets * KEPT) throw new Error('packets are missing');

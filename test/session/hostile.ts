/** A capture made to cost memory: every frame another address, another flow, another way. */
import { createPcapngWriter } from '../../src/capfile/pcapng-writer.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { echo } from '../trace/frames.ts';

const PER_CHUNK = 1000;
const ENHANCED_HEADER = 28;

/** @param interfaces of the section; frame after frame comes from another one */
export async function* hostileCapture(frames: number, interfaces: number): AsyncGenerator<Uint8Array> {
  const places = Array.from({ length: interfaces }, (_, index) => ({ netns: 'home', name: `veth${index}` }));
  yield createPcapngWriter({ home: 'home', places }).begin();
  const packet = encodeFrame(echo('request', 1, { data: new Uint8Array(8) }));
  const length = ENHANCED_HEADER + Math.ceil(packet.length / 4) * 4 + 4;
  for (let sent = 0; sent < frames; sent += PER_CHUNK) {
    // A chunk is the reader's once it was handed over.
    const chunk = Buffer.alloc(PER_CHUNK * length);
    for (let index = 0; index < PER_CHUNK; index++)
      block(chunk, index * length, length, packet, sent + index, interfaces);
    yield chunk;
  }
}

function block(into: Buffer, at: number, length: number, packet: Uint8Array, number: number, interfaces: number): void {
  const ns = 1_700_000_000_000_000_000n + BigInt(number) * 1000n;
  into.writeUInt32LE(6, at);
  into.writeUInt32LE(length, at + 4);
  // Two sightings of each packet, at any two places.
  const which = number >>> 1;
  into.writeUInt32LE((Math.imul(number, 0x9e3779b1) >>> 0) % interfaces, at + 8);
  into.writeUInt32LE(Number(ns >> 32n), at + 12);
  into.writeUInt32LE(Number(ns & 0xffffffffn), at + 16);
  into.writeUInt32LE(packet.length, at + 20);
  into.writeUInt32LE(packet.length, at + 24);
  into.set(packet, at + ENHANCED_HEADER);
  const ip = at + ENHANCED_HEADER + 14;
  into.writeUInt32BE(Math.imul(which, 0x85ebca6b) >>> 0, ip + 12);
  into.writeUInt32BE(Math.imul(which, 0xc2b2ae35) >>> 0, ip + 16);
  into.writeUInt32LE(length, at + length - 4);
}

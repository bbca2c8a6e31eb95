/** Captures made of built frames, written into a folder of their own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pcapngChunks } from '../../src/capfile/pcapng-writer.ts';
import type { Frame } from '../../src/trace/frame.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { echo, frame } from '../trace/frames.ts';

export const SECOND = 1_000_000;

/** The frames of one packet: sighted 10 µs later at each further place. @param at of the first, microseconds */
export function pass(visits: readonly string[], at: number, packet: Packet): Frame[] {
  return visits.map((visit, index) => frame(visit, at + index * 10, packet));
}

/** Pings a second apart, from the first place to the last, answered after half a millisecond. */
export function pings(count: number, places: readonly string[], first = 1): Frame[] {
  const back = [...places].reverse();
  return Array.from({ length: count }, (_, index) => {
    const at = (first + index) * SECOND;
    return [
      ...pass(
        places.map((place, hop) => `${place} ${hop === 0 ? 'out' : 'in'}`),
        at,
        echo('request', first + index),
      ),
      ...pass(
        back.map((place, hop) => `${place} ${hop === 0 ? 'out' : 'in'}`),
        at + 500,
        echo('reply', first + index),
      ),
    ];
  }).flat();
}

export function pcapng(frames: readonly Frame[]): Buffer {
  return Buffer.concat([...pcapngChunks(frames, { home: 'home' })]);
}

export function written(folder: string, name: string, frames: readonly Frame[]): string {
  const path = join(folder, name);
  writeFileSync(path, pcapng(frames));
  return path;
}

/** As another recorder has them whose clock is so many milliseconds ahead. */
export function ahead(frames: readonly Frame[], milliseconds: number): Frame[] {
  return frames.map((each) => ({ ...each, timeNs: each.timeNs + BigInt(Math.round(milliseconds * 1e6)) }));
}

export function placesOf(frames: readonly Frame[], ...names: readonly string[]): Frame[] {
  return frames.filter(({ place }) => names.includes(place.name));
}

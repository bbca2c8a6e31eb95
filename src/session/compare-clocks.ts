/** Brings the clocks of several recorders together, by the packets that more than one of them saw. */
import type { CaptureInterface } from '../capfile/capture-interface.ts';
import { cursorTimeNs } from '../capfile/frame-cursor.ts';
import { type CaptureFile, openCaptureFile } from '../capfile/open.ts';
import { RelativeTime } from '../capfile/relative-time.ts';
import { AddressTable } from '../survey/addresses.ts';
import { type ClockDifference, ClockSample } from '../survey/clocks.ts';

const LINKTYPE_RAW = 101;

/** How a frame begins: what remains when an added header is taken off is an IP packet. */
export function linkTypeOf(source: CaptureInterface): number {
  return source.addedHeader > 0 ? LINKTYPE_RAW : source.linkType;
}

/**
 * How the clock of each capture differs, to be taken from its times; undefined where too little was seen by it and another. Only files
 * can be looked at beforehand.
 */
export async function compareClocks(
  captures: readonly { readonly path: string; readonly file: CaptureFile }[],
): Promise<(ClockDifference | undefined)[]> {
  if (captures.length < 2) return captures.map(() => undefined);
  const addresses = new AddressTable();
  const samples: (ClockSample | undefined)[] = [];
  const base: { time?: RelativeTime } = {};
  for (const { path, file } of captures)
    samples.push(file.sizeBytes === undefined ? undefined : await sampleOf(path, addresses, base));
  return aligned(samples);
}

async function sampleOf(path: string, addresses: AddressTable, base: { time?: RelativeTime }): Promise<ClockSample> {
  const sample = new ClockSample(addresses);
  const file = await openCaptureFile(path);
  let time: RelativeTime | undefined;
  try {
    do
      while (file.cursor.next(file.window)) {
        const { cursor, window } = file;
        base.time ??= new RelativeTime(cursorTimeNs(cursor));
        time ??= new RelativeTime(base.time.baseNs);
        const ns = time.ns(cursor.source, cursor.ticksHigh, cursor.ticksLow);
        sample.add(window.view, cursor.start, cursor.end, linkTypeOf(cursor.source), ns);
        if (sample.full) return sample;
      }
    while (await file.fill());
    return sample;
  } finally {
    file.close();
  }
}

/**
 * From the first file on, to every file that shares packets with one that is aligned already. Files that share none with those may
 * still share some with each other: they are brought together by themselves.
 */
function aligned(samples: readonly (ClockSample | undefined)[]): (ClockDifference | undefined)[] {
  const clocks: (ClockDifference | undefined)[] = samples.map(() => undefined);
  const done = new Set<number>();
  for (const root of samples.keys()) {
    if (done.has(root)) continue;
    done.add(root);
    const group = [root];
    for (const from of group)
      for (const [to, sample] of samples.entries()) {
        if (done.has(to)) continue;
        const difference = sample && samples[from]?.difference(sample);
        if (!difference) continue;
        clocks[to] = { ...difference, offsetNs: (clocks[from]?.offsetNs ?? 0) + difference.offsetNs };
        if (from === root && root > 0) clocks[root] ??= { ...difference, offsetNs: 0 };
        done.add(to);
        group.push(to);
      }
  }
  return clocks;
}

/** The last minute of a live view as a pcapng, with the state of the kernel beside it: `vdiag analyze` and Wireshark read it. */
import { companionPath, saveCompanion } from '../capfile/companion.ts';
import { pcapngChunks } from '../capfile/pcapng-writer.ts';
import type { Topology } from '../topology/model.ts';
import type { Frame, Place } from '../trace/frame.ts';
import { version } from '../version.ts';
import { openOutputFile, replaceFile } from './record-file.ts';
import { SNAP_LENGTH } from './watch-places.ts';

export interface Minute {
  readonly frames: readonly Frame[];
  readonly topology: Topology;
  readonly places: readonly Place[];
  /** Exchanges that were left out. */
  readonly leftOut: number;
}

/**
 * Writes it, and its companion.
 * @returns how many bytes the capture has
 * @throws VdiagError unwritable
 */
export function writeMinute(path: string, { frames, topology, places, leftOut }: Minute): number {
  const file = openOutputFile(path);
  const note = leftOut === 0 ? '' : `; of a flood ${leftOut} exchanges were left out whole`;
  const coverage = {
    engine: 'packet-ring' as const,
    places,
    fromNs: frames[0]?.timeNs ?? 0n,
    untilNs: frames.at(-1)?.timeNs ?? 0n,
    framesCaptured: frames.length,
    lost: [],
    gaps: leftOut === 0 ? [] : [`${leftOut} exchanges were left out whole: there were too many`],
  };
  try {
    const chunks = pcapngChunks(
      frames,
      {
        home: topology.home,
        comment: `vdiag watch: ARP, neighbour discovery, echoes and ICMP errors of the last minute${note}`,
        application: `vdiag ${version()}`,
        operatingSystem: `Linux ${topology.kernel}`,
        places,
        snapLength: SNAP_LENGTH,
      },
      undefined,
      coverage,
    );
    for (const chunk of chunks) file.append(chunk);
    const companion = { schema: 'vdiag.companion/1' as const, complete: true, before: topology, coverage };
    if (file.isRegular) replaceFile(companionPath(path), saveCompanion(companion));
    return file.bytes;
  } finally {
    file.close();
  }
}

/** "vdiag-watch-120001.pcapng": of the time of the day. */
export function minutePath(date: Date): string {
  const digits = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `vdiag-watch-${digits.join('')}.pcapng`;
}

/**
 * Captures whose truth is known to the packet: every lost packet at the right hop, none invented, every exchange and every nanosecond.
 * Their generator lies beside the project; without it, or without a compiler, the test says so and is skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HAS_CORPUS } from '../capfile/corpus.ts';
import { compileGenerator, differences, generate, TINY, whyNot } from './truth.ts';

const why = whyNot();
const MIB = 2 ** 20;

/** Hosts that come with and without a VLAN tag or a router between, doubled frames, reversed stamps, and a file out of order: --hard. */
const RUNS: readonly (readonly [number, number, readonly string[]])[] = [
  [2, 1, ['--profile', 'icmp']],
  [2, 2, ['--profile', 'icmp', '--be']],
  [2, 3, ['--profile', 'icmp', '--hard']],
  // A packet with reversed stamps, the first of its sender, that is lost behind them.
  [4, 12, ['--profile', 'icmp', '--hard']],
  [2, 5, ['--profile', 'mixed']],
  [2, 6, ['--profile', 'mixed', '--hard', '--be']],
  // More packets than are put in order of time beforehand.
  [8, 7, ['--profile', 'icmp', '--hard']],
];

describe.skipIf(!HAS_CORPUS)('a small capture with known truth (skipped where ../shared/corpus is not there)', () => {
  it('is analyzed exactly', async () => {
    expect(await differences(TINY)).toEqual([]);
  });
});

describe.skipIf(why !== undefined)(`generated captures${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  let folder = '';
  let program = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-truth-'));
    program = compileGenerator(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(RUNS)('of %i MiB, seed %i, %j are analyzed exactly', async (mib, seed, words) => {
    const path = join(folder, 'generated.pcapng');
    generate(program, path, ['--bytes', `${mib * MIB}`, '--seed', `${seed}`, ...words]);
    expect(await differences(path)).toEqual([]);
  });
});

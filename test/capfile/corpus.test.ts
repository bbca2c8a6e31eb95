/**
 * Every pcapng file of the corpus of captures, against what an independent reader and tshark say of it.
 * The corpus lies beside the project and is not part of it; without it the test says so and is skipped.
 */
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CaptureSummary } from '../../src/capfile/frame-cursor.ts';
import { JsonValue } from '../../src/capfile/json-value.ts';
import { clockTimeNs } from '../../src/capfile/pcapng-interface.ts';
import { type FileFrame, readPcapng, readPcapngStream } from '../../src/capfile/pcapng-reader.ts';
import { problemText } from '../../src/capfile/problem.ts';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));

/** Refused on purpose, by tshark and libpcap too: the version of a section, and the packets that stand before it. */
const REFUSED: ReadonlyMap<string, readonly [string, number]> = new Map([
  ['gopacket__be__test901.pcapng', ['at byte 480: pcapng version 2.0 is not known: vdiag reads 1.0', 1]],
  ['gopacket__le__test901.pcapng', ['at byte 480: pcapng version 2.0 is not known: vdiag reads 1.0', 1]],
  ['libpcap__pcapng-invalid-vers-1.pcapng', ['at byte 0: pcapng version 0.1 is not known: vdiag reads 1.0', 0]],
  ['libpcap__pcapng-invalid-vers-2.pcapng', ['at byte 0: pcapng version 1.1 is not known: vdiag reads 1.0', 0]],
]);

interface Capture {
  readonly name: string;
  readonly path: string;
  readonly oracle: JsonValue;
}

function captures(folder: 'files' | 'lab'): Capture[] {
  const root = join(CORPUS, folder);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.pcapng'))
    .map((path) => {
      const file = join(root, path);
      const name = folder === 'lab' ? basename(path) : relative(root, file).replaceAll('/', '__');
      const facts = folder === 'lab' ? `${file}.oracle.json` : join(CORPUS, 'oracle', `${name}.json`);
      return { name, path: file, oracle: new JsonValue(JSON.parse(readFileSync(facts, 'utf8'))) };
    });
}

/** Interfaces of all sections, as [name, link type, packets]. */
function interfacesOf(oracle: JsonValue): (readonly [unknown, unknown, unknown])[] {
  return oracle
    .field('pcapng')
    .field('sections')
    .items()
    .flatMap((section) => section.field('interfaces').items())
    .map((found) => [nameOf(found.field('name')), found.field('linktype').value, found.field('packets').value]);
}

/** Names that are no plain text stand there in hexadecimal digits: this one ends with zeros. */
function nameOf({ value, path }: JsonValue): unknown {
  if (typeof value !== 'object' || value === null) return value ?? '';
  return Buffer.from(new JsonValue(value, path).field('hex').text(), 'hex').toString().replace(/\0+$/, '');
}

function problems({ problems: found }: CaptureSummary): string[] {
  return found.map(problemText);
}

describe.skipIf(!existsSync(CORPUS))('the corpus of captures (skipped where ../shared/corpus is not there)', () => {
  const all = existsSync(CORPUS) ? [...captures('files'), ...captures('lab')] : [];

  it('reads every file to its end, or to the version it refuses, with the packets of every interface', () => {
    expect(all.length).toBeGreaterThan(150);
    const refused = new Set<string>();
    for (const { name, path, oracle } of all) {
      const { frames, summary } = readPcapng(readFileSync(path));
      const refusal = REFUSED.get(name);
      if (refusal) {
        refused.add(name);
        expect([problems(summary), summary.frames], name).toEqual([[refusal[0]], refusal[1]]);
        continue;
      }
      expect(problems(summary), name).toEqual([]);
      expect(summary.frames, name).toBe(oracle.field('pcapng').field('packets').value);
      expect(
        summary.interfaces.map(({ name, linkType, packets }) => [name, linkType, packets]),
        name,
      ).toEqual(interfacesOf(oracle));
      const skipped = [...summary.skippedLinkTypes.values()].reduce((sum, count) => sum + count, 0);
      expect(frames.length + skipped + summary.oversized, name).toBe(summary.frames);
    }
    expect(refused).toEqual(new Set(REFUSED.keys()));
  });

  it('agrees with tshark on time, lengths and interface of every ARP and ICMP packet', () => {
    let compared = 0;
    for (const { name, path } of all) {
      const tsv = path.includes('/lab/') ? `${path}.oracle.tsv` : join(CORPUS, 'oracle', `${name}.tsv`);
      const [head = '', ...lines] = readFileSync(tsv, 'utf8').split('\n');
      const columns = head.split('\t');
      const { frames, summary } = readPcapng(readFileSync(path));
      const byNumber = new Map(frames.map((frame) => [`${frame.number}`, frame]));
      for (const line of lines) {
        const cells = line.split('\t');
        const cell = (column: string) => cells[columns.indexOf(column)] ?? '';
        if (cell('depth') !== 'outer') continue;
        const frame = byNumber.get(cell('pkt'));
        // Of a link type that no reader makes frames of yet.
        if (frame === undefined && summary.skippedLinkTypes.size > 0) continue;
        expect(
          [
            `${frame?.timeNs}`,
            `${frame?.bytes.length}`,
            `${frame?.originalLength}`,
            frame && sectionId(frame, summary),
          ],
          `${name}#${cell('pkt')}`,
        ).toEqual([cell('ns'), cell('caplen'), cell('len'), `${cell('section')}/${cell('if_id')}`]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(1000);
  });

  it('counts in the lab captures, per interface, what the oracle counts, also as a stream', async () => {
    const labs = captures('lab');
    expect(labs.length).toBeGreaterThan(10);
    for (const { name, path, oracle } of labs) {
      const perInterface = new Map<string, number>();
      const reading = readPcapngStream(createReadStream(path, { highWaterMark: 1000 }));
      for await (const { place } of reading) perInterface.set(place.name, (perInterface.get(place.name) ?? 0) + 1);
      expect(reading.summary().problems, name).toEqual([]);
      const wanted = interfacesOf(oracle).flatMap((found) => (found[2] === 0 ? [] : [[found[0], found[2]]]));
      expect([...perInterface].sort(), name).toEqual(wanted.sort());
      const times = oracle.field('time');
      const { frames } = readPcapng(readFileSync(path));
      expect([`${frames[0]?.timeNs}`, `${frames.at(-1)?.timeNs}`], name).toEqual([
        times.field('first').value,
        times.field('last').value,
      ]);
    }
  });

  it('keeps what stands before a cut in the middle', () => {
    let cuts = 0;
    for (const { name, path } of all) {
      if (REFUSED.has(name)) continue;
      const file = readFileSync(path);
      const uncut = readPcapng(file).frames;
      for (const part of [0.31, 0.5, 0.93]) {
        const length = Math.floor(file.length * part);
        const { frames, summary } = readPcapng(file.subarray(0, length));
        expect(frames, `${name} cut to ${length}`).toEqual(uncut.slice(0, frames.length));
        expect(summary.problems.length, `${name} cut to ${length}`).toBeLessThanOrEqual(1);
        for (const { offset, fatal } of summary.problems) {
          expect(fatal && offset < length, `${name} cut to ${length}`).toBe(true);
          cuts++;
        }
      }
    }
    expect(cuts).toBeGreaterThan(400);
  });

  it('knows the clock of every interface', () => {
    for (const { name, path, oracle } of all) {
      if (REFUSED.has(name)) continue;
      const { interfaces } = readPcapng(readFileSync(path)).summary;
      const theirs = oracle
        .field('pcapng')
        .field('sections')
        .items()
        .flatMap((section) => section.field('interfaces').items());
      expect(
        interfaces.map(({ clock }) => clockTimeNs(clock, 1, 0)),
        name,
      ).toEqual(
        theirs.map((found) => {
          const resolution = Number(found.field('tsresol').value ?? 6);
          return resolution & 0x80
            ? (2n ** 32n * 10n ** 9n) / 2n ** BigInt(resolution & 0x7f)
            : (2n ** 32n * 10n ** 9n) / 10n ** BigInt(resolution);
        }),
      );
    }
  });
});

function sectionId(frame: FileFrame, { interfaces }: CaptureSummary): string {
  const source = interfaces[frame.interfaceIndex];
  return source === undefined ? '' : `${source.section + 1}/${source.id}`;
}

/**
 * Every file of the corpus of captures, against what an independent reader, tshark and tcpdump say of it.
 * The corpus lies beside the project and is not part of it; without it the test says so and is skipped.
 */
import { createReadStream, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { clockTimeNs } from '../../src/capfile/capture-interface.ts';
import { type FileFrame, readCapture, readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import type { CaptureSummary } from '../../src/capfile/frame-cursor.ts';
import { JsonValue } from '../../src/capfile/json-value.ts';
import { openCaptureFile } from '../../src/capfile/open.ts';
import { problemText } from '../../src/capfile/problem.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { type Capture, captures, framesOf, HAS_CORPUS } from './corpus.ts';

/** Refused on purpose, by tshark and libpcap too: the version of a section, and the packets that stand before it. */
const REFUSED: ReadonlyMap<string, readonly [string, number]> = new Map([
  ['gopacket__be__test901.pcapng', ['at byte 480: pcapng version 2.0 is not known: vdiag reads 1.0', 1]],
  ['gopacket__le__test901.pcapng', ['at byte 480: pcapng version 2.0 is not known: vdiag reads 1.0', 1]],
  ['libpcap__pcapng-invalid-vers-1.pcapng', ['at byte 0: pcapng version 0.1 is not known: vdiag reads 1.0', 0]],
  ['libpcap__pcapng-invalid-vers-2.pcapng', ['at byte 0: pcapng version 1.1 is not known: vdiag reads 1.0', 0]],
]);

/** No capture that vdiag reads, and what it says of each. */
const UNOPENED: ReadonlyMap<string, string> = new Map([
  ['npm-pcap-parser__malformed.pcap', "text, but not tcpdump's"],
  ['pcapplusplus__file_heuristics__pcapng-example.pcapng.zst', 'zstd'],
  ['pcapplusplus__solaris.snoop', 'a snoop capture'],
]);

const cutShort = (missing: number) => `the file ends inside a record: ${missing} of its bytes are missing`;
const tooLong = (claimed: number, most = 262144) =>
  `a record claims ${claimed} captured bytes: no packet has more than ${most}`;

/** Damaged on purpose: where, and how. Its packets before that are as many as tshark or tcpdump reads. */
const DAMAGED: ReadonlyMap<string, readonly [number, string]> = new Map([
  ['libpcap__pcap-invalid-version-1.pcap', [0, 'pcap version 1.4 is not known: vdiag reads version 2']],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-FuzzTarget-5188876846235648', [1064, tooLong(640034342)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-FuzzTarget-5781142119907328', [224, tooLong(4294967295, 134217728)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-FuzzTarget-6207688043397120', [57, cutShort(14)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5165538295939072', [30760, tooLong(16095754)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5165927376355328', [295, cutShort(11)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5643903448645632', [361, cutShort(2352)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5685520970809344', [126, cutShort(12)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5696447256461312', [57, cutShort(65191)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5717750942269440', [56, tooLong(411435009)]],
  [
    'pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5723611632762880',
    [295, tooLong(538976288, 134217728)],
  ],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5752969003008000', [137, cutShort(14)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5755755617189888', [65631, tooLong(16844826)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5757531338309632', [1182, cutShort(14)]],
  ['pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5758569646653440', [295, tooLong(145032960)]],
  ['pcapplusplus__fuzz-crash-81dba690a3f67ee41a41390a625db732fa1413a1', [1043, cutShort(10272)]],
  ['pcapplusplus__fuzz-crash-8534c61cdf5987482365d7877ade12eef5aaf8b7', [186, cutShort(14)]],
  ['pcapplusplus__fuzz-crash-eec28dafde1f1ac2299674a75a914ae16d4046fa', [111, tooLong(4294967295)]],
  ['pcapplusplus__fuzz-crash-exception-cast-constructed-record', [574, tooLong(167776960)]],
  ['pcapplusplus__fuzz-crash-invalid-asn-record-len', [299, cutShort(10)]],
  ['pcapplusplus__fuzz-igmplayer', [185, tooLong(172716570)]],
  ['pcapplusplus__fuzz-radiuslayer', [440, tooLong(4261478435)]],
]);

/** tshark refuses these for their link type's reserved bits, tcpdump for its number: vdiag counts their frames, and skips them. */
const NO_LINK_TYPE = /FuzzTarget-(5631583764873216|5685520970809344|5752969003008000)$/;

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

describe.skipIf(!HAS_CORPUS)('the corpus of captures (skipped where ../shared/corpus is not there)', () => {
  const files: Capture[] = HAS_CORPUS ? [...captures('files'), ...captures('lab')] : [];
  const all = files.filter(({ path }) => path.endsWith('.pcapng'));

  it('reads every file to its end, or to a clear error with its offset, and as many frames as others do', async () => {
    expect(files.length).toBeGreaterThan(850);
    const seen = new Set<string>();
    for (const { name, path, oracle } of files) {
      const looks = UNOPENED.get(name);
      if (looks !== undefined) {
        seen.add(name);
        await expect(openCaptureFile(path), name).rejects.toThrow(VdiagError);
        await expect(openCaptureFile(path), name).rejects.toThrow(`it looks like ${looks}`);
        continue;
      }
      const { frames, summary } = await framesOf(path);
      const refusal = REFUSED.get(name);
      const damage = DAMAGED.get(name);
      if (refusal !== undefined || damage !== undefined) seen.add(name);
      const expected = damage === undefined ? refusal?.[0] : `at byte ${damage[0]}: ${damage[1]}`;
      expect(problems(summary), name).toEqual(expected === undefined ? [] : [expected]);
      const skipped = [...summary.skippedLinkTypes.values()].reduce((sum, count) => sum + count, 0);
      expect(frames.size + skipped + summary.oversized, name).toBe(summary.frames);
      expect(countsOf(oracle, name), name).toContain(summary.frames);
    }
    expect(seen.size).toBe(UNOPENED.size + REFUSED.size + DAMAGED.size);
  });

  it('reads every file to its end, or to the version it refuses, with the packets of every interface', () => {
    expect(all.length).toBeGreaterThan(150);
    const refused = new Set<string>();
    for (const { name, path, oracle } of all) {
      const { frames, summary } = readCaptureBytes(readFileSync(path));
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

  it('agrees with tshark on the interface of every ARP and ICMP packet', () => {
    let compared = 0;
    for (const { name, path, rows } of all) {
      const { frames, summary } = readCaptureBytes(readFileSync(path));
      const byNumber = new Map(frames.map((frame) => [`${frame.number}`, frame]));
      for (const row of rows) {
        const frame = byNumber.get(row.pkt ?? '');
        if (frame === undefined && summary.skippedLinkTypes.size > 0) continue;
        expect(frame && sectionId(frame, summary), `${name}#${row.pkt}`).toEqual(`${row.section}/${row.if_id}`);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(1000);
  });

  it('counts in the lab captures, per interface, what the oracle counts, also as a stream', async () => {
    const labs = captures('lab').filter(({ path }) => path.endsWith('.pcapng'));
    expect(labs.length).toBeGreaterThan(10);
    for (const { name, path, oracle } of labs) {
      const perInterface = new Map<string, number>();
      const file = await openCaptureFile('-', { stdin: createReadStream(path, { highWaterMark: 1000 }) });
      for await (const { place } of readCapture(file))
        perInterface.set(place.name, (perInterface.get(place.name) ?? 0) + 1);
      expect(file.summary().problems, name).toEqual([]);
      const wanted = interfacesOf(oracle).flatMap((found) => (found[2] === 0 ? [] : [[found[0], found[2]]]));
      expect([...perInterface].sort(), name).toEqual(wanted.sort());
      const times = oracle.field('time');
      const { frames } = readCaptureBytes(readFileSync(path));
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
      const uncut = readCaptureBytes(file).frames;
      for (const part of [0.31, 0.5, 0.93]) {
        const length = Math.floor(file.length * part);
        const { frames, summary } = readCaptureBytes(file.subarray(0, length));
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
      const { interfaces } = readCaptureBytes(readFileSync(path)).summary;
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

/** What other programs count: tshark; where it refuses the link type, or takes the file for another format, tcpdump. */
function countsOf(oracle: JsonValue, name: string): unknown[] {
  const tshark = oracle.field('tshark');
  const tcpdump = oracle.field('tcpdump').field('bpf').field('packets').value;
  if (NO_LINK_TYPE.test(name)) return [1];
  const misread = tshark.field('rc').value !== 0 && oracle.field('tcpdump').field('rc').value === 0;
  if (misread || name.endsWith('exception-cast-constructed-record')) return [tcpdump];
  return [tshark.field('packets').value];
}

function sectionId(frame: FileFrame, { interfaces }: CaptureSummary): string {
  const source = interfaces[frame.interfaceIndex];
  return source === undefined ? '' : `${source.section + 1}/${source.id}`;
}

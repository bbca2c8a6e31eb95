/** Plain pcap against the `pcap-parser` package: every packet's time, lengths and bytes. Skipped where the package is not installed. */
import type { EventEmitter } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { captures, HAS_CORPUS } from './corpus.ts';
import { pcapFile } from './pcap-records.ts';

interface Parsed {
  readonly header: {
    readonly timestampSeconds: number;
    readonly timestampMicroseconds: number;
    readonly capturedLength: number;
    readonly originalLength: number;
  };
  readonly data: Uint8Array;
}

const require = createRequire(import.meta.url);
const INSTALLED = existsSync(new URL('../../node_modules/pcap-parser', import.meta.url));

/** In one chunk: of several it makes `new Buffer`, which Node warns about. */
function parse(bytes: Uint8Array): Promise<Parsed[]> {
  const { parse: start }: { parse(input: Readable): EventEmitter } = require('pcap-parser');
  return new Promise((resolve, reject) => {
    const packets: Parsed[] = [];
    start(Readable.from([Buffer.from(bytes)]))
      .on('packet', (packet: Parsed) => packets.push(packet))
      .on('error', reject)
      .on('end', () => resolve(packets));
  });
}

async function expectAgreement(bytes: Uint8Array, name: string): Promise<number> {
  const theirs = await parse(bytes);
  const ours = readCaptureBytes(bytes).frames;
  expect(
    ours.map(({ timeNs, bytes, originalLength }) => [timeNs, originalLength, Buffer.from(bytes).toString('hex')]),
    name,
  ).toEqual(
    theirs.map(({ header, data }) => [
      BigInt(header.timestampSeconds) * 10n ** 9n + BigInt(header.timestampMicroseconds) * 1000n,
      header.originalLength,
      Buffer.from(data).toString('hex'),
    ]),
  );
  return ours.length;
}

describe.skipIf(!INSTALLED)('pcap-parser (skipped where it is not installed)', () => {
  it('reads the same packets in both byte orders', async () => {
    for (const little of [true, false]) {
      const data = [60, 1500, 0, 42].map((length) => Buffer.alloc(length, length));
      const file = pcapFile(
        { little },
        data.map((bytes, index) => ({ seconds: index, fraction: 7, data: bytes })),
      );
      expect(await expectAgreement(file, `little ${little}`)).toBe(4);
    }
  });

  it.skipIf(!HAS_CORPUS)('reads the same packets of every plain pcap file in the corpus', async () => {
    let packets = 0;
    for (const { name, path, oracle } of captures('files')) {
      const format = oracle.field('format');
      const plain = format.field('type').value === 'pcap' && format.field('ts_decimals').value === 6;
      const whole = oracle.field('tshark').field('rc').value === 0 && oracle.field('tcpdump').field('rc').value === 0;
      // Those whose frames vdiag decodes: of other link types it hands none on.
      if (!plain || !whole || oracle.field('compressed').value !== null || format.field('linktype').value !== 1)
        continue;
      packets += await expectAgreement(readFileSync(path), name);
    }
    expect(packets).toBeGreaterThan(7000);
  });
});

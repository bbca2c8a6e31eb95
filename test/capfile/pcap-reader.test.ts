/** Reading pcap, on files made by hand, by editcap, and against another reader. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { pcapFile, pcapRecord } from './pcap-records.ts';

const DATA = Buffer.from('ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002', 'hex');
const MODIFIED = 0xa1b2cd34;
const NANOSECONDS = 0xa1b23c4d;

describe.each([
  ['little endian', true],
  ['big endian', false],
])('%s', (_name, little) => {
  it('reads a packet, and the one interface', () => {
    const record = { seconds: 4_000_000_000, fraction: 999_999, data: DATA.subarray(0, 30), original: 42 };
    const { frames, summary } = readCaptureBytes(pcapFile({ little, snapLength: 30 }, [record]));
    expect(frames).toEqual([
      {
        place: { netns: '', name: 'interface 0' },
        timeNs: 4_000_000_000_999_999_000n,
        order: 0,
        direction: 'unknown',
        packetType: 'unknown',
        originalLength: 42,
        checksumNotReady: false,
        linkType: 'ethernet',
        bytes: new Uint8Array(DATA.subarray(0, 30)),
        number: 1,
        offset: 24,
        interfaceIndex: 0,
        packetId: undefined,
        comments: [],
      },
    ]);
    expect(summary).toMatchObject({ frames: 1, problems: [], comments: [], untimed: 0, oversized: 0 });
    expect(summary.interfaces).toMatchObject([{ index: 0, name: '', linkType: 1, snapLength: 30, packets: 1 }]);
  });

  it('reads any time, in microseconds and in nanoseconds', () => {
    const half = fc.nat(0xffffffff);
    fc.assert(
      fc.property(half, half, fc.boolean(), (seconds, fraction, nanoseconds) => {
        const magic = nanoseconds ? NANOSECONDS : 0xa1b2c3d4;
        const { frames } = readCaptureBytes(pcapFile({ little, magic }, [{ seconds, fraction, data: DATA }]));
        const unit = nanoseconds ? 1n : 1000n;
        expect(frames.map(({ timeNs }) => timeNs)).toEqual([BigInt(seconds) * 10n ** 9n + BigInt(fraction) * unit]);
      }),
    );
  });

  it('reads the modified format: direction and interface of every packet', () => {
    const record = (kernelIndex: number, packetType: number) => ({
      data: DATA,
      modified: [kernelIndex, packetType] as const,
    });
    const file = pcapFile({ little, magic: MODIFIED }, [record(3, 1), record(2, 4), record(3, 0), record(0, 3)]);
    const { frames, summary } = readCaptureBytes(file);
    expect(frames.map(({ place, direction, packetType }) => [place.name, direction, packetType])).toEqual([
      ['interface 3', 'in', 'broadcast'],
      ['interface 2', 'out', 'outgoing'],
      ['interface 3', 'in', 'host'],
      ['interface 0', 'in', 'other-host'],
    ]);
    expect(
      summary.interfaces.map(({ kernelIndex, recordedAs, packets }) => [kernelIndex, recordedAs, packets]),
    ).toEqual([
      [undefined, undefined, 4],
      [3, 0, 2],
      [2, 0, 1],
    ]);
  });

  it('takes the link type without the bits that speak of check sequences', () => {
    const { summary } = readCaptureBytes(pcapFile({ little, linkType: 0x34000001 }, [{ data: DATA }]));
    expect(summary.interfaces[0]?.linkType).toBe(1);
  });

  it('takes the shorter length for the captured one where old programs wrote them the other way round', () => {
    const swapped = { data: DATA, captured: 60, original: 42 };
    const { frames, summary } = readCaptureBytes(pcapFile({ little, version: [2, 3] }, [swapped, swapped]));
    expect(summary.problems).toEqual([]);
    expect(frames.map(({ bytes, originalLength }) => [bytes.length, originalLength])).toEqual([
      [42, 60],
      [42, 60],
    ]);
  });
});

describe('link types', () => {
  it.each([
    [0, 'null'],
    [108, 'null'],
    [12, 'raw-ip'],
    [14, 'raw-ip'],
    [101, 'raw-ip'],
    [228, 'raw-ip'],
    [229, 'raw-ip'],
    [113, 'linux-sll'],
    [276, 'linux-sll2'],
  ])('%i is read as %s', (linkType, expected) => {
    const { frames } = readCaptureBytes(pcapFile({ linkType }, [{ data: DATA }]));
    expect(frames.map((frame) => frame.linkType)).toEqual([expected]);
  });

  it('counts the packets of others, and passes over them, however long', () => {
    const message = { data: Buffer.alloc(300_000) };
    const { frames, summary } = readCaptureBytes(pcapFile({ linkType: 189 }, [message, { data: DATA }, message]));
    expect(frames).toEqual([]);
    expect(summary).toMatchObject({ frames: 3, problems: [], skippedLinkTypes: new Map([[189, 3]]) });
  });

  it('gives every interface of a cooked capture its own place, and the direction in its header', () => {
    const cooked = (kernelIndex: number, packetType: number) => {
      const header = Buffer.from('0806000000000000000104060200000000010000', 'hex');
      header.writeUInt32BE(kernelIndex, 4);
      header.writeUInt8(packetType, 10);
      return { data: Buffer.concat([header, DATA.subarray(14)]) };
    };
    const file = pcapFile({ linkType: 276 }, [cooked(5, 1), cooked(7, 4), cooked(5, 0), { data: DATA.subarray(0, 9) }]);
    const { frames, summary } = readCaptureBytes(file);
    expect(frames.map(({ place, direction }) => [place.name, direction])).toEqual([
      ['interface 5', 'in'],
      ['interface 7', 'out'],
      ['interface 5', 'in'],
      // Too short to hold a cooked header.
      ['interface 0', 'unknown'],
    ]);
    expect(frames.map(({ interfaceIndex }) => summary.interfaces[interfaceIndex]?.kernelIndex)).toEqual([
      5,
      7,
      5,
      undefined,
    ]);
  });

  it('bounds the interfaces that cooked headers may claim', () => {
    const records = Array.from({ length: 5000 }, (_, index) => {
      const data = Buffer.alloc(20);
      data.writeUInt32BE(index + 1, 4);
      return { data };
    });
    const { frames, summary } = readCaptureBytes(pcapFile({ linkType: 276 }, records));
    expect(frames.length).toBe(5000);
    expect(summary.interfaces.length).toBe(4097);
  });
});

describe('damage', () => {
  const good = pcapFile({}, [{ data: DATA }]);

  it.each([
    [
      'a length no packet has',
      pcapRecord({ data: DATA, captured: 262145 }),
      'a record claims 262145 captured bytes: no packet has more than 262144',
    ],
    [
      '4 GiB',
      pcapRecord({ data: DATA, captured: 0xffffffff }),
      'a record claims 4294967295 captured bytes: no packet has more than 262144',
    ],
    [
      'cut in the header',
      pcapRecord({ data: DATA }).subarray(0, 15),
      'the file ends inside a record: 1 of its bytes are missing',
    ],
    [
      'cut in the packet',
      pcapRecord({ data: DATA }).subarray(0, 30),
      'the file ends inside a record: 28 of its bytes are missing',
    ],
  ])('%s: what stands before it is kept', (_what, record, message) => {
    const { frames, summary } = readCaptureBytes(Buffer.concat([good, record]));
    expect(frames.length).toBe(1);
    expect(summary.problems).toEqual([{ offset: good.length, message, fatal: true }]);
  });

  it.each([
    ['a file header cut off', good.subarray(0, 20), 'the file header has 20 of 24 bytes'],
    ['version 1', pcapFile({ version: [1, 0] }, []), 'pcap version 1.0 is not known: vdiag reads version 2'],
  ])('%s', (_what, file, message) => {
    expect(readCaptureBytes(file).summary.problems).toEqual([{ offset: 0, message, fatal: true }]);
  });

  it('a skipped packet that is cut off is counted, and the file is said to be damaged', () => {
    const file = pcapFile({ linkType: 105 }, [{ data: DATA }, { data: DATA, captured: 1000 }]);
    const { summary } = readCaptureBytes(file);
    expect(summary.problems).toMatchObject([{ offset: 24 + 16 + DATA.length, fatal: true }]);
    expect(summary.skippedLinkTypes).toEqual(new Map([[105, 2]]));
  });

  it('a packet longer than it was on the wire is taken as it is', () => {
    const { frames, summary } = readCaptureBytes(pcapFile({}, [{ data: DATA, original: 7 }]));
    expect(summary.problems).toEqual([]);
    expect(frames[0]?.bytes.length).toBe(DATA.length);
  });
});

describe('other programs', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'vdiag-pcap-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(['pcap', 'nsecpcap', 'modpcap', 'pcapng'])('reads what editcap writes as %s', (format) => {
    const records = [1, 2, 3].map((second) => ({ seconds: second, fraction: second * 1001, data: DATA }));
    const source = pcapFile({}, records);
    writeFileSync(join(directory, 'source.pcap'), source);
    execFileSync('editcap', ['-F', format, join(directory, 'source.pcap'), join(directory, format)]);
    const { frames, summary } = readCaptureBytes(readFileSync(join(directory, format)));
    expect(summary.problems).toEqual([]);
    const facts = ({ timeNs, bytes, originalLength }: (typeof frames)[number]) => ({ timeNs, bytes, originalLength });
    expect(frames.map(facts)).toEqual(readCaptureBytes(source).frames.map(facts));
  });
});

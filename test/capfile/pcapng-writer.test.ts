/** Writing pcapng: read back the same, and read without a warning by the programs people have. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { createPcapngWriter, type FrameNote, pcapngChunks } from '../../src/capfile/pcapng-writer.ts';
import type { Frame, Place } from '../../src/trace/frame.ts';
import { ARP_REQUEST, anyFrame, ECHO_REQUEST, ECHO_REQUEST_IP, frameOf, HOME, places } from './frames.ts';

const VETH0: Place = { netns: HOME, name: 'veth0' };
const VETH1: Place = { netns: 'blue', name: 'veth1' };
const TUN: Place = { netns: 'blue', name: 'tun0' };
const NOW = 1_795_219_240_847_897_680n;

function written(frames: readonly Frame[], note?: (frame: Frame) => FrameNote | undefined): Uint8Array {
  const options = { home: HOME, comment: 'the verdict', application: 'vdiag test', operatingSystem: 'Linux' };
  return Buffer.concat([...pcapngChunks(frames, options, note)]);
}

describe('what is written', () => {
  it('is read back the same', () => {
    const note = fc.record({
      journey: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
      comments: fc.array(
        fc.string({ unit: 'grapheme', maxLength: 30 }).filter((comment) => !comment.includes('\0')),
        { maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(anyFrame, note), { maxLength: 20 }), (noted) => {
        const writer = createPcapngWriter({ home: HOME });
        const chunks = [writer.begin()];
        for (const [frame, { journey, comments }] of noted)
          chunks.push(writer.frame(frame, { comments, ...(journey === undefined ? {} : { journey }) }));
        chunks.push(writer.end());
        const { frames, summary } = readCaptureBytes(Buffer.concat(chunks), { home: HOME });
        expect(summary.problems).toEqual([]);
        expect(
          frames.map(
            ({ number: _, offset: _offset, interfaceIndex: _index, packetId: _id, comments: _comments, ...frame }) =>
              frame,
          ),
        ).toEqual(noted.map(([frame], order) => ({ ...frame, order })));
        expect(frames.map(({ packetId, comments }) => [packetId, comments])).toEqual(
          noted.map(([, { journey, comments }]) => [journey === undefined ? undefined : BigInt(journey), comments]),
        );
      }),
    );
  });

  it('is in order of time, and the frames given stay as they were', () => {
    const frames = [3n, 1n, 2n, 1n].map((time, index) => frameOf(VETH0, NOW + time, Buffer.from([index])));
    const back = readCaptureBytes(written(frames)).frames;
    expect(back.map(({ bytes }) => bytes[0])).toEqual([1, 3, 2, 0]);
    expect(frames.map(({ bytes }) => bytes[0])).toEqual([0, 1, 2, 3]);
  });

  it('names places known beforehand first, though they saw nothing, and gives their statistics', () => {
    const writer = createPcapngWriter({ home: HOME, places });
    const chunks = [
      writer.begin(),
      writer.frame(frameOf(VETH1, NOW, ARP_REQUEST)),
      writer.frame(frameOf({ netns: HOME, name: 'late' }, NOW, ARP_REQUEST)),
      writer.end({ fromNs: NOW, untilNs: NOW + 5n, lost: [{ netns: 'blue', frames: 7 }] }),
    ];
    const { summary } = readCaptureBytes(Buffer.concat(chunks), { home: HOME });
    expect(summary.interfaces.map(({ name, received, dropped }) => [name, received, dropped])).toEqual([
      ['veth0', 0, 0],
      ['br0', 0, 0],
      ['veth1@blue', 1, 7],
      ['eth0@net:[4026532281]', 0, 0],
      ['late', 1, 0],
    ]);
  });

  it('cuts a packet at the snap length and keeps its true length', () => {
    const [frame] = readCaptureBytes(written([frameOf(VETH0, NOW, Buffer.alloc(300_000))])).frames;
    expect([frame?.bytes.length, frame?.originalLength]).toEqual([262144, 300_000]);
  });

  it('cuts a comment that is too long between two characters', () => {
    const [frame] = readCaptureBytes(
      written([frameOf(VETH0, NOW, ARP_REQUEST)], () => ({ comments: ['é'.repeat(50_000)] })),
    ).frames;
    expect(frame?.comments[0]).toMatch(/^é+\ufffd?$/);
  });
});

/** veth0 (home) and veth1, tun0 (blue): one ARP request on both, an echo request, and one without link layer. */
const frames: readonly Frame[] = [
  frameOf(VETH0, NOW, ARP_REQUEST, { direction: 'out', packetType: 'outgoing' }),
  frameOf(VETH1, NOW + 10_000n, ARP_REQUEST, { packetType: 'broadcast' }),
  frameOf(VETH0, NOW + 1_000_000n, ECHO_REQUEST, { direction: 'out', packetType: 'outgoing', checksumNotReady: true }),
  frameOf(VETH1, NOW + 1_000_001n, ECHO_REQUEST.subarray(0, 40), {
    originalLength: ECHO_REQUEST.length,
    packetType: 'other-host',
  }),
  frameOf(TUN, NOW + 1_000_002n, ECHO_REQUEST_IP, { linkType: 'raw-ip' }),
];

function isMissing(program: string): boolean {
  return spawnSync(program, ['--version']).error !== undefined;
}

describe('other programs read it without a warning', () => {
  let folder = '';
  let file = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-capfile-'));
    file = join(folder, 'written.pcapng');
    const note = (frame: Frame): FrameNote => ({
      journey: frame.timeNs < NOW + 1_000_000n ? 1 : 2,
      ...(frame === frames[1] ? { comments: ['bridge-port-owns-ip: nobody answers'] } : {}),
    });
    writeFileSync(
      file,
      Buffer.concat([
        ...pcapngChunks(
          frames,
          { home: HOME, comment: 'the verdict', application: 'vdiag test', operatingSystem: 'Linux test' },
          note,
          {
            fromNs: NOW,
            untilNs: NOW + 2_000_000n,
            lost: [{ netns: 'blue', frames: 3 }],
          },
        ),
      ]),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Standard output; anything on standard error, or a failure, is a fault. */
  const run = (program: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
    });
    // The only word they may say: as whom they run, and what they read.
    const said = stderr
      .split('\n')
      .filter((line) => line !== '' && !/^Running as user|^reading from file .*EN10MB/.test(line));
    expect({ status, said }).toEqual({ status: 0, said: [] });
    return stdout;
  };

  it.skipIf(isMissing('tshark'))('tshark (skipped where it is not installed)', () => {
    const fields = [
      'frame.interface_name',
      'frame.interface_description',
      'frame.time_epoch',
      'frame.len',
      'frame.cap_len',
      'frame.packet_id',
      'frame.packet_flags_direction',
      'frame.packet_flags_reception_type',
      'frame.comment',
      '_ws.col.Protocol',
    ];
    const rows = run(
      'tshark',
      '-r',
      file,
      '-T',
      'fields',
      '-E',
      'separator=|',
      ...fields.flatMap((field) => ['-e', field]),
    );
    // Versions print the direction as 2 or as 0x00000002.
    const lines = rows
      .trim()
      .split('\n')
      .map((row) => row.replace(/0x0000000/g, ''));
    expect(lines).toEqual([
      'veth0|veth0 in the starting namespace|1795219240.847897680|42|42|1|2|0||ARP',
      'veth1@blue|veth1 in namespace blue|1795219240.847907680|42|42|1|1|3|bridge-port-owns-ip: nobody answers|ARP',
      'veth0|veth0 in the starting namespace|1795219240.848897680|42|42|2|2|0||ICMP',
      'veth1@blue|veth1 in namespace blue|1795219240.848897681|42|40|2|1|4||ICMP',
      'tun0@blue|tun0 in namespace blue|1795219240.848897682|42|42|2|1|1||ICMP',
    ]);
    expect(run('tshark', '-r', file, '-Y', '_ws.malformed')).toBe('');
    expect(run('tshark', '-r', file, '-Y', 'frame.comment contains "bridge-port-owns-ip"')).toMatch(
      /^ +2 [^\n]+ARP[^\n]+\n$/,
    );
  });

  it.skipIf(isMissing('capinfos'))('capinfos (skipped where it is not installed)', () => {
    const text = run('capinfos', file);
    expect(text).toMatch(/^File timestamp precision: +nanoseconds \(9\)$/m);
    expect(text).toMatch(/^Number of packets: +5$/m);
    expect(text).toMatch(/^Strict time order: +True$/m);
    expect(text).toMatch(/^Capture oper-sys: +Linux test$/m);
    expect(text).toMatch(/^Capture application: +vdiag test$/m);
    expect(text).toMatch(/^Capture comment: +the verdict$/m);
    expect(text).toContain('Name = veth1@blue');
    expect(text).toContain('Hardware = no link layer: Ethernet header added by vdiag');
    expect(text.match(/Number of stat entries = 1/g)).toHaveLength(3);
  });

  it.skipIf(isMissing('tcpdump'))('tcpdump (skipped where it is not installed)', () => {
    expect(run('tcpdump', '-nr', file, '-t').trim().split('\n')).toEqual([
      'ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
      'ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8',
      'IP 10.0.0.1 > 10.0.0.2:  [|icmp]',
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8',
    ]);
  });

  it.skipIf(isMissing('tcpdump'))('any frames at all, by tcpdump --count (skipped where it is not installed)', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 30 }), (any) => {
        const small = any.map((frame) => ({ ...frame, timeNs: frame.timeNs >> 3n }));
        // tcpdump reads no file that has no interface.
        const chunks = pcapngChunks(small, { home: HOME, places });
        writeFileSync(join(folder, 'any.pcapng'), Buffer.concat([...chunks]));
        const counted = execFileSync('tcpdump', ['-r', join(folder, 'any.pcapng'), '--count'], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        expect(counted).toMatch(new RegExp(`^${any.length} packet`));
      }),
      { numRuns: 20 },
    );
  });
});

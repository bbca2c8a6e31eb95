/** Targets that read captures: frames printed, captures analyzed, text and gzip on the way in, single frames decoded. */
import { gzipSync } from 'node:zlib';
import { readCapture } from '../../src/capfile/capture-reader.ts';
import { openCaptureFile } from '../../src/capfile/open.ts';
import { problemText } from '../../src/capfile/problem.ts';
import { looksLikeTcpdumpText } from '../../src/capfile/text-convert.ts';
import { probeFilter } from '../../src/capture/filter.ts';
import { executeFilter } from '../../src/linux/bpf-machine.ts';
import { analysisJson } from '../../src/report/analysis-json.ts';
import { analysisText } from '../../src/report/analysis-text.ts';
import { frameJson } from '../../src/report/frame-json.ts';
import { createFrameLines } from '../../src/report/frame-line.ts';
import { analyze } from '../../src/session/analyze.ts';
import { Glance } from '../../src/survey/glance.ts';
import { isPlainTransport, isUnderstood } from '../../src/wire/concern.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { decodeFrame, type LinkType } from '../../src/wire/frame.ts';
import { builtCapture, builtFrame } from './build-frames.ts';
import { mutatedBytes } from './mutate-bytes.ts';
import { mutatedText } from './mutate-text.ts';
import type { Random } from './random.ts';
import type { Seeds } from './seeds.ts';
import { bytesOf, demandPrintable, type Target, textOf } from './target.ts';

export const TERMINAL = { width: 100, color: false, unicode: false } as const;

/** In pieces of any size, as a pipe hands it over. */
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const size = 1 + ((bytes[bytes.length >> 1] ?? 7) * 97) ** 1.3;
  for (let at = 0; at < bytes.length; at += size | 0) yield bytes.subarray(at, at + (size | 0));
}

/** Reads, decodes and prints every frame of it. */
export async function readFrames(bytes: Uint8Array): Promise<void> {
  const file = await openCaptureFile('-', { stdin: pieces(bytes) });
  try {
    const lines = createFrameLines();
    let count = 0;
    for await (const { number, timeNs, bytes: captured, originalLength, linkType, direction } of readCapture(file)) {
      const packet = decodeFrame(captured, originalLength, linkType);
      const facts = {
        frame: number,
        timeNs,
        interface: null,
        direction,
        capturedLength: captured.length,
        originalLength,
      };
      demandPrintable('frame', `${lines(facts, packet)}\n${frameJson(facts, packet)}`);
      count++;
    }
    const { frames, problems, problemCount } = file.summary();
    if (count > frames || problems.length > problemCount) throw new Error(`${count} of ${frames} frames`);
    for (const problem of problems) demandPrintable('problem', problemText(problem));
  } finally {
    file.close();
  }
}

/** The whole of `vdiag analyze`, but for the command line. */
export async function analyzeBytes(bytes: Uint8Array, topology?: string): Promise<void> {
  const { analysis, run } = await analyze({
    captures: [{ path: '-' }],
    stdin: pieces(bytes),
    ...(topology === undefined ? {} : { topology }),
  });
  for (const verbose of [false, true]) demandPrintable('analysis', analysisText(analysis, TERMINAL, { verbose }, run));
  JSON.parse(JSON.stringify(analysisJson(analysis, '0', run)));
}

function anyCapture(random: Random, { captures }: Seeds): Uint8Array {
  const built = random.once(3);
  const bytes = built ? builtCapture(random) : random.of(captures);
  return built && random.once(3) ? bytes : mutatedBytes(random, bytes, random.of(captures));
}

const WORDS = [
  '12:00:00.000001 ',
  'IP ',
  'ARP, ',
  ' > ',
  'who-has ',
  ' tell ',
  ', length ',
  '(',
  ')',
  '\n',
  '\r\n',
  '> ',
  'veth0 In  ',
  '4294967296',
  '\u0000',
  '\u001b[31m',
  'listening on v, link-type EN10MB',
  '# tcpdump -ni v',
  '\t0x0000:  4500 0054',
  'IP6 ',
  'fe80::1',
  ' is-at ',
];

const LINK_TYPES: readonly LinkType[] = ['ethernet', 'raw-ip', 'linux-sll', 'linux-sll2', 'null'];
const LINK_NUMBERS = [1, 101, 113, 276, 0, 108, 12, 9999];
const PROBES = probeFilter({ token: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), dataBytes: 56 });

export const CAPTURE_TARGETS: readonly Target[] = [
  {
    name: 'capture',
    share: 16,
    make: (random, seeds) => [anyCapture(random, seeds)],
    run: ([bytes]) => readFrames(bytesOf(bytes)),
  },
  {
    name: 'analyze',
    share: 4,
    make: (random, seeds) => [anyCapture(random, seeds)],
    run: ([bytes]) => analyzeBytes(bytesOf(bytes)),
  },
  {
    name: 'gzip',
    share: 3,
    make: (random, seeds) => {
      const packed = new Uint8Array(gzipSync(anyCapture(random, seeds), { level: 1 }));
      return [random.once(3) ? packed : mutatedBytes(random, packed, packed)];
    },
    run: ([bytes]) => readFrames(bytesOf(bytes)),
  },
  {
    name: 'text',
    share: 8,
    make: (random, { transcripts }) => [
      mutatedText(random, cut(random, random.of(transcripts)), random.of(transcripts), WORDS),
    ],
    run: async ([text]) => {
      looksLikeTcpdumpText(bytesOf(text));
      await readFrames(Buffer.from(textOf(text)));
    },
  },
  {
    name: 'frame',
    share: 32,
    make: (random) => {
      const frame = builtFrame(random);
      return [random.once(3) ? frame : mutatedBytes(random, frame, frame), `${random.of([0, 0, 1, 64, 65535, -1])}`];
    },
    run: ([frame, more]) => {
      const bytes = bytesOf(frame);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const glance = new Glance();
      for (const type of LINK_NUMBERS) glance.look(view, 0, bytes.length, type);
      for (const type of LINK_TYPES) {
        const packet = decodeFrame(bytes, bytes.length + Number(textOf(more)), type);
        demandPrintable('packet', describePacket(packet));
        isUnderstood(packet);
        const { stop } = packet;
        if (stop && (stop.offset < 0 || stop.have < 0 || (stop.reason === 'truncated' && stop.need <= stop.have)))
          throw new Error(`a stop that is none: ${JSON.stringify(stop)}`);
      }
      if (isPlainTransport(bytes) && isUnderstood(decodeFrame(bytes, bytes.length, 'ethernet')))
        throw new Error('a frame passed over as plain that is understood');
      executeFilter(PROBES, bytes);
    },
  },
];

/** A stretch of a transcript, so that an input is small. */
function cut(random: Random, text: string): string {
  if (random.once(8)) return text;
  const from = random.below(text.length);
  return text.slice(text.lastIndexOf('\n', from) + 1, from + 1200);
}

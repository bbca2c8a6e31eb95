/** Text in, frames out: what the tests of tcpdump's text share. */
import { type FileFrame, readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import type { CaptureSummary } from '../../src/capfile/frame-cursor.ts';
import { readTextClock, readTextTally, type TextClock, type TextTally } from '../../src/capfile/text-comment.ts';
import { tcpdumpTextToPcapng } from '../../src/capfile/text-convert.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Packet } from '../../src/wire/packet.ts';

export interface TextFrameRead {
  readonly frame: FileFrame;
  readonly packet: Packet;
  /** Where its line stands in the text, from 1. */
  readonly line: number;
}

export interface TextRead {
  readonly frames: readonly TextFrameRead[];
  readonly summary: CaptureSummary;
  readonly clocks: readonly TextClock[];
  readonly tally: TextTally;
}

export async function converted(chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of tcpdumpTextToPcapng(streamed(chunks))) parts.push(part);
  return Buffer.concat(parts);
}

export async function readText(text: string | Uint8Array): Promise<TextRead> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const { frames, summary } = readCaptureBytes(await converted([bytes]));
  if (summary.problems.length > 0) throw new Error(`the pcapng has problems: ${JSON.stringify(summary.problems)}`);
  const tally = readTextTally(summary.comments.at(-1) ?? '');
  if (tally === undefined) throw new Error('the last section has no tally');
  return {
    frames: frames.map((frame) => ({
      frame,
      packet: decodeFrame(frame.bytes, frame.originalLength, frame.linkType),
      line: Number(/^line (\d+)/.exec(frame.comments[0] ?? '')?.[1]),
    })),
    summary,
    clocks: summary.comments.map(readTextClock).filter((clock) => clock !== undefined),
    tally,
  };
}

/** `veth1 ARP, Request who-has …`: the place and the packet of each frame. */
export async function seen(text: string): Promise<string[]> {
  const { frames } = await readText(text);
  return frames.map(({ frame, packet }) => `${placeOf(frame)} ${describePacket(packet)}`);
}

function placeOf({ place }: FileFrame): string {
  return place.netns === '' ? place.name : `${place.name}@${place.netns}`;
}

async function* streamed(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

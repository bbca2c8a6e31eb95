/**
 * The text that tcpdump printed, as a pcapng capture, so that everything behind reads it like any other. Fields that were not
 * printed are zero (`text-comment.ts` lists them), and nothing is made up: a line that leaves out what a frame needs, an
 * address by its name above all, gives none and is counted.
 */
import { readCaptureLine } from './text-command.ts';
import { TextConverter } from './text-converter.ts';
import { isWorded, readHead } from './text-head.ts';
import { cleanLine, encodingOf, LineSplitter, type TextLine } from './text-line.ts';

/** Characters read before the first frame is given: requests and names in them explain lines above them too. */
const READ_AHEAD = 1 << 18;
/** Bytes handed on at a time. */
const CHUNK = 1 << 16;
/** Bytes looked at to recognise a text. */
const LOOK = 1 << 16;

/**
 * True for text with at least one line of a packet or of tcpdump's own.
 * @param first the beginning of a file, up to 64 KiB
 */
export function looksLikeTcpdumpText(first: Uint8Array): boolean {
  const bytes = first.subarray(0, LOOK);
  const encoding = encodingOf(bytes);
  if (encoding === 'utf-8' && bytes.includes(0)) return false;
  const lines = new TextDecoder(encoding).decode(bytes).split(/[\r\n]+/);
  return lines.some((line) => {
    const { text } = cleanLine(line, 0);
    if (text === '') return false;
    if (readCaptureLine(text)?.kind === 'listening') return true;
    const head = readHead(text);
    return head !== undefined && head.protocol !== 'other' && (head.stamp.kind !== 'none' || isWorded(head));
  });
}

/** Streams a text as pcapng, in bounded memory. What comes out does not depend on how the text is cut into chunks. */
export async function* tcpdumpTextToPcapng(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const converter = new TextConverter();
  const splitter = new LineSplitter();
  const ahead: TextLine[] = [];
  let room = READ_AHEAD;
  function* take(lines: readonly TextLine[]): Generator<Uint8Array> {
    for (const line of lines) {
      converter.learn(line, room > 0);
      if (room <= 0) yield* convert(converter, [line]);
      else {
        ahead.push(line);
        room -= line.text.length + 1;
        if (room <= 0) yield* convert(converter, ahead.splice(0));
      }
    }
    if (converter.blocks.size > 0) yield converter.blocks.take();
  }
  for await (const chunk of chunks) yield* take(splitter.push(chunk));
  yield* take(splitter.end());
  yield* convert(converter, ahead);
  converter.end();
  yield converter.blocks.take();
}

function* convert(converter: TextConverter, lines: readonly TextLine[]): Generator<Uint8Array> {
  for (const line of lines) {
    converter.take(line);
    if (converter.blocks.size >= CHUNK) yield converter.blocks.take();
  }
}

/** vdiag frames */
import { Command } from 'commander';
import type { CaptureFile } from '../capfile/capture-file.ts';
import type { CaptureInterface } from '../capfile/capture-interface.ts';
import { cursorTimeNs, flagsDirection } from '../capfile/frame-cursor.ts';
import { linkTypeName } from '../capfile/link-type.ts';
import { openCaptureFile } from '../capfile/open.ts';
import { problemText } from '../capfile/problem.ts';
import { type FrameFacts, frameJson } from '../report/frame-json.ts';
import { createFrameLines } from '../report/frame-line.ts';
import { printable } from '../report/printable.ts';
import { detectTerminal } from '../report/terminal.ts';
import { isPlainTransport, isUnderstood } from '../wire/concern.ts';
import { decodeFrame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import { writePart } from './output.ts';
import { giveUpRightsToRead } from './rights.ts';

interface Flags {
  readonly json?: boolean;
  readonly all?: boolean;
}

type Print = (facts: FrameFacts, packet: Packet) => string;

const EXAMPLES = `Examples:
  vdiag frames c.pcap                       what was read, one frame a line
  tcpdump -i any -w - | vdiag frames -      while it is captured
  vdiag frames --json c.pcapng | jq -r 'select(.arp) | .arp.senderProtocol'
`;

const AFTER = `
Several captures are printed one after the other, each in its own order.
Exit status: 0 all was read, 2 a capture is damaged (what came before the damage is printed) or cannot be read.`;

/** Characters printed at a time. */
const BATCH = 1 << 16;

export function framesCommand(): Command {
  return new Command('frames')
    .summary('what a capture holds: ARP, ICMP and ICMPv6, one frame a line')
    .description(
      'Prints the ARP, ICMP and ICMPv6 frames of captures, also those inside tunnels, as tcpdump -n does or as JSON. Reads pcap, pcapng and the text tcpdump printed, also compressed with gzip.',
    )
    .argument('<capture...>', 'files; - is standard input')
    .option('--json', 'one JSON object a line')
    .option('--all', 'every frame')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', AFTER)
    .action(run);
}

async function run(paths: string[], flags: Flags): Promise<void> {
  await giveUpRightsToRead();
  const lines = createFrameLines();
  const { unicode } = detectTerminal(process.stdout, process.env, { color: false });
  const print: Print = flags.json ? frameJson : (facts, packet) => printable(lines(facts, packet), unicode);
  for (const path of paths) {
    const file = await openCaptureFile(path);
    try {
      if (!(await printFrames(file, print, flags.all === true, paths.length > 1))) return;
    } finally {
      file.close();
    }
  }
}

/** False when nobody reads standard output any more: `| head` has seen enough. */
async function printFrames(file: CaptureFile, print: Print, all: boolean, several: boolean): Promise<boolean> {
  const labels = new Map<CaptureInterface, string | null>();
  const facts = (): FrameFacts => {
    const { cursor } = file;
    const { source, start, end, originalLength } = cursor;
    let label = labels.get(source);
    if (label === undefined) {
      label = labelOf(source);
      labels.set(source, label);
    }
    return {
      ...(several ? { file: file.name } : {}),
      frame: cursor.number,
      timeNs: cursorTimeNs(cursor),
      interface: label,
      capturedLength: end - start,
      originalLength,
      direction: flagsDirection(cursor.flags),
    };
  };
  let printed = 0;
  let batch = '';
  do {
    const { cursor, window } = file;
    while (cursor.next(window)) {
      const bytes = window.bytes.subarray(cursor.start, cursor.end);
      const linkType = cursor.source.frameLinkType;
      if (!all && linkType === 'ethernet' && isPlainTransport(bytes)) continue;
      const packet = decodeFrame(bytes, cursor.originalLength, linkType);
      if (!all && !isUnderstood(packet)) continue;
      printed++;
      batch += `${print(facts(), packet)}\n`;
      if (batch.length < BATCH) continue;
      if (!(await writePart(batch))) return false;
      batch = '';
    }
    // What a live capture brought is shown at once.
    if (batch !== '' && file.sizeBytes === undefined) {
      if (!(await writePart(batch))) return false;
      batch = '';
    }
  } while (await file.fill());
  const written = batch === '' || (await writePart(batch));
  complain(file, printed);
  return written;
}

/** The interface's name; by its number where it has none but is one of several. */
function labelOf({ name, kernelIndex, section, id }: CaptureInterface): string | null {
  if (name !== '') return name;
  if (kernelIndex !== undefined) return `interface ${kernelIndex}`;
  return section === 0 && id === 0 ? null : `interface ${id}`;
}

/** What was not printed, and why, on standard error. */
function complain(file: CaptureFile, printed: number): void {
  const { problems, problemCount, skippedLinkTypes, oversized, frames } = file.summary();
  const say = (text: string) => process.stderr.write(printable(`vdiag: ${file.name}${text}`, false).concat('\n'));
  for (const [linkType, count] of skippedLinkTypes)
    say(`: ${count} of ${frames} frames skipped: vdiag reads no ${linkTypeName(linkType)}`);
  if (oversized > 0) say(`: ${oversized} of ${frames} frames skipped: too large`);
  const last = problems.at(-1);
  const leftOut = problemCount - (last?.fatal === true ? 1 : 0);
  const [first] = problems;
  if (first !== undefined && leftOut > 1) say(` ${problemText(first)} (and ${leftOut - 1} more left out)`);
  else if (first !== undefined && leftOut === 1) say(` ${problemText(first)}`);
  if (last?.fatal === true) say(` ${problemText(last)}`);
  if (problemCount > 0) process.exitCode = 2;
  else if (printed === 0 && frames > 0 && skippedLinkTypes.size === 0)
    say(`: none of its ${frames} frames is ARP or ICMP (--all prints every frame)`);
}

/** vdiag record */
import { Command, InvalidArgumentError } from 'commander';
import { VdiagError } from '../linux/error.ts';
import { errorText } from '../report/error-text.ts';
import { printable } from '../report/printable.ts';
import { LEAST_RING, type RecordOptions, type RecordProgress, type RecordSummary, record } from '../session/record.ts';
import { onInterrupt } from './interrupt.ts';
import { note, write } from './output.ts';
import { shareRights } from './rights.ts';

interface Flags {
  readonly write: string;
  readonly on?: readonly string[];
  readonly netns?: string;
  readonly duration?: number;
  readonly count?: number;
  readonly snapshotLength?: number;
  readonly ring?: number;
  readonly redact?: boolean;
}

const EXAMPLES = `Examples:
  vdiag record -w all.pcapng                          every interface here and in all connected namespaces
  vdiag record -w way.pcapng eth0 10.9.0.3            the way from eth0 to 10.9.0.3
  vdiag record -w two.pcapng --on br0 --on eth0@web   these two
  vdiag record -w night.pcapng --ring 500M            the newest 500 MiB, until Ctrl-C
  ssh host vdiag record -w - --on br0 | vdiag analyze -
`;

const NOTES = `
FILE.topology.json beside the capture has the state of the kernel before and after, and what was listened to;
vdiag analyze finds it there. Stop with Ctrl-C: both files are then finished.

With --ring the capture is NAME-00001.pcapng, NAME-00002.pcapng and on, each complete and an eighth of SIZE; the oldest
are deleted, also those of an earlier recording of that name. Analyze them together: vdiag analyze NAME-*.pcapng

With -w - the capture goes to standard output, and there is no companion. Over ssh name interfaces that do not carry the
ssh session itself, or the capture records its own transport.

Wireshark takes one TCP segment seen on several interfaces for a retransmission: wireshark -o tcp.analyze_sequence_numbers:FALSE

Exit status: 0 recorded, 2 vdiag could not do it, or not to the end.`;

export function recordCommand(): Command {
  return new Command('record')
    .summary('capture on many interfaces and namespaces at once, with the state of the kernel, for later')
    .description(
      'Captures every frame on the interfaces named, on the way to an address, or everywhere around, in all namespaces at once, into one pcapng file for Wireshark, tcpdump and vdiag analyze. Never promiscuous.',
    )
    .argument('[interface]', 'the interface to go out by, or a container')
    .argument('[address]', 'the address or container to go to: record the way there')
    .requiredOption('-w, --write <file.pcapng>', 'where to; - is standard output')
    .option(
      '--on <iface[@netns]|container>',
      'record this interface; may be given several times',
      (value: string, all: readonly string[] = []) => [...all, value],
    )
    .option('--netns <name|pid|path|container>', 'start in this network namespace')
    .option('--duration <seconds>', 'end after this time', seconds)
    .option('-c, --count <n>', 'end after n frames', integer(1, Number.MAX_SAFE_INTEGER))
    .option('-s, --snapshot-length <bytes>', 'bytes kept of a frame (default: all)', integer(0, 262144))
    .option('--redact', 'replace addresses and names by others, and zero what packets carry: for a public issue')
    .option('--ring <size>', 'keep the newest frames alone, in files of together so many bytes (100M, 2G)', size)
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .action(run);
}

async function run(device: string | undefined, address: string | undefined, flags: Flags): Promise<void> {
  shareRights();
  const interrupted = onInterrupt();
  try {
    const summary = await record(optionsOf(device, address, flags, interrupted.signal));
    clearProgress();
    for (const gap of summary.coverage.gaps) process.stderr.write(`vdiag: ${printable(gap, false)}\n`);
    const said = summaryText(flags, summary);
    if (flags.write === '-') process.stderr.write(summary.readerLeft ? '' : said);
    else await write(said);
    if (!summary.failure) return;
    process.stderr.write(errorText(summary.failure));
    process.exitCode = summary.failure.exitCode;
  } catch (error) {
    clearProgress();
    if (!interrupted.signal.aborted || error instanceof VdiagError) throw error;
    throw new VdiagError('interrupted', 'interrupted before the recording began', 'run it again and let it go on', {
      cause: error,
    });
  } finally {
    interrupted.off();
  }
}

function optionsOf(
  device: string | undefined,
  address: string | undefined,
  flags: Flags,
  signal: AbortSignal,
): RecordOptions {
  if (device !== undefined && address === undefined)
    throw new VdiagError(
      'usage',
      `the way from ${device}, but to which address?`,
      `or record it alone: --on ${device}`,
    );
  const toStream = flags.write === '-';
  if (toStream && flags.ring !== undefined)
    throw new VdiagError('usage', 'a ring is made of files: -w - is none', 'give a name: -w night.pcapng');
  if (toStream && process.stdout.isTTY)
    throw new VdiagError('usage', 'standard output is a terminal', 'pipe it: vdiag record -w - | vdiag analyze -');
  return {
    to: toStream ? process.stdout : flags.write,
    signal,
    onNote: note,
    ...(device !== undefined && address !== undefined ? { way: { interface: device, address } } : {}),
    ...(flags.on === undefined ? {} : { on: flags.on }),
    ...(flags.netns === undefined ? {} : { netns: flags.netns }),
    ...(flags.duration === undefined ? {} : { durationMs: flags.duration * 1000 }),
    ...(flags.count === undefined ? {} : { count: flags.count }),
    // As tcpdump's, 0 is all.
    ...(flags.snapshotLength ? { snapLength: flags.snapshotLength } : {}),
    ...(flags.ring === undefined ? {} : { ringBytes: flags.ring }),
    ...(flags.redact === undefined ? {} : { redact: flags.redact }),
    ...(process.stderr.isTTY ? { onProgress: showProgress } : {}),
  };
}

/** "recorded 1 234 frames on 5 interfaces, 0 lost, all.pcapng 1.2 MiB" */
function summaryText({ write: to, ring }: Flags, { frames, bytes, lost, coverage, files }: RecordSummary): string {
  const places = coverage.places.length;
  const where =
    ring === undefined
      ? to.replace(/^-$/, 'standard output')
      : `the newest ${grouped(coverage.framesCaptured)} in ${files[0]} to ${files.at(-1)}`;
  const counts = `recorded ${grouped(frames)} ${frames === 1 ? 'frame' : 'frames'} on ${places} ${places === 1 ? 'interface' : 'interfaces'}`;
  const line = `${counts}, ${grouped(lost)} lost, ${printable(where, false)} ${byteText(bytes)}\n`;
  return lost === 0
    ? line
    : `${line}  the kernel had no room for some: record fewer interfaces (--on) or less (-s 128)\n`;
}

function showProgress({ frames, bytes, lost }: RecordProgress): void {
  process.stderr.write(`\r\u001b[K${grouped(frames)} frames, ${byteText(bytes)}, ${grouped(lost)} lost`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}

/** "1 234 567" */
function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

/** "640 B", "1.2 MiB" */
function byteText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

function size(text: string): number {
  const parts = /^(\d{1,12})([kmgt]?)(?:i?b)?$/i.exec(text);
  const power = ' kmgt'.indexOf((parts?.[2] || ' ').toLowerCase());
  const bytes = parts ? Number(parts[1]) * 1024 ** power : Number.NaN;
  if (!(bytes >= LEAST_RING)) throw new InvalidArgumentError(`a size from ${LEAST_RING >> 20}M on is wanted, as 100M.`);
  return bytes;
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is wanted.`);
    return value;
  };
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value <= 0) throw new InvalidArgumentError('seconds above 0 are wanted.');
  return value;
}

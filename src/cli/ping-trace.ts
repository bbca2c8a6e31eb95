/** vdiag ping-trace */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Rule } from '../diagnose/rule.ts';
import { ownRights } from '../linux/capabilities.ts';
import { VdiagError } from '../linux/error.ts';
import { type Format, formatted } from '../report/format.ts';
import { detectTerminal } from '../report/terminal.ts';
import { loadRules } from '../session/load-rules.ts';
import { recordMtuTrace } from '../session/mtu-trace.ts';
import { type PingTraceOptions, type PingTraceRun, recordPingTrace } from '../session/ping-trace.ts';
import { writeWhole } from '../session/record-file.ts';
import { checkRunPath, writeRun } from '../session/write-run.ts';
import { onInterrupt } from './interrupt.ts';
import { note, wantsColor, write } from './output.ts';
import { complainOf, failureOf, formatWanted, type ReportFlags, withReportOptions } from './report-options.ts';
import { giveUpRights, shareRights } from './rights.ts';

interface Flags extends ReportFlags {
  readonly count?: number;
  readonly interval?: number;
  readonly timeout?: number;
  readonly size?: number;
  readonly pmtudisc?: 'do' | 'want' | 'dont' | 'probe';
  readonly mtu?: boolean;
  readonly ttl?: number;
  readonly netns?: string;
  readonly probe?: readonly string[];
  readonly engine: 'packet-ring' | 'cap';
  readonly drops: boolean;
  readonly traceRules?: boolean;
  readonly rules?: string;
  readonly jsonFile?: string;
  readonly write?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `Examples:
  vdiag ping-trace veth0 1.2.3.102             why does nobody answer?
  vdiag ping-trace eth0 10.9.0.3 --netns web   start in the namespace web
  vdiag ping-trace web db                      from one container to another
  vdiag ping-trace eth0 10.9.0.3 -s 1400 -M do big packets, not to be fragmented
  vdiag ping-trace eth0 10.9.0.3 --mtu         the largest packet that passes, and what limits it
  vdiag ping-trace eth0 10.9.0.3 --json | jq -r '.findings[0].remedy[0].commands[]'
`;

const EXIT_STATUS = '\nExit status: 0 healthy, 1 a fault was found or no reply came, 2 vdiag could not do it.';

export function pingTraceCommand(): Command {
  const command = new Command('ping-trace')
    .summary('ping from an interface, watch every place on the way, and name what stops the packet')
    .description(
      'Sends ICMP echo requests from an interface, as ping -I does, listens on every interface of the path at once, in all network namespaces, and says where the packet stopped, why, and which command cures it.',
    )
    .argument('<interface>', 'the interface to ping from, or a container: the route then says by which interface')
    .argument('<address>', 'the address to ping, or a container')
    .option(
      '-c, --count <n>',
      'send exactly n probes (default: 3, fewer once the verdict is certain)',
      integer(1, 65535),
    )
    .option('-i, --interval <seconds>', 'between probes (default: 0.2)', seconds(0.001))
    .option('-W, --timeout <seconds>', 'wait for a reply (default: 1)', seconds(0.001))
    .option('-s, --size <bytes>', 'echo data bytes (default: 56)', integer(0, 65507))
    .addOption(
      new Option(
        '-M, --pmtudisc <mode>',
        "path MTU discovery: never fragment, fragment locally, clear the don't-fragment bit, or never fragment whatever is known of the path",
      ).choices(['do', 'want', 'dont', 'probe']),
    )
    .addOption(
      new Option('--mtu', 'find the largest packet that passes, and the hop that limits it').conflicts([
        'size',
        'pmtudisc',
      ]),
    )
    .option('-t, --ttl <hops>', 'time to live', integer(1, 255))
    .option('--netns <name|pid|path|container>', 'start in this network namespace')
    .option(
      '--probe <iface[@netns]|container>',
      'listen here too; may be given several times',
      (value: string, all: readonly string[] = []) => [...all, value],
    )
    .addOption(
      new Option('--engine <engine>', 'how frames are captured').choices(['packet-ring', 'cap']).default('packet-ring'),
    )
    .option('--no-drops', 'leave kernel drop events out')
    .option(
      '--trace-rules',
      'ask the kernel which filter rules the probes meet: for the time of the run vdiag adds a table of its own to nftables',
    )
    .option('--rules <file.js>', 'ask the rules of this module first');
  return withReportOptions(command)
    .option('-w, --write <file.pcapng>', 'write what was captured, for Wireshark and for later')
    .option('--json-file <file>', 'write the JSON document to this file too')
    .option('-v, --verbose', 'every gate, journey and place in tables')
    .option('-q, --quiet', 'the headline alone')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', EXIT_STATUS)
    .action(run);
}

async function run(name: string, address: string, flags: Flags, command: Command): Promise<void> {
  shareRights();
  const interrupted = onInterrupt();
  try {
    if (flags.write !== undefined) checkRunPath(flags.write);
    const trace = flags.mtu ? recordMtuTrace : recordPingTrace;
    const rules = flags.rules === undefined ? [] : await loadRules(flags.rules);
    const notes: string[] = [];
    const hold = (line: string): unknown => (flags.redact ? notes.push(line) : note(line));
    const writes = [flags.write, flags.jsonFile, flags.report].some((file) => file !== undefined);
    const recorded = await trace({
      ...optionsOf(name, address, flags, interrupted.signal),
      rules,
      onNote: hold,
      rights: ownRights(),
      // A search for the largest packet traces again.
      ...(flags.mtu ? {} : { onCollected: () => giveUpRights({ writes, symbols: true }) }),
    });
    giveUpRights({ writes });
    const traced = flags.redact ? await redacted(recorded, rules, notes) : recorded;
    const { report } = traced;
    const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
    const as = (format: Format) =>
      formatted(report, format, terminal, { verbose: flags.verbose === true, quiet: flags.quiet === true });
    const unwritten = [
      failureOf(flags.write, (file) => writeRun(file, traced)),
      failureOf(flags.jsonFile, (file) => writeWhole(file, as('json'))),
      failureOf(flags.report, (file) => writeWhole(file, as('html'))),
    ];
    await write(as(formatWanted(flags)));
    complainOf(unwritten);
    process.exitCode ??= report.diagnosis.outcome === 'healthy' ? 0 : 1;
  } catch (error) {
    if (!interrupted.signal.aborted || error instanceof VdiagError) throw error;
    throw new VdiagError(
      'interrupted',
      'interrupted before the first probe was sent',
      'run it again and let it go on',
      {
        cause: error,
      },
    );
  } finally {
    interrupted.off();
  }
}

/** The run as it can be shown. @param notes what was said meanwhile: it is said now, redacted too */
async function redacted(run: PingTraceRun, rules: readonly Rule[], notes: readonly string[]): Promise<PingTraceRun> {
  const { redactRun } = await import('../session/redact.ts');
  const { redacted: shown, redactor, losses } = redactRun(run, rules);
  for (const line of [...notes.map(redactor.text), ...losses]) note(line);
  return shown;
}

function optionsOf(name: string, address: string, flags: Flags, signal: AbortSignal): PingTraceOptions {
  return {
    interface: name,
    address,
    ...(flags.count === undefined ? {} : { count: flags.count }),
    ...(flags.interval === undefined ? {} : { intervalMs: flags.interval * 1000 }),
    ...(flags.timeout === undefined ? {} : { waitMs: flags.timeout * 1000 }),
    ...(flags.size === undefined ? {} : { sizeBytes: flags.size }),
    ...(flags.pmtudisc === undefined ? {} : { dontFragment: flags.pmtudisc }),
    ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }),
    ...(flags.netns === undefined ? {} : { netns: flags.netns }),
    ...(flags.probe === undefined ? {} : { probes: flags.probe }),
    engine: flags.engine,
    drops: flags.drops,
    ...(flags.traceRules === undefined ? {} : { traceRules: flags.traceRules }),
    signal,
  };
}

/** Takes a whole number between two others, both included. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is wanted.`);
    return value;
  };
}

function seconds(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d*\.?\d+$/.test(text) || value < least || value > 3600)
      throw new InvalidArgumentError(`seconds from ${least} to 3600 are wanted.`);
    return value;
  };
}

/** vdiag check */

import { Command, Option } from 'commander';
import { type Format, formatted } from '../report/format.ts';
import { detectTerminal } from '../report/terminal.ts';
import { check } from '../session/check.ts';
import { writeWhole } from '../session/record-file.ts';
import { note, wantsColor, write } from './output.ts';
import { integer } from './ping-trace.ts';
import { complainOf, failureOf, formatWanted, type ReportFlags, withReportOptions } from './report-options.ts';
import { giveUpRights, shareRights } from './rights.ts';

interface Flags extends ReportFlags {
  readonly size?: number;
  readonly pmtudisc?: 'do' | 'want' | 'dont';
  readonly ttl?: number;
  readonly netns?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `Examples:
  vdiag check veth0 1.2.3.102              would it get there, and back?
  vdiag check eth0 10.9.0.3 --netns web    from the namespace web
  vdiag check web db                       from one container to another
  vdiag check eth0 10.9.0.3 -s 1400        would a big one?
`;

const EXIT_STATUS =
  '\nExit status: 0 nothing stops it, 1 something does or not every gate is decided, 2 vdiag could not do it.';

export function checkCommand(): Command {
  const command = new Command('check')
    .summary('the model alone: the expected path, every gate on it, and what would stop a packet; none is sent')
    .description(
      'Reads the state of all network namespaces on the way, and says what would become of an echo request and its reply: every decision of the kernel, the state that decides it, and the cure where one stops the packet. Sends nothing.',
    )
    .argument('<interface>', 'the interface a packet would start from, or a container')
    .argument('<address>', 'the address it would go to, or a container')
    .option('-s, --size <bytes>', 'echo data bytes (default: 56)', integer(0, 65507))
    .addOption(new Option('-M, --pmtudisc <mode>', 'path MTU discovery').choices(['do', 'want', 'dont']))
    .option('-t, --ttl <hops>', 'time to live', integer(1, 255))
    .option('--netns <name|pid|path|container>', 'start in this network namespace');
  return withReportOptions(command)
    .option('-v, --verbose', 'the command that shows the state, for every gate')
    .option('-q, --quiet', 'the headline alone')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', EXIT_STATUS)
    .action(run);
}

async function run(name: string, address: string, flags: Flags, command: Command): Promise<void> {
  shareRights();
  const report = await check({
    interface: name,
    address,
    onNote: note,
    ...(flags.size === undefined ? {} : { sizeBytes: flags.size }),
    ...(flags.pmtudisc === undefined ? {} : { dontFragment: flags.pmtudisc }),
    ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }),
    ...(flags.netns === undefined ? {} : { netns: flags.netns }),
    ...(flags.redact === undefined ? {} : { redact: flags.redact }),
  });
  giveUpRights({ writes: flags.report !== undefined });
  const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
  const as = (format: Format) =>
    formatted(report, format, terminal, { verbose: flags.verbose === true, quiet: flags.quiet === true });
  const unwritten = failureOf(flags.report, (file) => writeWhole(file, as('html')));
  await write(as(formatWanted(flags)));
  complainOf([unwritten]);
  process.exitCode ??= report.diagnosis.outcome === 'healthy' ? 0 : 1;
}

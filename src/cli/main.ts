#!/usr/bin/env node
/** The command line: one file per command; this one joins them and turns errors into exit status 2. */
import { Command, CommanderError } from 'commander';
import { VdiagError } from '../linux/error.ts';
import { errorText } from '../report/error-text.ts';
import { version } from '../version.ts';
import { analyzeCommand } from './analyze.ts';
import { checkCommand } from './check.ts';
import { dropsCommand } from './drops.ts';
import { framesCommand } from './frames.ts';
import { labCommand } from './lab.ts';
import { tolerateClosedPipe } from './output.ts';
import { pingTraceCommand } from './ping-trace.ts';
import { recordCommand } from './record.ts';
import { explainCommand, rulesCommand } from './rules.ts';

const EXAMPLES = `Examples:
  vdiag ping-trace veth0 1.2.3.102        why does nobody answer?
  vdiag analyze all.pcapng                what went wrong in a capture?
  vdiag explain bridge-port-owns-ip       one fault, and how to cure it
  vdiag rules                             what vdiag can find
  vdiag lab run bridge-port-owns-ip       see it happen, in namespaces of its own
`;

/** Nothing that vdiag cannot do is a fault of the network: as ping's, its status is 2. */
const CANNOT = 2;

export function program(): Command {
  const command = new Command('vdiag')
    .description('Where did the packet stop, why, and which command cures it?')
    .version(version(), '-V, --version')
    .addHelpText('before', EXAMPLES)
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .option('--no-color', 'plain text (so does NO_COLOR)');
  for (const sub of [
    pingTraceCommand(),
    checkCommand(),
    analyzeCommand(),
    recordCommand(),
    framesCommand(),
    dropsCommand(),
    rulesCommand(),
    explainCommand(),
    labCommand(),
  ])
    command.addCommand(sub);
  inherit(command.exitOverride());
  return command;
}

/** Errors of every command, also of those inside others, come back here instead of ending the process. */
function inherit(command: Command): void {
  for (const sub of command.commands) inherit(sub.copyInheritedSettings(command));
}

/** commander's own words, in the form of every other error: one line, and the next step. */
function usageError({ message }: CommanderError): VdiagError {
  const [what = '', suggestion = '(vdiag --help shows how)'] = message.replace(/^error: /, '').split('\n');
  return new VdiagError('usage', what, suggestion.replace(/^\((.*)\)$/, '$1'));
}

tolerateClosedPipe(process.stdout);
tolerateClosedPipe(process.stderr);
try {
  await program().parseAsync();
} catch (error) {
  const help = error instanceof CommanderError && error.exitCode === 0;
  // Without any argument commander has shown the help: that is an answer, but nothing was done.
  const shown = error instanceof CommanderError && error.code === 'commander.help';
  if (!help && !shown) process.stderr.write(errorText(error instanceof CommanderError ? usageError(error) : error));
  process.exitCode = help ? 0 : CANNOT;
}

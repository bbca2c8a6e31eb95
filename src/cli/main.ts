#!/usr/bin/env node
/** The command line: one file per command; this one joins them and turns errors into exit status 2. */
import { Command, CommanderError } from 'commander';
import { errorText } from '../report/error-text.ts';
import { version } from '../version.ts';
import { labCommand } from './lab.ts';
import { pingTraceCommand } from './ping-trace.ts';
import { explainCommand, rulesCommand } from './rules.ts';

const EXAMPLES = `Examples:
  vdiag ping-trace veth0 1.2.3.102        why does nobody answer?
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
    .showHelpAfterError('  vdiag --help shows how; vdiag COMMAND --help has examples')
    .configureOutput({ outputError: (text, out) => out(text.replace(/^error: /, 'vdiag: ')) })
    .option('--no-color', 'plain text (so does NO_COLOR)');
  for (const sub of [pingTraceCommand(), rulesCommand(), explainCommand(), labCommand()])
    command.addCommand(sub.copyInheritedSettings(command));
  return command.exitOverride();
}

try {
  const all = program();
  for (const sub of all.commands) sub.exitOverride();
  await all.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : CANNOT;
  else {
    process.stderr.write(errorText(error));
    process.exitCode = CANNOT;
  }
}

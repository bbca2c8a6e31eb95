#!/usr/bin/env node
/** The command line: one file per command; this one joins them and turns errors into exit status 2. */
import { Command, CommanderError } from 'commander';
import { VdiagError } from '../linux/error.ts';
import { endProcess, givenStreams } from '../linux/exit.ts';
import { errorText } from '../report/error-text.ts';
import { version } from '../version.ts';
import { COMMANDS } from './commands.ts';
import { handedOver, tolerateClosedPipe } from './output.ts';
import { unknownCommand } from './unknown-command.ts';

const EXAMPLES = `Examples:
  vdiag ping-trace veth0 1.2.3.102        why does nobody answer?
  vdiag ping-trace web db                 from one container to another
  vdiag map                               which veth belongs to which container?
  vdiag analyze all.pcapng                what went wrong in a capture?
  vdiag explain bridge-port-owns-ip       one fault, and how to cure it
  vdiag rules                             what vdiag can find
  vdiag lab run bridge-port-owns-ip       see it happen, in namespaces of its own
`;

/** Nothing that vdiag cannot do is a fault of the network: as ping's, its status is 2. */
const CANNOT = 2;

/** The command line with the command that `words` name; with all of them where they name none (help, or a word mistyped). */
async function program(words: readonly string[]): Promise<Command> {
  const command = new Command('vdiag')
    .description('Where did the packet stop, why, and which command cures it?')
    .version(version(), '-V, --version')
    .addHelpText('before', EXAMPLES)
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .option('--no-color', 'plain text (so does NO_COLOR)');
  const named = words.find((word) => !word.startsWith('-')) ?? '';
  const wanted = Object.hasOwn(COMMANDS, named) ? [named] : Object.keys(COMMANDS);
  for (const name of wanted) {
    const sub = await COMMANDS[name]?.();
    if (sub) command.addCommand(sub);
  }
  inherit(command.exitOverride());
  return command;
}

/** Errors of every command, also of those inside others, come back here instead of ending the process. */
function inherit(command: Command): void {
  for (const sub of command.commands) inherit(sub.copyInheritedSettings(command));
}

/** commander's own words, in the form of every other error: one line, and the next step. */
function usageError({ code, message }: CommanderError): VdiagError {
  const word = /^error: unknown command '(.*)'/s.exec(message)?.[1];
  if (code === 'commander.unknownCommand' && word !== undefined) return unknownCommand(word);
  const [what = '', suggestion = '(vdiag --help shows how)'] = message.replace(/^error: /, '').split('\n');
  return new VdiagError('usage', what, suggestion.replace(/^\((.*)\)$/, '$1').replace(/^Did/, 'did'));
}

/** Does what the words ask for; `process.exitCode` is what came of it. */
async function run(words: readonly string[]): Promise<void> {
  if (words[0] === 'help' && words[1] !== undefined && !Object.hasOwn(COMMANDS, words[1]))
    throw unknownCommand(words[1]);
  await (await program(words)).parseAsync(words, { from: 'user' });
}

function complain(error: unknown): void {
  const help = error instanceof CommanderError && error.exitCode === 0;
  // Without any argument commander has shown the help: that is an answer, but nothing was done.
  const shown = error instanceof CommanderError && error.code === 'commander.help';
  if (!help && !shown) process.stderr.write(errorText(error instanceof CommanderError ? usageError(error) : error));
  process.exitCode = help ? 0 : CANNOT;
}

const given = givenStreams();
tolerateClosedPipe(process.stdout);
tolerateClosedPipe(process.stderr);
const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) process.stdout.write(`${version()}\n`);
else {
  await run(words).catch(complain);
  await handedOver();
  endProcess(given);
}

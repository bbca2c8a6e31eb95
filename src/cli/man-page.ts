/** vdiag(1), made from the commands themselves (man(7), groff_man(7)). */
import type { Command } from 'commander';
import { COMMANDS } from './commands.ts';

/** The whole page, ending in a newline. Nothing in it depends on the day it was made. */
export async function manPage(version: string): Promise<string> {
  const commands: Command[] = [];
  for (const load of Object.values(COMMANDS)) commands.push(await load());
  return [
    `.TH VDIAG 1 "" "vdiag ${roff(version)}" "User Commands"`,
    '.SH NAME',
    'vdiag \\- where did the packet stop in a container network, why, and which command cures it',
    '.SH SYNOPSIS',
    '.B vdiag',
    '.I command',
    '[\\fIoptions\\fR] [\\fIarguments\\fR]',
    '.SH DESCRIPTION',
    roff(
      'vdiag pings as ping -I does, listens on every interface of the way at once, in every network namespace the packet crosses, joins what each of them saw into one journey per packet, and holds the journey against the path the kernel should have taken. It names the place where the packet vanished, the kernel state that made it vanish, and the commands that cure it.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap((command) => commandLines(command, '')),
    '.SH EXIT STATUS',
    ...term('0', 'healthy'),
    ...term('1', 'a fault was found, or no reply came'),
    ...term(
      '2',
      'vdiag could not do it: usage, permission, no such interface; one line on standard error says what to do',
    ),
    '.SH ENVIRONMENT',
    ...term('NO_COLOR', 'no colour, when it is not empty'),
    ...term('COLUMNS', 'the width of the output'),
    ...term('LC_ALL, LC_CTYPE, LANG', 'drawing characters only where these name UTF-8'),
    '.SH SEE ALSO',
    ...['ping(8)', 'ip(8)', 'bridge(8)', 'tcpdump(8)', 'nft(8)', 'network_namespaces(7)', 'packet(7)'].map(
      (page, index, all) => `.BR ${page.replace('(', ' (')}${index < all.length - 1 ? ' ,' : ''}`,
    ),
    '',
  ].join('\n');
}

function commandLines(command: Command, parent: string): string[] {
  const name = `${parent}${command.name()}`;
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
  const own = command.createHelp();
  const lines = [
    `.SS vdiag ${roff(name)} ${roff(usageOf(command))}`.trimEnd(),
    roff(command.description() || command.summary()),
    ...own
      .visibleArguments(command)
      .flatMap((argument) => term(own.argumentTerm(argument), own.argumentDescription(argument))),
    ...own
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .flatMap((option) => term(own.optionTerm(option), own.optionDescription(option))),
    ...examplesOf(command),
  ];
  return [...lines, ...visible.flatMap((sub) => commandLines(sub, `${name} `))];
}

function usageOf(command: Command): string {
  return command.registeredArguments
    .map((argument) => {
      const name = argument.variadic ? `${argument.name()}...` : argument.name();
      return argument.required ? `<${name}>` : `[${name}]`;
    })
    .join(' ');
}

/** What the help shows around the options: examples above all. */
function examplesOf(command: Command): string[] {
  let whole = '';
  command.configureOutput({ writeOut: (part) => (whole += part) }).outputHelp();
  const text = whole.replace(command.helpInformation(), '\n');
  const lines = text.split('\n').filter((line, index, all) => line !== '' || all[index - 1] !== '');
  while (lines[0] === '') lines.shift();
  while (lines.at(-1) === '') lines.pop();
  return lines.length === 0 ? [] : ['.PP', '.EX', ...lines.map(roff), '.EE'];
}

function term(word: string, text: string): string[] {
  return ['.TP', `.B ${roff(word)}`, roff(text)];
}

/** Text that roff takes as text: no escapes, no requests, and hyphens that can be copied into a shell. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .replace(/^([.'])/, '\\&$1');
}

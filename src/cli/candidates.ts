/** What may stand where a command line is unfinished: commands, options, and the names of what is on this machine. */
import { readdirSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { COMMANDS } from './commands.ts';

/** Names for each kind of value, by the word the help shows for it. */
const VALUES: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  interface: async () => [...interfaces(), ...(await containers())],
  iface: async () => interfaces(),
  place: async () => interfaces(),
  'iface[@netns]|container': async () => [...interfaces(), ...(await containers())],
  'name|pid|path|container': async () => [...namespaces(), ...(await containers())],
  rule: async () => rules(),
  name: async () => labs(),
};

/** Words for file names in the help. */
const FILE_VALUE = /file|capture|path/;

/**
 * The candidates for the last word; `files` where any file may stand.
 * @param words the command line behind `vdiag`, the last one unfinished (empty: a new word)
 */
export async function candidates(words: readonly string[]): Promise<readonly string[] | 'files'> {
  const started = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const found = await valuesAfter(before, started);
  return found === 'files' ? found : found.filter((name) => name.startsWith(started));
}

async function valuesAfter(before: readonly string[], started: string): Promise<readonly string[] | 'files'> {
  const [name, ...rest] = before.filter((word, index) => index > 0 || !word.startsWith('-'));
  if (name === undefined) return started.startsWith('-') ? ['--help', '--version', '--no-color'] : commandNames();
  const top = Object.hasOwn(COMMANDS, name) ? await COMMANDS[name]?.() : undefined;
  if (name === 'help') return rest.length === 0 ? commandNames() : [];
  if (!top) return [];
  const sub = top.commands.find((each) => each.name() === rest[0]);
  if (!sub && top.commands.length > 0 && rest.length === 0 && !started.startsWith('-')) {
    const choices = top.registeredArguments[0]?.argChoices ?? [];
    return [...choices, ...visible(top)];
  }
  return within(sub ?? top, sub ? rest.slice(1) : rest, started);
}

async function within(
  command: Command,
  words: readonly string[],
  started: string,
): Promise<readonly string[] | 'files'> {
  const last = words.at(-1) ?? '';
  const option = optionNamed(command, last);
  if (option && (option.required || option.optional))
    return valuesOf(option.flags.replace(/^.*[<[]([^\s>].*)[>\]]$/, '$1'), option.argChoices);
  if (started.startsWith('-')) return ['--help', ...command.options.flatMap(({ long }) => long ?? [])];
  const given = words.filter((word, index) => !word.startsWith('-') && !takesValue(command, words[index - 1])).length;
  const all = command.registeredArguments;
  const argument = all[Math.min(given, all.length - 1)];
  if (!argument || (given >= all.length && !argument.variadic)) return [];
  return valuesOf(argument.name(), argument.argChoices);
}

async function valuesOf(name: string, choices: readonly string[] | undefined): Promise<readonly string[] | 'files'> {
  if (choices) return choices;
  const values = VALUES[name];
  if (values) return values();
  return FILE_VALUE.test(name) ? 'files' : [];
}

function optionNamed(command: Command, word: string): Option | undefined {
  return command.options.find(({ short, long }) => word === short || word === long);
}

function takesValue(command: Command, word: string | undefined): boolean {
  const option = word === undefined ? undefined : optionNamed(command, word);
  return option !== undefined && (option.required || option.optional);
}

function commandNames(): string[] {
  return [...Object.keys(COMMANDS), 'help'];
}

function visible(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name())
    .filter((name) => name !== 'help');
}

function interfaces(): string[] {
  return names('/sys/class/net');
}

function namespaces(): string[] {
  return names('/run/netns');
}

async function containers(): Promise<string[]> {
  const { readDirectory } = await import('../containers/directory.ts');
  const { containerNames } = await import('../containers/find.ts');
  return containerNames(await readDirectory());
}

async function rules(): Promise<string[]> {
  const { ruleNames } = await import('./rules.ts');
  return ruleNames();
}

async function labs(): Promise<string[]> {
  const { listLabs } = await import('../lab/lab.ts');
  return listLabs().map(({ name }) => name);
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

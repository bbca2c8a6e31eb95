/** docs/rules.md: what `vdiag explain` says of every rule, and what shows it, as one page of Markdown. */
import type { Rule } from '../diagnose/rule.ts';

export interface RulesPageEntry {
  readonly rule: Pick<Rule, 'id' | 'severity' | 'title' | 'explain'>;
  /** Labs whose root cause, or note, it is. */
  readonly labs: readonly string[];
  /** Labs in which it would stop the packet next. */
  readonly next: readonly string[];
  /**
   * - `live`: labs show it on the real kernel
   * - `built`: a built capture with its topology shows it
   * - `tests`: built input in the tests alone
   * - `captures`: told by `vdiag analyze` from traffic alone, without the state of the kernel
   */
  readonly shown: 'live' | 'built' | 'tests' | 'captures';
}

const SHOWN: Readonly<Record<RulesPageEntry['shown'], string>> = {
  live: 'labs',
  built: 'a built capture',
  tests: 'tests',
  captures: 'captures alone',
};

const PARTS = [
  ['what', 'What it is'],
  ['wire', 'How it looks on the wire'],
  ['confirm', 'How to confirm it by hand'],
  ['cure', 'How to cure it'],
  ['otherwise', 'When it is something else'],
] as const;

const HEAD = `# What vdiag finds

Made from the rules by \`node scripts/rules-page.mjs\`: change them, not this page. \`vdiag explain RULE\` prints the same.

A *fault* keeps packets from getting through; a *warning* harms packets that do; a *note* is odd and harms none. A lab is a
real network that shows the rule on the running kernel: \`vdiag lab run NAME\`. Where no lab can show it, a capture and the
state of the machine are built; what *captures alone* show is told by \`vdiag analyze\` from traffic, without that state.

| rule | severity | what is wrong | shown by |
|---|---|---|---|
`;

/** The whole page; it ends with a line feed. */
export function rulesPage(entries: readonly RulesPageEntry[]): string {
  const rows = entries.map(({ rule: { id, severity, title }, labs, shown }) => {
    const by = shown === 'live' ? `${labs.length} ${labs.length === 1 ? 'lab' : SHOWN.live}` : SHOWN[shown];
    return `| [${id}](#${id}) | ${severity} | ${escaped(title).replaceAll('|', '\\|')} | ${by} |\n`;
  });
  return `${HEAD}${rows.join('')}${entries.map(section).join('')}`;
}

function section({ rule, labs, next, shown }: RulesPageEntry): string {
  const parts = PARTS.map(([part, head]) => `\n**${head}**\n\n${markdown(rule.explain[part])}`);
  const names = (list: readonly string[]): string => list.map((name) => `\`${name}\``).join(', ');
  const shownBy = labs.length > 0 ? `labs ${names(labs)}` : shown === 'live' ? 'no lab' : `${SHOWN[shown]}, no lab`;
  const behind = next.length > 0 ? `. Second of two faults in ${names(next)}` : '';
  return `\n## ${rule.id}\n\n*${rule.severity}:* ${escaped(rule.title)}\n${parts.join('')}\n*Shown by:* ${shownBy}${behind}.\n`;
}

/** Lines that are indented are commands: each run of them is a block of code. */
function markdown(text: string): string {
  const blocks: string[] = [];
  let code = false;
  for (const line of text.split('\n')) {
    const indented = line.startsWith('  ');
    if (indented !== code) blocks.push(code ? '```\n\n' : blocks.length > 0 ? '\n```\n' : '```\n');
    code = indented;
    blocks.push(indented ? `${line.slice(2)}\n` : `${escaped(line)}\n`);
  }
  return `${blocks.join('')}${code ? '```\n' : ''}`;
}

/** What Markdown would take for markup of its own. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*<[\]]/g, '\\$&');
}

/** vdiag rules and vdiag explain */
import { Command } from 'commander';
import { RULES } from '../diagnose/registry.ts';
import type { Rule } from '../diagnose/rule.ts';
import { SIGHTED_PAGES } from '../diagnose/sighted/pages.ts';
import { VdiagError } from '../linux/error.ts';
import { nearestNames } from '../linux/nearest.ts';
import { prose } from '../report/prose.ts';
import { detectTerminal } from '../report/terminal.ts';
import { write } from './output.ts';

type Page = Pick<Rule, 'id' | 'severity' | 'title' | 'explain'>;

const PAGES: readonly Page[] = [...RULES, ...SIGHTED_PAGES];

export function ruleNames(): string[] {
  return PAGES.map(({ id }) => id);
}

export function rulesCommand(): Command {
  return new Command('rules')
    .summary('what vdiag can find')
    .description(
      'Lists every rule: its id, whether it is a fault, a warning or a note, and what it means. ' +
        'Those at the end, marked (captures), are told by `vdiag analyze` only, from the traffic.',
    )
    .addHelpText('before', 'Example:\n  vdiag rules | grep arp\n')
    .action(() => {
      const width = Math.max(...PAGES.map(({ id }) => id.length));
      const line = ({ id, severity, title }: Page) => `${id.padEnd(width)}  ${severity.padEnd(7)}  ${title}`;
      const lines = [...RULES.map(line), ...SIGHTED_PAGES.map((page) => `${line(page)} (captures)`)];
      return write(lines.map((text) => `${text}\n`).join(''));
    });
}

export function explainCommand(): Command {
  return new Command('explain')
    .summary('one rule: what it is, how it looks, how to confirm and cure it')
    .argument('<rule>', 'its id, as `vdiag rules` lists it')
    .addHelpText('before', 'Example:\n  vdiag explain bridge-port-owns-ip\n')
    .action((id: string) => {
      const page = PAGES.find((candidate) => candidate.id === id);
      if (page) return write(explanation(page));
      const near = nearestNames(
        id,
        PAGES.map((candidate) => candidate.id),
      );
      throw new VdiagError(
        'usage',
        `no such rule: ${id}`,
        near.length > 0 ? `did you mean ${near.join(', ')}?` : 'vdiag rules lists them',
      );
    });
}

function explanation({ id, severity, title, explain }: Page): string {
  const sections: [string, string][] = [
    ['what it is', explain.what],
    ['how it looks on the wire', explain.wire],
    ['how to confirm it by hand', explain.confirm],
    ['how to cure it', explain.cure],
    ['when it is something else', explain.otherwise],
  ];
  const { width } = detectTerminal(process.stdout, process.env);
  return `${[`${id} (${severity}): ${title}`, ...sections.flatMap(([head, text]) => ['', head, ...reflowed(text, width)])].join('\n')}\n`;
}

/** Paragraphs are set to the width; indented lines are commands and stay as they are. */
function reflowed(text: string, width: number): string[] {
  const lines: string[] = [];
  let paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length > 0) lines.push(...prose(paragraph.join(' '), width, '  '));
    paragraph = [];
  };
  for (const line of text.split('\n')) {
    if (!line.startsWith(' ')) {
      paragraph.push(line);
      continue;
    }
    flush();
    lines.push(`  ${line}`);
  }
  flush();
  return lines;
}

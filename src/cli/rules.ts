/** vdiag rules and vdiag explain */
import { Command } from 'commander';
import { RULES } from '../diagnose/registry.ts';
import type { Rule } from '../diagnose/rule.ts';
import { VdiagError } from '../linux/error.ts';
import { nearestNames } from '../linux/nearest.ts';
import { write } from './output.ts';

export function rulesCommand(): Command {
  return new Command('rules')
    .summary('what vdiag can find')
    .description('Lists every rule: its id, whether it is a fault, a warning or a note, and what it means.')
    .action(() => {
      const width = Math.max(...RULES.map(({ id }) => id.length));
      return write(
        RULES.map(({ id, severity, title }) => `${id.padEnd(width)}  ${severity.padEnd(7)}  ${title}\n`).join(''),
      );
    });
}

export function explainCommand(): Command {
  return new Command('explain')
    .summary('one rule: what it is, how it looks, how to confirm and cure it')
    .argument('<rule>', 'its id, as `vdiag rules` lists it')
    .addHelpText('after', '\nExample:\n  vdiag explain bridge-port-owns-ip')
    .action((id: string) => {
      const rule = RULES.find((candidate) => candidate.id === id);
      if (rule) return write(explanation(rule));
      const near = nearestNames(
        id,
        RULES.map((candidate) => candidate.id),
      );
      throw new VdiagError(
        'usage',
        `no such rule: ${id}`,
        near.length > 0 ? `did you mean ${near.join(', ')}?` : 'vdiag rules lists them',
      );
    });
}

function explanation({ id, severity, title, explain }: Rule): string {
  const sections: [string, string][] = [
    ['what it is', explain.what],
    ['how it looks on the wire', explain.wire],
    ['how to confirm it by hand', explain.confirm],
    ['how to cure it', explain.cure],
    ['when it is something else', explain.otherwise],
  ];
  const indented = (text: string) => text.replaceAll(/^/gm, '  ');
  return `${id} (${severity}): ${title}\n${sections.map(([head, text]) => `\n${head}\n${indented(text)}\n`).join('')}`;
}

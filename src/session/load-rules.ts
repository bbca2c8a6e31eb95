/** Rules of the user's own, from modules on disk. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { lackingAsRule } from '../diagnose/own-rules.ts';
import { RULES } from '../diagnose/registry.ts';
import type { Rule } from '../diagnose/rule.ts';
import { VdiagError } from '../linux/error.ts';

/**
 * The rules of a module: its default export, one rule or an array of them.
 * @throws VdiagError unreadable, usage: the module cannot be loaded, or holds what is no rule
 */
export async function loadRules(file: string): Promise<Rule[]> {
  const hint = 'docs/own-rules.md shows one';
  let module: unknown;
  try {
    module = await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new VdiagError('unreadable', `cannot load the rules of ${file}: ${why}`, hint, { cause: error });
  }
  const exported = new Map(Object.entries(module ?? {})).get('default');
  const rules: unknown[] = Array.isArray(exported) ? exported : [exported];
  return rules.map((rule, index) => {
    if (!isRule(rule))
      throw new VdiagError('usage', `${file}, rule ${index + 1}: ${lackingAsRule(rule) ?? 'no rule'}`, hint);
    if (RULES.some(({ id }) => id === rule.id))
      throw new VdiagError('usage', `${file}: ${rule.id} is the name of a built-in rule`, 'give it a name of its own');
    return rule;
  });
}

function isRule(value: unknown): value is Rule {
  return lackingAsRule(value) === undefined;
}

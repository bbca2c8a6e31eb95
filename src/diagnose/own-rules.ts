/** Rules of the user's own: as the built-in ones, but nothing they do can spoil a run. */
import type { Claim, Context, Rule } from './rule.ts';

/** What an own rule did wrong, one line. */
export interface RuleProblem {
  readonly rule: string;
  readonly text: string;
}

const SEVERITIES = new Set(['fault', 'warning', 'note']);
const SECTIONS = ['what', 'wire', 'confirm', 'cure', 'otherwise'] as const;
const ID = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** What a value lacks to be a rule; undefined when it is one. */
export function lackingAsRule(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'a rule is an object';
  const rule: Partial<Record<keyof Rule, unknown>> = value;
  if (typeof rule.id !== 'string' || !ID.test(rule.id)) return 'id: lower-case words joined by hyphens are wanted';
  if (typeof rule.severity !== 'string' || !SEVERITIES.has(rule.severity)) return 'severity: fault, warning or note';
  if (typeof rule.title !== 'string' || rule.title === '') return 'title: one line of text is wanted';
  if (typeof rule.evaluate !== 'function') return 'evaluate: a function of the context is wanted';
  const explain: unknown = rule.explain;
  if (typeof explain !== 'object' || explain === null) return 'explain: an object with five texts is wanted';
  const texts = new Map(Object.entries(explain));
  const missing = SECTIONS.find((section) => typeof texts.get(section) !== 'string');
  return missing && `explain.${missing}: a text is wanted`;
}

/**
 * The same rule, unable to spoil a run: when it throws or claims what is no claim, that is told to `report`, and it is not
 * asked again.
 */
export function guarded(rule: Rule, report: (problem: RuleProblem) => void): Rule {
  let broken = false;
  const fail = (text: string): undefined => {
    broken = true;
    report({ rule: rule.id, text });
  };
  return {
    ...rule,
    evaluate(context: Context): Claim | undefined {
      if (broken) return undefined;
      try {
        const claim = rule.evaluate(context);
        if (claim === undefined) return undefined;
        const lacking = lackingAsClaim(claim);
        return lacking === undefined ? claim : fail(lacking);
      } catch (error) {
        return fail(error instanceof Error ? error.message : String(error));
      }
    },
  };
}

function lackingAsClaim(claim: Partial<Record<keyof Claim, unknown>>): string | undefined {
  if (typeof claim !== 'object' || claim === null) return 'evaluate returned no claim';
  if (typeof claim.title !== 'string') return 'the claim has no title';
  if (typeof claim.summary !== 'string') return 'the claim has no summary';
  const where: unknown = claim.where;
  const place = typeof where === 'object' && where !== null ? new Map(Object.entries(where)) : undefined;
  if (typeof place?.get('netns') !== 'string' || typeof place.get('name') !== 'string')
    return 'the claim has no place (where: { netns, name })';
  return undefined;
}

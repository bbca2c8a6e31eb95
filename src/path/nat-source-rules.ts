/** The rules of a namespace that put another source on packets, and what each asks for: why one that is there does not match. */
import { prefixContains } from '../topology/prefix.ts';
import { natStatement } from './nat-statement.ts';
import { type Chain, type FilterPacket, type Rule, type Stopper, stopperOf } from './ruleset.ts';
import { ruleText } from './ruleset-wording.ts';

/** Values a rule asks for; `negated`: anything but these. */
export interface Wanted {
  readonly values: readonly string[];
  readonly negated: boolean;
}

export interface SourceRule {
  readonly rule: Stopper;
  /** Prefixes of the source address; absent: any. */
  readonly sources?: Wanted;
  /** Names of the interface it leaves by, perhaps with a star at the end. */
  readonly outputs?: Wanted;
}

/** @param chains of one namespace, @param base those at postrouting that translate sources */
export function sourceRules(chains: readonly Chain[], base: readonly Chain[]): SourceRule[] {
  return base.flatMap((at) =>
    chains
      .filter((chain) => chain === at || (chain.hook === undefined && at.sibling(chain.name) === chain))
      .flatMap((chain) =>
        chain.rules.flatMap((rule, index) =>
          translates(rule)
            ? [{ rule: stopperOf(chain, at, rule, index + 1, ruleText(chain, rule)), ...conditions(rule) }]
            : [],
        ),
      ),
  );
}

/** Rules of chains that no chain of the kernel's can lead to: of a table without one at postrouting. */
export function uncalledSourceRules(chains: readonly Chain[], base: readonly Chain[]): SourceRule[] {
  return chains
    .filter((chain) => chain.hook === undefined && !base.some((at) => at.sibling(chain.name) === chain))
    .flatMap((chain) =>
      chain.rules.flatMap((rule, index) =>
        translates(rule)
          ? [{ rule: stopperOf(chain, chain, rule, index + 1, ruleText(chain, rule)), ...conditions(rule) }]
          : [],
      ),
    );
}

export function asksFor(wanted: Wanted | undefined, value: string, kind: 'address' | 'interface'): boolean {
  if (!wanted) return true;
  const holds = wanted.values.some((one) => (kind === 'address' ? prefixContains(one, value) : isNamed(value, one)));
  return holds !== wanted.negated;
}

function isNamed(name: string, wanted: string): boolean {
  return /[*+]$/.test(wanted) ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
}

/** Any packet will do: only the kind of statement is asked for. */
const ANY: FilterPacket = {
  inputInterface: '',
  outputInterface: '',
  carries: { kind: 'echo-request', source: '', destination: '' },
};

function translates(rule: Rule): boolean {
  const words = rule.words ?? [];
  if (words.includes('SNAT') || words.includes('MASQUERADE') || words.includes('NETMAP')) return true;
  const by = natStatement(rule, 'postrouting', ANY, () => undefined)?.by;
  return by === 'masquerade' || by === 'snat';
}

function conditions({ expressions, words }: Rule): Omit<SourceRule, 'rule'> {
  const found: { sources?: Wanted; outputs?: Wanted } = {};
  for (const expression of expressions ?? []) {
    const match = member(expression, 'match');
    const left = member(match, 'left');
    const wanted = { values: valuesOf(member(match, 'right')), negated: member(match, 'op') === '!=' };
    if (member(member(left, 'payload'), 'field') === 'saddr') found.sources = wanted;
    if (/^oif(name)?$/.test(String(member(member(left, 'meta'), 'key')))) found.outputs = wanted;
  }
  for (const [index, word] of (words ?? []).entries()) {
    const wanted = { values: [words?.[index + 1] ?? ''], negated: words?.[index - 1] === '!' };
    if (word === '-s') found.sources = wanted;
    if (word === '-o') found.outputs = wanted;
  }
  return found;
}

function valuesOf(right: unknown): string[] {
  if (typeof right === 'string') return [right];
  const prefix = member(right, 'prefix');
  if (prefix !== undefined) return [`${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`];
  const set = Array.isArray(right) ? right : member(right, 'set');
  return Array.isArray(set) ? set.flatMap(valuesOf) : [];
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

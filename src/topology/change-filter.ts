/** Changes to packet filters: the least that lets a packet pass. */
import type { Filters, Namespace, NetnsId } from './model.ts';

interface ChainAt {
  readonly netns: NetnsId;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** A table of iptables-legacy: rules have positions, and no handles. */
  readonly legacy: boolean;
}

export type FilterChange =
  /** @property rule its handle, or in a legacy table its position from 1 */
  | ({ readonly kind: 'filter-delete'; readonly rule: number } & ChainAt)
  /** Before all rules of the chain, for these interfaces; an empty list asks for none. */
  | ({
      readonly kind: 'filter-accept';
      readonly input: readonly string[];
      readonly output: readonly string[];
    } & ChainAt);

/** Program and arguments. */
export function filterWords(change: FilterChange): string[] {
  const { family, table, chain, legacy } = change;
  if (change.kind === 'filter-delete')
    return legacy
      ? ['iptables-legacy', '-t', table, '-D', chain, String(change.rule)]
      : ['nft', 'delete', 'rule', family, table, chain, 'handle', String(change.rule)];
  return legacy
    ? ['iptables-legacy', '-t', table, '-I', chain, ...legacyMatch(change), '-j', 'ACCEPT']
    : ['nft', 'insert', 'rule', family, table, chain, nftText(change)];
}

type Accept = Extract<FilterChange, { kind: 'filter-accept' }>;

/** Tables of legacy chains are the IP family's, where a bridge stands for all its ports: one name at most. */
function legacyMatch({ input, output }: Accept): string[] {
  const [from] = input;
  const [to] = output;
  return [...(from === undefined ? [] : ['-i', from]), ...(to === undefined ? [] : ['-o', to])];
}

function nftText({ input, output }: Accept): string {
  const names = (list: readonly string[]) => {
    const quoted = list.map((name) => `"${name}"`);
    return quoted.length === 1 ? (quoted[0] ?? '') : `{ ${quoted.join(', ')} }`;
  };
  return [
    ...(input.length > 0 ? [`iifname ${names(input)}`] : []),
    ...(output.length > 0 ? [`oifname ${names(output)}`] : []),
    'accept',
  ].join(' ');
}

export function applyFilterChange(namespace: Namespace, change: FilterChange): Namespace {
  const { filters } = namespace;
  return { ...namespace, filters: change.legacy ? legacyEdit(filters, change) : nftEdit(filters, change) };
}

function nftEdit(filters: Filters, change: FilterChange): Filters {
  const entries = filters.nftables ?? [];
  const isHere = (entry: unknown) => {
    const rule = member(entry, 'rule');
    return (
      member(rule, 'family') === change.family &&
      member(rule, 'table') === change.table &&
      member(rule, 'chain') === change.chain
    );
  };
  if (change.kind === 'filter-delete')
    return {
      ...filters,
      nftables: entries.filter((entry) => !isHere(entry) || member(member(entry, 'rule'), 'handle') !== change.rule),
    };
  const match = (key: string, names: readonly string[]) =>
    names.length > 0 ? [{ match: { op: '==', left: { meta: { key } }, right: { set: names } } }] : [];
  const { family, table, chain } = change;
  const expr = [...match('iifname', change.input), ...match('oifname', change.output), { accept: null }];
  const first = entries.findIndex(isHere);
  return {
    ...filters,
    nftables: entries.toSpliced(first === -1 ? entries.length : first, 0, { rule: { family, table, chain, expr } }),
  };
}

function legacyEdit(filters: Filters, change: FilterChange): Filters {
  const lines = (filters.iptablesLegacy ?? '').split('\n');
  const table = lines.indexOf(`*${change.table}`);
  const end = lines.findIndex((line, index) => index > table && line === 'COMMIT');
  const isRule = (line: string) => line.replace(/^\[\d+:\d+\] /, '').startsWith(`-A ${change.chain} `);
  const rules = lines.flatMap((line, index) => (index > table && index < end && isRule(line) ? [index] : []));
  if (table === -1 || end === -1) return filters;
  if (change.kind === 'filter-accept') {
    const words = ['-A', change.chain, ...legacyMatch(change), '-j', 'ACCEPT'].join(' ');
    return { ...filters, iptablesLegacy: lines.toSpliced(rules[0] ?? end, 0, words).join('\n') };
  }
  const at = rules[change.rule - 1];
  return at === undefined ? filters : { ...filters, iptablesLegacy: lines.toSpliced(at, 1).join('\n') };
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

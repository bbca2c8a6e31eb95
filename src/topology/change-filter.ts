/** Changes to packet filters: the least that lets a packet pass. */
import type { Filters, Namespace, NetnsId } from './model.ts';

interface ChainAt {
  readonly netns: NetnsId;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** A table of iptables-legacy: rules have positions, and no handles. */
  readonly legacy: boolean;
  /** A table of iptables-nft: its rules have handles, and their positions in its own listing. */
  readonly xtables?: true;
}

export type FilterChange =
  /** @property rule its handle, or in a table of iptables its position from 1 */
  | ({ readonly kind: 'filter-delete'; readonly rule: number; readonly position?: number } & ChainAt)
  /** For these interfaces and addresses; an empty list asks for none. Before all rules of the chain, or before the one named. */
  | ({
      readonly kind: 'filter-accept';
      readonly input: readonly string[];
      readonly output: readonly string[];
      readonly source?: string;
      readonly destination?: string;
      readonly before?: { readonly handle?: number; readonly position: number };
    } & ChainAt);

/** Program and arguments. */
export function filterWords(change: FilterChange): string[] {
  const { family, table, chain, legacy, xtables } = change;
  if (legacy || xtables) return iptablesWords(change);
  if (change.kind === 'filter-delete')
    return ['nft', 'delete', 'rule', family, table, chain, 'handle', String(change.rule)];
  const handle = change.before?.handle;
  const where = handle === undefined ? [] : ['position', String(handle)];
  return ['nft', 'insert', 'rule', family, table, chain, ...where, nftText(change)];
}

function iptablesWords(change: FilterChange): string[] {
  const { family, table, chain, legacy } = change;
  const program = `${family === 'ip6' ? 'ip6tables' : 'iptables'}-${legacy ? 'legacy' : 'nft'}`;
  const into = table === 'filter' ? [program] : [program, '-t', table];
  if (change.kind === 'filter-delete') return [...into, '-D', chain, String(change.position ?? change.rule)];
  const { before } = change;
  return [
    ...[...into, '-I', chain],
    ...(before ? [String(before.position)] : []),
    ...iptablesMatch(change),
    ...['-j', 'ACCEPT'],
  ];
}

type Accept = Extract<FilterChange, { kind: 'filter-accept' }>;

/** Tables of iptables are the IP family's, where a bridge stands for all its ports: one name at most. */
function iptablesMatch({ input, output, source, destination }: Accept): string[] {
  const [from] = input;
  const [to] = output;
  return [
    ...(source === undefined ? [] : ['-s', source]),
    ...(destination === undefined ? [] : ['-d', destination]),
    ...(from === undefined ? [] : ['-i', from]),
    ...(to === undefined ? [] : ['-o', to]),
  ];
}

function nftText({ input, output, source, destination }: Accept): string {
  const names = (list: readonly string[]) => {
    const quoted = list.map((name) => `"${name}"`);
    return quoted.length === 1 ? (quoted[0] ?? '') : `{ ${quoted.join(', ')} }`;
  };
  const protocol = protocolOf(source ?? destination);
  return [
    ...(input.length > 0 ? [`iifname ${names(input)}`] : []),
    ...(output.length > 0 ? [`oifname ${names(output)}`] : []),
    ...(source === undefined ? [] : [`${protocol} saddr ${source}`]),
    ...(destination === undefined ? [] : [`${protocol} daddr ${destination}`]),
    'accept',
  ].join(' ');
}

const protocolOf = (address = '') => (address.includes(':') ? 'ip6' : 'ip');

export function applyFilterChange(namespace: Namespace, change: FilterChange): Namespace {
  const { filters } = namespace;
  if (change.legacy) return { ...namespace, filters: listingEdit(filters, change, 'Legacy') };
  const edited = nftEdit(filters, change);
  // Both listings have to have the same rules in the same places.
  return { ...namespace, filters: change.xtables ? listingEdit(edited, change, 'Nft') : edited };
}

function nftEdit(filters: Filters, change: FilterChange): Filters {
  const entries = filters.nftables ?? [];
  const { family, table, chain } = change;
  const isHere = (entry: unknown) => {
    const rule = member(entry, 'rule');
    return member(rule, 'family') === family && member(rule, 'table') === table && member(rule, 'chain') === chain;
  };
  if (change.kind === 'filter-delete')
    return {
      ...filters,
      nftables: entries.filter((entry) => !isHere(entry) || member(member(entry, 'rule'), 'handle') !== change.rule),
    };
  const handle = change.before?.handle;
  const first = entries.findIndex(
    (entry) => isHere(entry) && (handle === undefined || member(member(entry, 'rule'), 'handle') === handle),
  );
  const rule = { family, table, chain, expr: expressionsOf(change) };
  return { ...filters, nftables: entries.toSpliced(first === -1 ? entries.length : first, 0, { rule }) };
}

function expressionsOf({ input, output, source, destination }: Accept): unknown[] {
  const meta = (key: string, names: readonly string[]) =>
    names.length > 0 ? [{ match: { op: '==', left: { meta: { key } }, right: { set: names } } }] : [];
  const payload = (field: string, address: string | undefined) =>
    address === undefined
      ? []
      : [{ match: { op: '==', left: { payload: { protocol: protocolOf(address), field } }, right: address } }];
  return [
    ...meta('iifname', input),
    ...meta('oifname', output),
    ...payload('saddr', source),
    ...payload('daddr', destination),
    { accept: null },
  ];
}

/** Where the listings of iptables and of ip6tables are, each of its two kinds. */
function listingEdit(filters: Filters, change: FilterChange, kind: 'Legacy' | 'Nft'): Filters {
  const key = change.family === 'ip6' ? (`ip6tables${kind}` as const) : (`iptables${kind}` as const);
  const text = filters[key];
  return text === undefined ? filters : { ...filters, [key]: edited(text, change) };
}

function edited(listing: string, change: FilterChange): string {
  const lines = listing.split('\n');
  const table = lines.indexOf(`*${change.table}`);
  const end = lines.findIndex((line, index) => index > table && line === 'COMMIT');
  const isRule = (line: string) => line.replace(/^\[\d+:\d+\] /, '').startsWith(`-A ${change.chain} `);
  const rules = lines.flatMap((line, index) => (index > table && index < end && isRule(line) ? [index] : []));
  if (table === -1 || end === -1) return listing;
  if (change.kind === 'filter-accept') {
    const words = ['-A', change.chain, ...iptablesMatch(change), '-j', 'ACCEPT'].join(' ');
    const at = rules[(change.before?.position ?? 1) - 1] ?? end;
    return lines.toSpliced(at, 0, words).join('\n');
  }
  const at = rules[(change.position ?? change.rule) - 1];
  return at === undefined ? listing : lines.toSpliced(at, 1).join('\n');
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

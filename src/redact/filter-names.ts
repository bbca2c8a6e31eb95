/** The names that packet filter rules are full of: tables, chains, sets, comments, prefixes of log lines. */
import type { Filters } from '../topology/model.ts';
import type { NameKind, Names } from './names.ts';

/** Fields of nft's JSON that hold the name of something (libnftables-json(5)). */
const KINDS: Readonly<Record<string, NameKind>> = { table: 'table', chain: 'chain', set: 'set', map: 'set' };
const NAMING: ReadonlySet<string> = new Set(['set', 'map', 'flowtable', 'ct helper', 'counter', 'quota', 'limit']);
/** Fields whose words belong to the language: a container may be called `tcp`, and `tcp` stays. */
const LANGUAGE: ReadonlySet<string> = new Set(
  'family hook type policy op protocol field key dir flags prio base level release_name version fmt'.split(' '),
);
/** Options of iptables-save(8) and ebtables-save whose value is a name or free text. */
const TEXT_OPTIONS: readonly (readonly [RegExp, NameKind])[] = [
  [/(?:^|\s)--comment ("(?:[^"\\]|\\.)*"|\S+)/g, 'comment'],
  [/(?:^|\s)--(?:nf)?log-prefix ("(?:[^"\\]|\\.)*"|\S+)/g, 'comment'],
  [/(?:^|\s)--(?:hex-)?string ("(?:[^"\\]|\\.)*"|\S+)/g, 'comment'],
  [/(?:^|\s)--(?:match-set|add-set|del-set) (\S+)/g, 'set'],
  [/^:(\S+)/gm, 'chain'],
];

/** Makes all of them known, so that they are replaced wherever they stand. */
export function learnFilterNames(filters: Filters, names: Names): void {
  walk(filters.nftables ?? [], '', (key, value, parent) => {
    if (key === 'comment' || (key === 'prefix' && parent !== 'prefix')) names.named(value, 'comment');
    const kind = key === 'name' ? KINDS[parent] : KINDS[key];
    if (kind !== undefined) names.named(value.replace(/^@/, ''), kind);
    else if (key === 'name' && NAMING.has(parent)) names.named(value, 'name');
    else if (value.startsWith('@')) names.named(value.slice(1), 'set');
  });
  for (const text of texts(filters))
    for (const [pattern, kind] of TEXT_OPTIONS)
      for (const [, value = ''] of text.matchAll(pattern)) names.named(value.replace(/^"(.*)"$/, '$1'), kind);
}

/** Every prefix that rules speak of, as text. */
export function filterPrefixes(filters: Filters): string[] {
  const found = texts(filters).flatMap((text) => text.match(/\d+(?:\.\d+){3}\/\d+/g) ?? []);
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (typeof value === 'object' && value !== null) {
      const { addr, len } = { addr: undefined, len: undefined, ...value };
      if (typeof addr === 'string' && typeof len === 'number') found.push(`${addr}/${len}`);
      for (const each of Object.values(value)) visit(each);
    }
  };
  visit(filters.nftables ?? []);
  return found;
}

/** @param text replaces names and addresses in free text */
export function replaceFilters(
  filters: Filters,
  text: (text: string) => string,
  address: (text: string) => string | undefined,
): Filters {
  const replaced = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return LANGUAGE.has(key) ? value : text(value);
    if (Array.isArray(value)) return value.map((each) => replaced(each, key));
    if (typeof value !== 'object' || value === null) return value;
    const { addr, len } = { addr: undefined, len: undefined, ...value };
    if (typeof addr === 'string' && typeof len === 'number')
      return { addr: (address(`${addr}/${len}`) ?? addr).replace(/\/\d+$/, ''), len };
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaced(each, name)]));
  };
  const { nftables, ...saved } = filters;
  return {
    ...Object.fromEntries(
      Object.entries(saved).map(([program, listing]) => [
        program,
        typeof listing === 'string' ? text(listing) : listing,
      ]),
    ),
    ...(nftables === undefined ? {} : { nftables: nftables.map((each) => replaced(each, '')) }),
  };
}

function texts({ nftables: _, ...saved }: Filters): string[] {
  return Object.values(saved).filter((listing) => typeof listing === 'string');
}

/** Every string of nft's JSON, with its key and the key of what it is in. */
function walk(
  value: unknown,
  key: string,
  visit: (key: string, value: string, parent: string) => void,
  parent = '',
): void {
  if (typeof value === 'string') visit(key, value, parent);
  else if (Array.isArray(value)) for (const each of value) walk(each, key, visit, parent);
  else if (typeof value === 'object' && value !== null)
    for (const [name, each] of Object.entries(value)) walk(each, name, visit, key);
}

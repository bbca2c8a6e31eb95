/** Listings of iptables-save and ebtables-save: chains, policies and the words of each rule. */
import type { Filters } from '../topology/model.ts';
import type { Family } from './ruleset.ts';

/** One `*table` of a listing. */
export interface ListedTable {
  readonly name: string;
  /** Chains of the kernel's own with their policy; others have none ("-"). */
  readonly policies: ReadonlyMap<string, string>;
  /** Rules by chain, in order, each as its words after `-A CHAIN`. */
  readonly rules: ReadonlyMap<string, readonly (readonly string[])[]>;
}

export function parseListing(text: string): ListedTable[] {
  const tables: { name: string; policies: Map<string, string>; rules: Map<string, (readonly string[])[]> }[] = [];
  for (const line of text.split('\n')) {
    const table = tables.at(-1);
    if (line.startsWith('*')) {
      tables.push({ name: line.slice(1).trim(), policies: new Map(), rules: new Map() });
      continue;
    }
    const declared = /^:(\S+) (\S+)/.exec(line);
    if (declared) table?.policies.set(declared[1] ?? '', declared[2] ?? '-');
    const rule = /^(?:\[\d+:\d+\] )?-A (\S+) ?(.*)$/.exec(line);
    if (!rule || !table) continue;
    const chain = rule[1] ?? '';
    const listed = table.rules.get(chain) ?? [];
    listed.push(wordsOf(rule[2] ?? ''));
    table.rules.set(chain, listed);
  }
  return tables;
}

/** The words of each rule of a chain that iptables-nft or ebtables-nft made; none where they were not listed. */
export type Listed = (family: Family, table: string, chain: string) => readonly (readonly string[])[];

export function listings({ iptablesNft, ebtablesNft }: Filters): Listed {
  const ip = iptablesNft === undefined ? [] : parseListing(iptablesNft);
  const bridge = ebtablesNft === undefined ? [] : parseListing(ebtablesNft);
  return (family, table, chain) => {
    const tables = family === 'ip' ? ip : family === 'bridge' ? bridge : [];
    return tables.find(({ name }) => name === table)?.rules.get(chain) ?? [];
  };
}

/** Words as a shell would read them: what is in double quotes is one. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

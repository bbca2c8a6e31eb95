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
  /** Packets that each chain's policy decided, and that each rule matched, where the listing has them. */
  readonly counts: ReadonlyMap<string, { readonly policy?: number; readonly rules: readonly (number | undefined)[] }>;
}

interface Counts {
  policy?: number;
  readonly rules: (number | undefined)[];
}

export function parseListing(text: string): ListedTable[] {
  const tables: {
    name: string;
    policies: Map<string, string>;
    rules: Map<string, (readonly string[])[]>;
    counts: Map<string, Counts>;
  }[] = [];
  for (const line of text.split('\n')) {
    const table = tables.at(-1);
    if (line.startsWith('*')) {
      tables.push({ name: line.slice(1).trim(), policies: new Map(), rules: new Map(), counts: new Map() });
      continue;
    }
    if (!table) continue;
    const declared = /^:(\S+) (\S+)(?: \[(\d+):\d+\])?/.exec(line);
    if (declared) {
      const [, chain = '', policy = '-', packets] = declared;
      table.policies.set(chain, policy);
      if (packets !== undefined) countsOf(table, chain).policy = Number(packets);
    }
    const rule = /^(?:\[(\d+):\d+\] )?-A (\S+) ?(.*)$/.exec(line);
    if (!rule) continue;
    const [, packets, chain = '', rest = ''] = rule;
    const listed = table.rules.get(chain);
    if (listed) listed.push(wordsOf(rest));
    else table.rules.set(chain, [wordsOf(rest)]);
    countsOf(table, chain).rules.push(packets === undefined ? undefined : Number(packets));
  }
  return tables;
}

function countsOf({ counts }: { counts: Map<string, Counts> }, chain: string): Counts {
  const known = counts.get(chain) ?? { rules: [] };
  counts.set(chain, known);
  return known;
}

/** The words of each rule of a chain that iptables-nft or ebtables-nft made; undefined where the table was not listed. */
export type Listed = (family: Family, table: string, chain: string) => readonly (readonly string[])[] | undefined;

export function listings({ iptablesNft, ip6tablesNft, ebtablesNft }: Filters): Listed {
  const read = (text: string | undefined) =>
    new Map((text === undefined ? [] : parseListing(text)).map((table) => [table.name, table]));
  const [ip, ip6, bridge] = [read(iptablesNft), read(ip6tablesNft), read(ebtablesNft)];
  return (family, table, chain) => {
    const tables = family === 'ip' ? ip : family === 'ip6' ? ip6 : family === 'bridge' ? bridge : undefined;
    const listed = tables?.get(table);
    return listed?.policies.has(chain) ? (listed.rules.get(chain) ?? []) : undefined;
  };
}

/** Words as a shell would read them: what is in double quotes is one. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

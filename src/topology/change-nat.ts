/** Changes to address translation: a rule that masquerades, and the table and chain for it where there are none. */
import type { Filters, Namespace, NetnsId } from './model.ts';

/** Whose table the rule goes into; iptables and its like write to `nat POSTROUTING`. */
export type NatProgram = 'nft' | 'iptables' | 'ip6tables' | 'iptables-legacy' | 'ip6tables-legacy';

export type NatChange =
  | { readonly kind: 'nat-table'; readonly netns: NetnsId; readonly family: string; readonly table: string }
  | {
      readonly kind: 'nat-chain';
      readonly netns: NetnsId;
      readonly family: string;
      readonly table: string;
      readonly chain: string;
    }
  | {
      readonly kind: 'nat-masquerade';
      readonly netns: NetnsId;
      readonly program: NatProgram;
      readonly family: string;
      readonly table: string;
      readonly chain: string;
      /** Before all rules of the chain, where one of them would take the packet first. */
      readonly first?: true;
      /** Prefixes; the interface it leaves by. */
      readonly source: string;
      readonly destination?: string;
      readonly output?: string;
    };

type Masquerade = Extract<NatChange, { kind: 'nat-masquerade' }>;

/** NF_IP_PRI_NAT_SRC. */
const PRIORITY = 100;

/** Program and arguments. */
export function natWords(change: NatChange): string[] {
  switch (change.kind) {
    case 'nat-table':
      return ['nft', 'add', 'table', change.family, change.table];
    case 'nat-chain': {
      const hook = `{ type nat hook postrouting priority ${PRIORITY} ; }`;
      return ['nft', 'add', 'chain', change.family, change.table, change.chain, hook];
    }
    case 'nat-masquerade': {
      const { program, family, table, chain, first } = change;
      if (program === 'nft') return ['nft', first ? 'insert' : 'add', 'rule', family, table, chain, nftText(change)];
      return [program, '-t', table, first ? '-I' : '-A', chain, ...words(change)];
    }
    default:
      return change satisfies never;
  }
}

function nftText({ source, destination, output }: Masquerade): string {
  const protocol = source.includes(':') ? 'ip6' : 'ip';
  return [
    `${protocol} saddr ${bare(source)}`,
    ...(destination === undefined ? [] : [`${protocol} daddr ${bare(destination)}`]),
    ...(output === undefined ? [] : [`oifname "${output}"`]),
    'masquerade',
  ].join(' ');
}

function words({ source, destination, output }: Masquerade): string[] {
  return [
    ...['-s', bare(source)],
    ...(destination === undefined ? [] : ['-d', bare(destination)]),
    ...(output === undefined ? [] : ['-o', output]),
    ...['-j', 'MASQUERADE'],
  ];
}

/** A prefix of one address is written as the address. */
function bare(prefix: string): string {
  return prefix.replace(prefix.includes(':') ? /\/128$/ : /\/32$/, '');
}

/** True of a name that both nft and iptables take as it is: neither pattern nor quote. */
export function isPlainName(name: string): boolean {
  return !/["\\*+]/.test(name);
}

export function applyNatChange(namespace: Namespace, change: NatChange): Namespace {
  return { ...namespace, filters: edited(namespace.filters, change) };
}

function edited(filters: Filters, change: NatChange): Filters {
  const entries = filters.nftables ?? [];
  if (change.kind === 'nat-table')
    return { ...filters, nftables: [...entries, { table: { family: change.family, name: change.table } }] };
  if (change.kind === 'nat-chain') {
    const { family, table, chain } = change;
    const added = { family, table, name: chain, type: 'nat', hook: 'postrouting', prio: PRIORITY, policy: 'accept' };
    return { ...filters, nftables: [...entries, { chain: added }] };
  }
  const listing = LISTINGS[change.program];
  const text = listing && filters[listing];
  const listed = listing && text !== undefined ? { [listing]: withLine(text, change) } : {};
  if (change.program.endsWith('legacy')) return { ...filters, ...listed };
  const { family, table, chain } = change;
  const rule = { rule: { family, table, chain, expr: expressions(change) } };
  const first = change.first ? entries.findIndex((entry) => isIn(entry, change)) : -1;
  return { ...filters, ...listed, nftables: entries.toSpliced(first === -1 ? entries.length : first, 0, rule) };
}

const LISTINGS: Readonly<
  Partial<Record<NatProgram, 'iptablesNft' | 'ip6tablesNft' | 'iptablesLegacy' | 'ip6tablesLegacy'>>
> = {
  iptables: 'iptablesNft',
  ip6tables: 'ip6tablesNft',
  'iptables-legacy': 'iptablesLegacy',
  'ip6tables-legacy': 'ip6tablesLegacy',
};

function withLine(text: string, change: Masquerade): string {
  const lines = text.split('\n');
  const table = lines.indexOf(`*${change.table}`);
  const end = lines.findIndex((line, index) => index > table && line === 'COMMIT');
  if (table === -1 || end === -1) return text;
  const isRule = (line: string) => line.replace(/^\[\d+:\d+\] /, '').startsWith(`-A ${change.chain} `);
  const rule = lines.findIndex((line, index) => index > table && index < end && isRule(line));
  const at = change.first && rule !== -1 ? rule : end;
  return lines.toSpliced(at, 0, ['-A', change.chain, ...words(change)].join(' ')).join('\n');
}

function expressions({ source, destination, output }: Masquerade): unknown[] {
  const protocol = source.includes(':') ? 'ip6' : 'ip';
  const matches = (field: string, prefix: string) => {
    const [addr = '', length = ''] = prefix.split('/');
    const right = length === '' ? addr : { prefix: { addr, len: Number(length) } };
    return { match: { op: '==', left: { payload: { protocol, field } }, right } };
  };
  return [
    matches('saddr', source),
    ...(destination === undefined ? [] : [matches('daddr', destination)]),
    ...(output === undefined ? [] : [{ match: { op: '==', left: { meta: { key: 'oifname' } }, right: output } }]),
    { masquerade: null },
  ];
}

function isIn(entry: unknown, { family, table, chain }: Masquerade): boolean {
  const rule = member(entry, 'rule');
  return member(rule, 'family') === family && member(rule, 'table') === table && member(rule, 'chain') === chain;
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

/** The packet filter rulesets of one namespace, each as its own program lists it. */
import { readFileSync } from 'node:fs';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { field, isObject, type JsonObject } from './json.ts';
import type { Filters } from './model.ts';
import { type RunProgram, readJson } from './program.ts';
import type { NoteGap } from './read-namespace.ts';

/** @param hasNftables false: there is no table of nftables, so that nft is not asked */
export async function readFilters(
  run: RunProgram,
  at: NetnsHandle,
  hasNftables: boolean,
  gap: NoteGap,
): Promise<Filters> {
  const [nftables, iptablesLegacy, ip6tablesLegacy] = await Promise.all([
    hasNftables ? readNftables(run, at, gap) : [],
    readLegacy(run, at, 'iptables', gap),
    readLegacy(run, at, 'ip6tables', gap),
  ]);
  const queues = readQueues(at);
  return {
    ...(queues && { queues }),
    ...(nftables && { nftables, ...(await readXtables(run, at, nftables, gap)) }),
    ...(iptablesLegacy !== undefined && { iptablesLegacy }),
    ...(ip6tablesLegacy !== undefined && { ip6tablesLegacy }),
  };
}

async function readNftables(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<unknown[] | undefined> {
  const answer = readJson(await run(at, 'nft', ['-j', 'list', 'ruleset']));
  const ruleset = 'json' in answer ? answer.json : undefined;
  const listed = isObject(ruleset) ? field(ruleset, 'nftables') : undefined;
  if (Array.isArray(listed)) return Promise.all(listed.map((entry) => withTableFlags(run, at, entry)));
  if ('failure' in answer) gap(`nft: ${answer.failure.reason}, filter rules of ${at.id} unknown`);
  // Without any table there is nothing to print.
  return Array.isArray(ruleset) ? ruleset : undefined;
}

/** What a table may have; nft 1.0.6 prints arbitrary bytes in their place. */
const TABLE_FLAGS: ReadonlySet<string> = new Set(['dormant', 'owner', 'persist']);

/** The flags of a table from its listing in text, where JSON has none that are known: chains of a dormant one do nothing. */
async function withTableFlags(run: RunProgram, at: NetnsHandle, entry: unknown): Promise<unknown> {
  const table = isObject(entry) ? field(entry, 'table') : undefined;
  const flags = isObject(table) ? field(table, 'flags') : undefined;
  if (!isObject(table) || flags === undefined) return entry;
  if ([flags].flat().every((flag) => typeof flag === 'string' && TABLE_FLAGS.has(flag))) return entry;
  const words = ['-t', 'list', 'table', String(field(table, 'family')), String(field(table, 'name'))];
  const listed = await run(at, 'nft', words);
  const found = listed.kind === 'ok' ? /^\s*flags ([\w,]+)$/m.exec(listed.stdout)?.[1] : undefined;
  return { table: { ...table, flags: found?.split(',') ?? [] } };
}

/** Tables and chains that iptables-nft and ip6tables-nft make, and nobody else would name so. */
const XTABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);
const XTABLES_CHAINS: ReadonlySet<string> = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/** What iptables-nft and ebtables-nft put into nftables: their own listings have what nft cannot print, and counters of policies. */
async function readXtables(
  run: RunProgram,
  at: NetnsHandle,
  nftables: readonly unknown[],
  gap: NoteGap,
): Promise<Pick<Filters, 'iptablesNft' | 'ip6tablesNft' | 'ebtablesNft'>> {
  const families = new Set(nftables.flatMap((entry) => (isObject(entry) ? (familyNeeded(entry) ?? []) : [])));
  const list = async (family: string, program: string, words: readonly string[]): Promise<string | undefined> => {
    if (!families.has(family)) return undefined;
    const saved = await run(at, program, words);
    if (saved.kind === 'ok') return saved.stdout;
    gap(`${program}: ${saved.reason}, some filter rules of ${at.id} are not decided`);
    return undefined;
  };
  const [iptablesNft, ip6tablesNft, ebtablesNft] = await Promise.all([
    list('ip', 'iptables-nft-save', ['-c']),
    list('ip6', 'ip6tables-nft-save', ['-c']),
    list('bridge', 'ebtables-nft-save', []),
  ]);
  return {
    ...(iptablesNft !== undefined && { iptablesNft }),
    ...(ip6tablesNft !== undefined && { ip6tablesNft }),
    ...(ebtablesNft !== undefined && { ebtablesNft }),
  };
}

/** The family of an entry for which another program's listing is wanted. */
function familyNeeded(entry: JsonObject): unknown {
  const chain = field(entry, 'chain');
  if (isObject(chain) && field(chain, 'hook') !== undefined) {
    const made = XTABLES.has(String(field(chain, 'table'))) && XTABLES_CHAINS.has(String(field(chain, 'name')));
    return made && field(chain, 'family') !== 'bridge' ? field(chain, 'family') : undefined;
  }
  const rule = field(entry, 'rule');
  const expressions = isObject(rule) ? field(rule, 'expr') : undefined;
  const hidden =
    Array.isArray(expressions) && expressions.some((one) => isObject(one) && field(one, 'xt') !== undefined);
  return hidden && isObject(rule) ? field(rule, 'family') : undefined;
}

/** Legacy tables exist only where a program loaded them. Asking iptables-legacy where there are none would load them. */
async function readLegacy(
  run: RunProgram,
  at: NetnsHandle,
  program: 'iptables' | 'ip6tables',
  gap: NoteGap,
): Promise<string | undefined> {
  const tables = tableNames(at, program === 'iptables' ? 'ip_tables_names' : 'ip6_tables_names');
  if (tables === '') return undefined;
  const saved = await run(at, `${program}-legacy-save`, ['-c']);
  if (saved.kind === 'ok') return saved.stdout;
  gap(`${program}-legacy-save: ${saved.reason}, legacy filter rules of ${at.id} unknown`);
  return undefined;
}

function tableNames(at: NetnsHandle, file: string): string {
  try {
    return insideNetns(at, () => readFileSync(`/proc/thread-self/net/${file}`, 'latin1')).trim();
  } catch {
    return '';
  }
}

/** One line for each queue, its number first (net/netfilter/nfnetlink_queue.c seq_show). */
function readQueues(at: NetnsHandle): number[] | undefined {
  try {
    const text = insideNetns(at, () => readFileSync('/proc/thread-self/net/netfilter/nfnetlink_queue', 'latin1'));
    return [...text.matchAll(/^\s*(\d+)\s/gm)].map(([, number]) => Number(number));
  } catch {
    return undefined;
  }
}

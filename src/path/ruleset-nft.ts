/** Chains as `nft -j list ruleset` has them (libnftables-json(5)). What iptables-nft put in that nft cannot read is read from its own listing. */
import type { Filters } from '../topology/model.ts';
import type { Chain, Family, Rule } from './ruleset.ts';
import { listings } from './ruleset-listing.ts';
import { isOpaque, isUntracking, nftRule } from './ruleset-nft-rule.ts';
import { textRule } from './ruleset-text.ts';
import { type AddressBook, member, type NamedSet, type Reading, type Sets } from './ruleset-want.ts';

const FAMILIES: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev']);

export function nftChains(filters: Filters): Chain[] {
  const entries = filters.nftables ?? [];
  const rules = new Map<string, unknown[]>();
  const sets = new Map<string, NamedSet>();
  const dormant = new Set<string>();
  const filled = filledSets(entries);
  for (const entry of entries) {
    const rule = member(entry, 'rule');
    if (rule !== undefined) {
      const key = keyOf(rule, member(rule, 'chain'));
      const own = rules.get(key);
      if (own) own.push(rule);
      else rules.set(key, [rule]);
      continue;
    }
    const set = member(entry, 'set') ?? member(entry, 'map');
    const name = set === undefined ? '' : keyOf(set, member(set, 'name'));
    if (set !== undefined) sets.set(name, namedSet(set, filled.has(name)));
    const table = member(entry, 'table');
    if (table !== undefined && flagsOf(table).includes('dormant')) dormant.add(keyOf(table, member(table, 'name')));
  }
  const listed = listings(filters);
  const addresses: AddressBook = new Map();
  const listening = filters.queues && new Set(filters.queues);
  const byName = new Map<string, Chain>();
  for (const entry of entries) {
    const chain = member(entry, 'chain');
    const family = String(member(chain, 'family'));
    if (chain === undefined || !isFamily(family)) continue;
    const table = String(member(chain, 'table'));
    const name = String(member(chain, 'name'));
    const hook = dormant.has([family, table, table].join(' ')) ? undefined : member(chain, 'hook');
    const type = member(chain, 'type');
    const devices = devicesOf(chain);
    const own = rules.get(keyOf(chain, name)) ?? [];
    const keyFor = (other: string) => [family, table, other].join(' ');
    const known: Sets = (set) => sets.get(keyFor(set));
    const texts = listed(family, table, name);
    let read: readonly Rule[] | undefined;
    byName.set(keyFor(name), {
      family,
      table,
      name,
      legacy: false,
      ...(texts && family !== 'bridge' ? { xtables: true } : {}),
      ...(typeof type === 'string' ? { type } : {}),
      ...(typeof hook === 'string' ? { hook } : {}),
      ...(devices ? { devices } : {}),
      priority: Number(member(chain, 'prio') ?? 0),
      policy: member(chain, 'policy') === 'drop' ? 'drop' : 'accept',
      untracks: own.some(isUntracking),
      // Of tens of thousands of chains a packet comes to few: only those are read.
      get rules() {
        read ??= rulesOf(own, texts ?? [], { sets: known, addresses, ...(listening && { listening }) });
        return read;
      },
      sibling: (other) => byName.get(keyFor(other)),
    });
  }
  return [...byName.values()];
}

/** Only where both listings have the same rules does a place in one mean the same place in the other. */
function rulesOf(own: readonly unknown[], texts: readonly (readonly string[])[], reading: Reading): Rule[] {
  const agree = texts.length === own.length;
  return own.map((rule, index) => {
    const words = agree ? texts[index] : undefined;
    const handle = member(rule, 'handle');
    const numbered = {
      ...(typeof handle === 'number' ? { handle } : {}),
      ...(words === undefined ? {} : { words }),
      expressions: expressionsOf(rule),
    };
    if (!words || !isOpaque(rule)) return { ...numbered, ...nftRule(rule, reading) };
    const family = String(member(rule, 'family'));
    return { ...numbered, ...textRule(words, family === 'bridge' ? 'ebtables' : 'iptables', reading) };
  });
}

function expressionsOf(rule: unknown): readonly unknown[] {
  const found = member(rule, 'expr');
  return Array.isArray(found) ? found : [];
}

/** Sets and maps that rules add to: nft 1.0.6 does not say so of the set itself. */
function filledSets(entries: readonly unknown[]): ReadonlySet<string> {
  const filled = new Set<string>();
  for (const entry of entries) {
    const rule = member(entry, 'rule');
    for (const expression of rule === undefined ? [] : expressionsOf(rule)) {
      for (const kind of ['set', 'map'] as const) {
        const name = member(member(expression, kind), kind);
        if (typeof name === 'string') filled.add(keyOf(rule, name.replace(/^@/, '')));
      }
    }
  }
  return filled;
}

/** @param filled rules add to it */
function namedSet(set: unknown, filled: boolean): NamedSet {
  const elements = member(set, 'elem');
  return {
    elements: Array.isArray(elements) ? elements : [],
    dynamic: filled || flagsOf(set).includes('dynamic'),
    prepared: {},
  };
}

function flagsOf(entry: unknown): unknown[] {
  const flags = member(entry, 'flags');
  return Array.isArray(flags) ? flags : flags === undefined ? [] : [flags];
}

function devicesOf(chain: unknown): string[] | undefined {
  const devices = member(chain, 'dev');
  if (devices === undefined) return undefined;
  return (Array.isArray(devices) ? devices : [devices]).map(String);
}

function isFamily(family: string): family is Family {
  return FAMILIES.has(family);
}

function keyOf(at: unknown, name: unknown): string {
  return [member(at, 'family'), member(at, 'table') ?? member(at, 'name'), name].map(String).join(' ');
}

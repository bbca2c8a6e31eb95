/** Rules of the legacy tables, as `iptables-legacy-save` and `ip6tables-legacy-save` list them. */
import type { Filters } from '../topology/model.ts';
import type { Chain, Rule } from './ruleset.ts';
import { type ListedTable, parseListing } from './ruleset-listing.ts';
import { textRule } from './ruleset-text.ts';
import type { Reading } from './ruleset-want.ts';

/** include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities. */
const PRIORITY: Readonly<Record<string, number>> = { raw: -300, mangle: -150, nat: -100, filter: 0, security: 50 };
/** NF_IP_PRI_NAT_SRC */
const SOURCE_NAT_PRIORITY = 100;

export function legacyChains({ iptablesLegacy, ip6tablesLegacy, queues }: Filters): Chain[] {
  const listening = queues && new Set(queues);
  const reading: Reading = { sets: () => undefined, addresses: new Map(), ...(listening && { listening }) };
  return [...chainsIn('ip', iptablesLegacy, reading), ...chainsIn('ip6', ip6tablesLegacy, reading)];
}

function chainsIn(family: 'ip' | 'ip6', text: string | undefined, reading: Reading): Chain[] {
  if (text === undefined) return [];
  return parseListing(text).flatMap((table) => chainsOfTable(family, table, reading));
}

function chainsOfTable(family: 'ip' | 'ip6', { name: table, policies, rules }: ListedTable, reading: Reading): Chain[] {
  const byName = new Map<string, Chain>();
  for (const [name, policy] of policies) {
    const listed = rules.get(name) ?? [];
    const translatesSource = table === 'nat' && (name === 'POSTROUTING' || name === 'INPUT');
    let read: readonly Rule[] | undefined;
    byName.set(name, {
      family,
      table,
      name,
      legacy: true,
      // iptable_mangle_hook: what its OUTPUT marks is routed again.
      type: table === 'nat' ? 'nat' : table === 'mangle' && name === 'OUTPUT' ? 'route' : 'filter',
      ...(policy === '-' ? {} : { hook: name.toLowerCase() }),
      priority: translatesSource ? SOURCE_NAT_PRIORITY : (PRIORITY[table] ?? 0),
      untracks: listed.some((words) => words.includes('CT') || words.includes('NOTRACK')),
      policy: policy === 'DROP' ? 'drop' : 'accept',
      get rules() {
        read ??= listed.map((words) => ({ words, ...textRule(words, 'iptables', reading) }));
        return read;
      },
      sibling: (other) => byName.get(other),
    });
  }
  return [...byName.values()];
}

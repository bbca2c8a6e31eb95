/** Rules of the legacy tables, as `iptables-legacy-save` lists them. */
import type { Filters } from '../topology/model.ts';
import type { Chain } from './ruleset.ts';
import { parseListing } from './ruleset-listing.ts';
import { textRule } from './ruleset-text.ts';

/** include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities. */
const PRIORITY: Readonly<Record<string, number>> = { raw: -300, mangle: -150, nat: -100, filter: 0, security: 50 };

export function legacyChains({ iptablesLegacy }: Filters): Chain[] {
  if (iptablesLegacy === undefined) return [];
  return parseListing(iptablesLegacy).flatMap(({ name: table, policies, rules }) =>
    [...policies].map(
      ([name, policy]): Chain => ({
        family: 'ip',
        table,
        name,
        legacy: true,
        ...(policy === '-' ? {} : { hook: name.toLowerCase() }),
        priority: PRIORITY[table] ?? 0,
        untracks: (rules.get(name) ?? []).some((words) => words.includes('CT') || words.includes('NOTRACK')),
        policy: policy === 'DROP' ? 'drop' : 'accept',
        rules: (rules.get(name) ?? []).map((words) => textRule(words, 'iptables')),
      }),
    ),
  );
}

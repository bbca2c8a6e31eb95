/** Which netfilter hooks have anything to say, from the ruleset as `nft -j` lists it (libnftables-json(5)). */
import { type Family, isIpAddress } from '../topology/address.ts';
import type { Namespace } from '../topology/model.ts';
import { prefixContains } from '../topology/prefix.ts';
import type { FilterGate } from './gate.ts';

/** The nftables family that sees one family's packets alone. */
const OWN_FAMILY: Readonly<Record<Family, string>> = { 4: 'ip', 6: 'ip6' };

/** The names iptables gives to the chains at the hooks. */
const LEGACY_CHAIN: Readonly<Record<FilterGate['hook'], string>> = {
  prerouting: 'PREROUTING',
  input: 'INPUT',
  forward: 'FORWARD',
  output: 'OUTPUT',
  postrouting: 'POSTROUTING',
};

/** True when a chain at this hook has rules, or a policy other than accept; undefined when that could not be read. */
export function hasRules(namespace: Namespace, hook: FilterGate['hook'], family: Family = 4): boolean | undefined {
  const { nftables, iptablesLegacy } = namespace.filters;
  const chain = LEGACY_CHAIN[hook];
  if (
    family === 4 &&
    iptablesLegacy !== undefined &&
    new RegExp(`^(\\[[0-9:]+\\] )?-A ${chain} |^:${chain} (?!ACCEPT)`, 'm').test(iptablesLegacy)
  )
    return true;
  if (nftables === undefined) return undefined;
  const chains = nftables.flatMap((entry) => chainAt(entry, hook, family));
  return chains.some(({ drops, table, name }) => drops || nftables.some((entry) => isRuleIn(entry, table, name)));
}

/** True when a packet that leaves may get another source address: masquerade or snat rules. */
export function mayRewriteSource(namespace: Namespace, family: Family = 4): boolean {
  const { nftables, iptablesLegacy } = namespace.filters;
  if (family === 4 && /-j (MASQUERADE|SNAT)\b/.test(iptablesLegacy ?? '')) return true;
  return (
    nftables?.some(
      (entry) =>
        isOf(family, member(entry, 'rule')) &&
        /"(masquerade|snat)":|"(MASQUERADE|SNAT)"/.test(JSON.stringify(member(entry, 'rule') ?? null)),
    ) ?? false
  );
}

/** True when a rule may send a packet for this address somewhere else: dnat or redirect, not for TCP or UDP alone, and not for others. */
export function mayRewriteDestination({ filters }: Namespace, destination: string): boolean {
  const family = isIpAddress(destination) ?? 4;
  const legacy = family === 4 ? (filters.iptablesLegacy?.split('\n') ?? []) : [];
  if (legacy.some((line) => /-j (DNAT|REDIRECT)\b/.test(line) && !/-p (tcp|udp|sctp)\b/.test(line))) return true;
  return (filters.nftables ?? []).some((entry) => {
    const rule = member(entry, 'rule');
    const text = JSON.stringify(rule ?? null);
    if (!isOf(family, rule)) return false;
    if (!/"(dnat|redirect)":|"(DNAT|REDIRECT)"/.test(text) || /"(tcp|udp|sctp)"/.test(text)) return false;
    const expressions = member(rule, 'expr');
    return !(Array.isArray(expressions) && expressions.some((expression) => isForAnother(expression, destination)));
  });
}

/** `ip daddr` that does not cover the destination. */
function isForAnother(expression: unknown, destination: string): boolean {
  const match = member(expression, 'match');
  const payload = member(member(match, 'left'), 'payload');
  if (member(match, 'op') !== '==' || member(payload, 'field') !== 'daddr') return false;
  const right = member(match, 'right');
  const prefix = member(right, 'prefix');
  const wanted =
    typeof right === 'string' ? right : `${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`;
  return /^[0-9a-f:.]+(\/[0-9]+)?$/i.test(wanted) && !prefixContains(wanted, destination);
}

/** Rules of the other family's tables never see the packet. */
function isOf(family: Family, rule: unknown): boolean {
  return member(rule, 'family') !== (family === 4 ? 'ip6' : 'ip');
}

function chainAt(entry: unknown, hook: string, family: Family): { table: string; name: string; drops: boolean }[] {
  const chain = member(entry, 'chain');
  const named = member(chain, 'family');
  if (member(chain, 'hook') !== hook || (named !== OWN_FAMILY[family] && named !== 'inet')) return [];
  return [
    {
      table: `${String(named)} ${String(member(chain, 'table'))}`,
      name: String(member(chain, 'name')),
      drops: member(chain, 'policy') === 'drop',
    },
  ];
}

function isRuleIn(entry: unknown, table: string, chain: string): boolean {
  const rule = member(entry, 'rule');
  return (
    rule !== undefined &&
    `${String(member(rule, 'family'))} ${String(member(rule, 'table'))}` === table &&
    member(rule, 'chain') === chain
  );
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

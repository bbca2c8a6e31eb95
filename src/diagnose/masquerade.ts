/** Routers that a request left with a source nobody beyond knows: what their NAT rules say, and the rule that would masquerade it. */
import { expectPath } from '../path/expect.ts';
import type { Leg } from '../path/model.ts';
import { natFamilies, sourceChains } from '../path/nat.ts';
import { asksFor, type SourceRule, sourceRules, uncalledSourceRules } from '../path/nat-source-rules.ts';
import { type Chain, chainsOf, stopperText } from '../path/ruleset.ts';
import { familyBits, familyOf } from '../topology/address.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import { isPlainName, type NatProgram } from '../topology/change-nat.ts';
import type { Namespace } from '../topology/model.ts';
import { prefixAround, prefixContains } from '../topology/prefix.ts';
import { linkOf, namespaceOf, ownersOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import type { Context } from './rule.ts';

/** Addresses of private use: routers of the Internet know no way back to them (RFC 1918, RFC 6598, RFC 4193). */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];
/** Neither private nor anybody else's: of one link, of this host, or of a group. */
const OWN = ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '::1/128', 'fe80::/10', 'ff00::/8'];

export function isPrivate(address: string): boolean {
  return PRIVATE.some((prefix) => prefixContains(prefix, address));
}

export function isPublic(address: string): boolean {
  return !isPrivate(address) && !OWN.some((prefix) => prefixContains(prefix, address));
}

/** A router of the request's way, which passed it on by `out` with the source it came with. */
export interface Passing {
  readonly namespace: Namespace;
  readonly out: Place;
}

/** The routers that left the request's source as it was, the last first. */
export function routersPassing({ path, topology, query }: Context, source: string): Passing[] {
  const passed = path.legs.flatMap((leg: Leg): Passing[] => {
    const first = leg.steps.find((step) => step.kind === 'place');
    if (leg.kind !== 'echo-request' || leg.source !== source || first?.kind !== 'place') return [];
    const namespace = namespaceOf(topology, first.place.netns);
    if (!namespace || namespace.id === query.start.netns || namespace.detail === 'links') return [];
    // Its own address: that is what masquerading would put there.
    if (ownersOf(topology, source).some((owner) => owner.namespace.id === namespace.id)) return [];
    return [{ namespace, out: first.place }];
  });
  return passed.reverse();
}

/** A rule that translates sources, and not this one: for one thing that it asks for, and the packet has not. */
export interface Mismatch {
  readonly passing: Passing;
  readonly asked: SourceRule;
  /** `chain`: it would match, and stands in a chain that the kernel never comes to. */
  readonly by: 'source' | 'interface' | 'chain';
  /** That it was meant for this packet is clear: its network under another interface, or nearly its network. */
  readonly meant: boolean;
}

export function mismatches(passing: Passing, source: string): Mismatch[] {
  const { namespace, out } = passing;
  const chains = chainsOf(namespace.filters);
  const base = sourceChains(chains, source);
  const uncalled = uncalledSourceRules(
    chains.filter(({ family }) => natFamilies(source).includes(family)),
    base,
  );
  const idle = uncalled
    .filter(({ sources, outputs }) => asksFor(sources, source, 'address') && asksFor(outputs, out.name, 'interface'))
    .map((asked): Mismatch => ({ passing, asked, by: 'chain', meant: true }));
  const others = sourceRules(chains, base).flatMap((asked): Mismatch[] => {
    const rightSource = asksFor(asked.sources, source, 'address');
    const rightOutput = asksFor(asked.outputs, out.name, 'interface');
    if (rightSource === rightOutput) return [];
    const named = asked.outputs?.values ?? [];
    const gone = !named.some((name) =>
      namespace.links.some((link) => asksFor({ values: [name], negated: false }, link.name, 'interface')),
    );
    const meant = rightSource
      ? asked.outputs?.negated !== true && (asked.sources !== undefined || gone)
      : asked.sources?.negated !== true && (asked.sources?.values ?? []).some((prefix) => isNear(prefix, source));
    return [{ passing, asked, by: rightSource ? 'interface' : 'source', meant }];
  });
  return [...idle, ...others];
}

/** Networks alike in what is first written of them: 10.1.2.0/24 and 10.1.3.0/24, fd00:1:2:3::/64 and fd00:1:2:4::/64. */
function isNear(prefix: string, source: string): boolean {
  const [address = ''] = prefix.split('/');
  return (
    familyOf(address) === familyOf(source) &&
    prefixContains(prefixAround(source, familyOf(source) === 6 ? 48 : 16), address)
  );
}

/** "rule 1 (handle 4) of chain ip nat post asks for 10.200.0.0/24": why it does not take the packet. */
export function mismatchText({ asked, by }: Mismatch): string {
  if (by === 'chain')
    return `${stopperText(asked.rule)} is in a chain that is at no hook: the kernel never comes to it`;
  const wanted = by === 'source' ? asked.sources : asked.outputs;
  const values = (wanted?.values ?? []).slice(0, 3).join(', ');
  const what = by === 'source' ? 'sources' : 'packets that leave by';
  return `${stopperText(asked.rule)} is for ${what} ${wanted?.negated ? 'other than ' : ''}${values}`;
}

/** The network of the sender's address, as its own interface has it. */
export function networkOf({ topology, query }: Context, source: string): string {
  const owners = ownersOf(topology, source);
  const own = (owners.find(({ namespace }) => namespace.id === query.start.netns) ?? owners[0])?.address;
  return prefixAround(source, own?.prefixLength ?? familyBits(familyOf(source)));
}

/**
 * What it takes to masquerade at a router; undefined where it does not help.
 * @param source the network, @param destination the only one it is for
 */
export function masqueradeAt(
  context: Context,
  { namespace, out }: Passing,
  source: string,
  destination?: string,
): readonly Change[] | undefined {
  const { topology, query } = context;
  if (!isPlainName(out.name) || namespace.filters.nftables === undefined) return undefined;
  if (!linkOf(topology, out)) return undefined;
  const [address = ''] = source.split('/');
  const family = familyOf(address) === 6 ? 'ip6' : 'ip';
  const [base] = sourceChains(chainsOf(namespace.filters), address);
  const at = base
    ? { family: base.family, table: base.table, chain: base.name }
    : { family, table: 'nat', chain: freeName(namespace, family) };
  const make: Change[] = base
    ? []
    : [
        ...(hasTable(namespace, family, 'nat')
          ? []
          : [{ kind: 'nat-table' as const, netns: namespace.id, family, table: 'nat' }]),
        { kind: 'nat-chain', netns: namespace.id, ...at },
      ];
  const rule: Change = {
    kind: 'nat-masquerade',
    netns: namespace.id,
    ...at,
    program: programOf(base, family),
    source,
    ...(destination === undefined ? {} : { destination }),
    output: out.name,
  };
  const helps = (changes: readonly Change[]) =>
    expectPath(applyChanges(topology, changes), query).legs.some(({ steps }) =>
      steps.some(
        (step) =>
          step.kind === 'gate' &&
          step.gate.kind === 'translation' &&
          step.gate.by === 'masquerade' &&
          step.gate.verdict === 'pass' &&
          step.gate.place.netns === namespace.id,
      ),
    );
  return [
    [...make, rule],
    [...make, { ...rule, first: true as const }],
  ].find(helps);
}

function programOf(base: Chain | undefined, family: 'ip' | 'ip6'): NatProgram {
  if (!base || !(base.legacy || base.xtables)) return 'nft';
  const program = family === 'ip6' ? 'ip6tables' : 'iptables';
  return base.legacy ? `${program}-legacy` : program;
}

/** A chain without a hook may have the usual name already, and cannot be given one. */
function freeName({ filters }: Namespace, family: string): string {
  const taken = (name: string) =>
    chainsOf(filters).some((chain) => chain.family === family && chain.table === 'nat' && chain.name === name);
  return ['postrouting', 'srcnat'].find((name) => !taken(name)) ?? 'vdiag-srcnat';
}

function hasTable({ filters }: Namespace, family: string, name: string): boolean {
  return (filters.nftables ?? []).some((entry) => {
    const table = member(entry, 'table');
    return member(table, 'family') === family && member(table, 'name') === name;
  });
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

/** The routing decision: policy rules, tables, longest prefix (net/ipv4/fib_rules.c, fib_trie.c, net/ipv6/fib6_rules.c; ip-rule(8), ip-route(8)). */
import { type Family, familyOf } from '../topology/address.ts';
import type { Namespace, PolicyRule, Route } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import { FORBIDDING, lookUp4 } from './fib4.ts';
import { chooseSource6, isLocal6, lookUp6 } from './fib6.ts';

export interface RouteQuery {
  readonly destination: string;
  /** Empty or absent: not chosen yet. */
  readonly source?: string;
  /** The device a packet came in by; absent for what the namespace sends itself. */
  readonly inputInterface?: string;
  /** The device a socket is bound to: only routes that use it count. */
  readonly outputInterface?: string;
  /** IPv6: of several equal routes those by this device come first; an echo reply names the device its request came in by. */
  readonly nearInterface?: string;
  /** What rules wrote on it; absent: nothing. */
  readonly mark?: number | 'unknown';
}

export interface RouteFound {
  readonly route: Route;
  readonly type: string;
  readonly device?: string;
  readonly gateway?: string;
  /** The route's preferred source. */
  readonly source?: string;
  /** The policy rule that led to it, where it is none that every namespace has. */
  readonly rule?: PolicyRule;
  /** Why this may not be the answer: a rule that could not be decided, several next hops. */
  readonly uncertain?: string;
}

/** What the kernel has when nobody configured a rule (fib_default_rules_init, fib6_rules_net_init). */
const DEFAULT_RULES: readonly PolicyRule[] = [
  { family: 4, priority: 0, action: 'lookup', table: 'local', undecidable: [] },
  { family: 4, priority: 32766, action: 'lookup', table: 'main', undecidable: [] },
  { family: 4, priority: 32767, action: 'lookup', table: 'default', undecidable: [] },
  { family: 6, priority: 0, action: 'lookup', table: 'local', undecidable: [] },
  { family: 6, priority: 32766, action: 'lookup', table: 'main', undecidable: [] },
];

/** The route the namespace would take, or undefined where it has none (ENETUNREACH). Blackhole and its like are found, with their type. */
export function findRoute(namespace: Namespace, query: RouteQuery): RouteFound | undefined {
  const family = familyOf(query.destination);
  const ofFamily = (rule: PolicyRule) => rule.family === family;
  const own = namespace.rules.filter(ofFamily);
  const rules = own.length > 0 ? [...own].sort((a, b) => a.priority - b.priority) : DEFAULT_RULES.filter(ofFamily);
  let uncertain: string | undefined;
  // Rules before the target of a goto are passed over.
  let from = 0;
  for (const rule of rules) {
    if (rule.priority < from || !ruleMatches(rule, query)) continue;
    const open = undecided(namespace, rule, query);
    if (open !== undefined) {
      uncertain ??= `rule ${rule.priority} (${open}) is not decided`;
      continue;
    }
    // The kernel goes only forward, and passes over a target that is not there.
    if (rule.goto !== undefined && rules.some(({ priority }) => priority === rule.goto)) from = rule.goto;
    const look = family === 6 ? lookUp6 : lookUp4;
    const found = rule.action === 'lookup' ? look(namespace, rule.table ?? 'main', query) : byAction(rule, family);
    if (found === undefined || found.type === 'throw' || isSuppressed(rule, found, family)) continue;
    uncertain ??= family === 4 && rules.every(isDefault) ? mainInstead(namespace, query, found) : undefined;
    const by = isDefault(rule) ? {} : { rule };
    return { ...found, ...by, ...(uncertain === undefined ? {} : { uncertain }) };
  }
  // The rule that was not decided may know a way.
  return uncertain === undefined
    ? undefined
    : { ...forbidding('unreachable', 'rules', query.destination, family), uncertain };
}

function isDefault(rule: PolicyRule): boolean {
  const { from, to, inputInterface, outputInterface, mark, tos, ipProtocol, inverted, suppressPrefixLength, uids } =
    rule;
  const selectors = [
    ...[from, to, inputInterface, outputInterface, mark, tos],
    ...[ipProtocol, inverted, suppressPrefixLength, uids],
  ];
  return (
    selectors.every((selector) => selector === undefined) &&
    DEFAULT_RULES.some(
      ({ family, priority, table }) => rule.family === family && rule.priority === priority && rule.table === table,
    )
  );
}

/**
 * Until a namespace is given its first rule, the kernel keeps `local` and `main` in one trie, so that a narrower route of
 * `main` wins over a wide one of `local`; from then on never again (fib_trie_unmerge). The rules of today do not tell.
 */
function mainInstead(namespace: Namespace, query: RouteQuery, found: RouteFound): string | undefined {
  if (found.route.table !== 'local') return undefined;
  const main = lookUp4(namespace, 'main', query);
  if (!main || prefixLength(main.route.destination) <= prefixLength(found.route.destination)) return undefined;
  return `table main has the narrower ${main.route.destination}`;
}

function ruleMatches(rule: PolicyRule, query: RouteQuery): boolean {
  const chosen = selects(rule, query);
  return (chosen && isByUnknownMark(rule, query)) || chosen !== (rule.inverted === true);
}

/** It asks for a mark, and which one the packet has is not known. */
const isByUnknownMark = (rule: PolicyRule, { mark }: RouteQuery): boolean =>
  rule.mark !== undefined && mark === 'unknown';

/** What keeps the model from deciding a rule that may be for this packet. */
function undecided({ links }: Namespace, rule: PolicyRule, query: RouteQuery): string | undefined {
  const { undecidable, l3mdev } = rule;
  if (undecidable.length > 0) return undecidable.join(' ');
  if (isByUnknownMark(rule, query)) return 'fwmark';
  // Without a VRF it is for nothing.
  return l3mdev && links.some(({ kind }) => kind === 'vrf') ? 'l3mdev' : undefined;
}

/** fib4_rule_suppress, fib6_rule_suppress: only over IPv6 what forbids is passed over as well. */
function isSuppressed({ suppressPrefixLength }: PolicyRule, { type, route }: RouteFound, family: Family): boolean {
  if (suppressPrefixLength === undefined || (family === 4 && FORBIDDING.includes(type))) return false;
  return prefixLength(route.destination) <= suppressPrefixLength;
}

/** What an echo is: no type of service, and this protocol. */
const ECHO_PROTOCOLS: ReadonlySet<string> = new Set(['icmp', '1', 'ipv6-icmp', '58']);

function selects(rule: PolicyRule, query: RouteQuery): boolean {
  if (rule.tos !== undefined && Number(rule.tos) !== 0) return false;
  if (rule.ipProtocol !== undefined && !ECHO_PROTOCOLS.has(rule.ipProtocol)) return false;
  if (rule.from !== undefined && !(query.source && prefixContains(rule.from, query.source))) return false;
  if (rule.to !== undefined && !prefixContains(rule.to, query.destination)) return false;
  // What the namespace sends itself comes "in" by lo.
  if (rule.inputInterface !== undefined && rule.inputInterface !== (query.inputInterface ?? 'lo')) return false;
  const output = query.outputInterface ?? query.nearInterface;
  if (rule.outputInterface !== undefined && rule.outputInterface !== output) return false;
  // Those who may trace are root, and so is the kernel (fib4_rule_match).
  if (rule.uids !== undefined && rule.uids.first > 0) return false;
  const { mark = 0 } = query;
  if (rule.mark === undefined || mark === 'unknown') return true;
  return ((mark ^ rule.mark) & (rule.markMask ?? 0xffffffff)) === 0;
}

function byAction(rule: PolicyRule, family: Family): RouteFound | undefined {
  if (!FORBIDDING.includes(rule.action)) return undefined;
  return forbidding(rule.action, `rule ${rule.priority}`, rule.to ?? (family === 6 ? '::/0' : '0.0.0.0/0'), family);
}

function forbidding(type: string, table: string, destination: string, family: Family): RouteFound {
  const route: Route = {
    family,
    table,
    type,
    destination,
    metric: 0,
    scope: 'global',
    protocol: 'rule',
    nextHops: [],
  };
  return { route, type };
}

/**
 * True of an address that the namespace takes for its own: a `local` route covers it.
 * @param device where it is asked for: a link-local IPv6 address belongs to one device alone
 */
export function isLocal(namespace: Namespace, address: string, device?: string): boolean {
  if (familyOf(address) === 6) return isLocal6(namespace, address, device);
  return findRoute(namespace, { destination: address })?.type === 'local';
}

/**
 * The source address the kernel gives to what leaves by `device` (inet_select_addr, net/ipv4/devinet.c):
 * the first on the device whose prefix covers the next hop, else its first, else any other of the namespace.
 * @param nextHop IPv6 chooses by the destination instead
 */
export function chooseSource(namespace: Namespace, device: string, nextHop: string): string | undefined {
  if (familyOf(nextHop) === 6) return chooseSource6(namespace, device, nextHop);
  const own = addresses(namespace, device);
  // Of a point-to-point address the prefix is the other end's (inet_ifa_match).
  const covering = own.find(({ address, peer, prefixLength: length }) =>
    prefixContains(`${peer ?? address}/${length}`, nextHop),
  );
  if (covering ?? own[0]) return (covering ?? own[0])?.address;
  for (const link of namespace.links) {
    const other = addresses(namespace, link.name).find(({ scope }) => scope === 'global');
    if (other) return other.address;
  }
  return undefined;
}

/**
 * The source address of what takes this route: the one it prefers, or the device's. An IPv4 route through an IPv6 next hop
 * (RFC 5549) has no IPv4 address to choose by.
 */
export function sourceBy(
  namespace: Namespace,
  device: string,
  destination: string,
  route: Pick<RouteFound, 'source' | 'gateway'> | undefined,
): string | undefined {
  const gateway = route?.gateway;
  const near = gateway !== undefined && familyOf(destination) === 4 && familyOf(gateway) === 4;
  return route?.source ?? chooseSource(namespace, device, near ? gateway : destination);
}

function addresses(namespace: Namespace, device: string) {
  const link = namespace.links.find(({ name }) => name === device);
  return link?.addresses.filter(({ family }) => family === 4) ?? [];
}

/** "1.2.3.0/24 dev veth0", "default via 10.9.0.1 dev eth0": the route as ip(8) words it. */
export function routeText(found: RouteFound): string {
  const { route, type } = found;
  return [
    type === 'unicast' ? '' : type,
    route.destination === '0.0.0.0/0' || route.destination === '::/0' ? 'default' : route.destination,
    found.gateway === undefined ? '' : `via ${found.gateway}`,
    found.device === undefined ? '' : `dev ${found.device}`,
    route.table === 'main' || route.table === 'local' ? '' : `table ${route.table}`,
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** Changes that take a route or a policy rule away (ip-route(8), ip-rule(8)). */
import type { Namespace, NetnsId, PolicyRule, Route } from './model.ts';

export type RoutingChange =
  | { readonly kind: 'route-del'; readonly netns: NetnsId; readonly route: Route }
  | { readonly kind: 'rule-del'; readonly netns: NetnsId; readonly rule: PolicyRule };

/** Program and arguments, with all that tells this route or rule from its neighbours. */
export function routingWords(change: RoutingChange): string[] {
  return change.kind === 'route-del' ? routeWords(change.route) : ruleWords(change.rule);
}

function routeWords({ family, type, destination, nextHops, nexthopId, metric, table, source }: Route): string[] {
  const [hop, ...others] = nextHops;
  // What forbids has no next hop of its own: ip(8) prints lo, or nothing. With a nexthop object its number names them.
  const by = type !== 'unicast' || others.length > 0 || nexthopId !== undefined ? undefined : hop;
  return [
    ...(family === 6 ? ['ip', '-6'] : ['ip']),
    ...['route', 'del'],
    ...(type === 'unicast' ? [] : [type]),
    /\/0$/.test(destination) ? 'default' : destination,
    ...(nexthopId === undefined ? [] : ['nhid', String(nexthopId)]),
    ...(by?.gateway === undefined ? [] : ['via', by.gateway]),
    ...(by?.device === undefined ? [] : ['dev', by.device]),
    ...(source === undefined || family === 6 ? [] : ['src', source]),
    ...(metric === 0 ? [] : ['metric', String(metric)]),
    ...(table === 'main' ? [] : ['table', table]),
  ];
}

function ruleWords(rule: PolicyRule): string[] {
  const { family, priority, from, to, inputInterface, outputInterface, mark, markMask, inverted, action, table } = rule;
  const fwmark = mark === undefined ? undefined : `0x${mark.toString(16)}`;
  return [
    ...(family === 6 ? ['ip', '-6'] : ['ip']),
    ...['rule', 'del', 'pref', String(priority)],
    ...(inverted ? ['not'] : []),
    ...(from === undefined ? [] : ['from', from]),
    ...(to === undefined ? [] : ['to', to]),
    ...(inputInterface === undefined ? [] : ['iif', inputInterface]),
    ...(outputInterface === undefined ? [] : ['oif', outputInterface]),
    ...(fwmark === undefined
      ? []
      : ['fwmark', markMask === undefined ? fwmark : `${fwmark}/0x${markMask.toString(16)}`]),
    ...(action === 'lookup' && table !== undefined ? ['lookup', table] : action === 'lookup' ? [] : [action]),
  ];
}

export function applyRoutingChange(namespace: Namespace, change: RoutingChange): Namespace {
  if (change.kind === 'rule-del') {
    const gone = namespace.rules.findIndex((rule) => sameRule(rule, change.rule));
    return gone === -1 ? namespace : { ...namespace, rules: namespace.rules.toSpliced(gone, 1) };
  }
  const gone = namespace.routes.findIndex((route) => sameRoute(route, change.route));
  return gone === -1 ? namespace : { ...namespace, routes: namespace.routes.toSpliced(gone, 1) };
}

/** Names, not identity: what is before the change may have been read a second time. */
function sameRoute(a: Route, b: Route): boolean {
  return (
    a.family === b.family &&
    a.table === b.table &&
    a.type === b.type &&
    a.destination === b.destination &&
    a.metric === b.metric &&
    JSON.stringify(a.nextHops) === JSON.stringify(b.nextHops)
  );
}

function sameRule(a: PolicyRule, b: PolicyRule): boolean {
  return a.family === b.family && ruleWords(a).join(' ') === ruleWords(b).join(' ');
}

/**
 * What became of the machine's state between two moments: one typed change for each thing that is not what it was.
 * What a probe itself changes (neighbour entries and addresses of stations that are learnt, counters) is none.
 */
import type { Address, Link, Namespace, NetnsId, Route, Topology } from './model.ts';
import { inNetns, netnsName, placeName } from './naming.ts';
import { hasCarrier, masterOf, namespaceOf } from './query.ts';
import { queueOf } from './traffic-control.ts';

export type StateChangeKind =
  | 'namespace-gone'
  | 'link-gone'
  | 'link-new'
  | 'link-renamed'
  | 'link-state'
  | 'link-carrier'
  | 'link-mtu'
  | 'link-mac'
  | 'link-master'
  | 'port-state'
  | 'port-setting'
  | 'link-queue'
  | 'link-sysctl'
  | 'address-gone'
  | 'address-new'
  | 'route-gone'
  | 'route-new'
  | 'policy-rules'
  | 'namespace-sysctl'
  | 'neighbour-entry'
  | 'filter-rules';

/** One thing that was otherwise before. */
export interface StateChange {
  readonly kind: StateChangeKind;
  readonly netns: NetnsId;
  /** The interface it is about, by the name it had before; absent where it is about a whole namespace. */
  readonly name?: string;
  /** What it is: an address, a route, a setting's name. */
  readonly what?: string;
  readonly was?: string;
  readonly is?: string;
  /** One line, lower case, names and values in it. */
  readonly text: string;
}

type Draft = Omit<StateChange, 'netns' | 'text'> & { readonly said: string };

/**
 * Everything of `before` that is not the same in `after`, namespace by namespace.
 * Namespaces of which only the links were read are not compared: they are not read again.
 */
export function differences(before: Topology, after: Topology): StateChange[] {
  return before.namespaces.flatMap((was) => {
    const is = namespaceOf(after, was.id);
    const gone = vanished(was.id, after);
    if (!is || gone !== undefined)
      return [
        {
          kind: 'namespace-gone',
          netns: was.id,
          text: `namespace ${netnsName(before, was.id)} has vanished${gone ?? ''}`,
        },
      ];
    if (was.detail === 'links' || is.detail === 'links') return [];
    const where = inNetns(before, was.id);
    return [
      ...linkChanges(before, was, is),
      ...routeChanges(was, is).map((draft) => ({ ...draft, said: `${draft.said}${where}` })),
      ...namespaceChanges(was, is).map((draft) => ({ ...draft, said: `${draft.said}${where}` })),
    ].map(({ said, ...change }) => ({ ...change, netns: was.id, text: said }));
  });
}

/** As retakeTopology says it: empty, or that there is another one of the name; undefined while it is there. */
function vanished(id: NetnsId, { gaps }: Topology): string | undefined {
  const words = `namespace ${id} has vanished`;
  return gaps
    .find((gap) => gap.startsWith(words))
    ?.slice(words.length)
    .replace(/:.*$/s, '');
}

function linkChanges(topology: Topology, before: Namespace, after: Namespace): Draft[] {
  const name = (link: Link) => placeName(topology, { netns: before.id, name: link.name });
  const known = new Set(before.links.map(({ index }) => index));
  const fresh = after.links
    .filter(({ index }) => !known.has(index))
    .map((link): Draft => ({ kind: 'link-new', name: link.name, said: `${name(link)} is new` }));
  const others = before.links.flatMap((was): Draft[] => {
    const is = after.links.find(({ index }) => index === was.index);
    if (!is) return [{ kind: 'link-gone', name: was.name, said: `${name(was)} is gone` }];
    return changesOf(was, is, before, after).map((change) => ({
      ...change,
      name: was.name,
      said: `${name(was)}: ${change.said}`,
    }));
  });
  return [...others, ...fresh];
}

function changesOf(was: Link, is: Link, before: Namespace, after: Namespace): Draft[] {
  const found: Draft[] = [];
  const compare = (kind: StateChangeKind, what: string, one: string | number, other: string | number) => {
    if (one !== other)
      found.push({ kind, what, was: String(one), is: String(other), said: `${what} was ${one}, is ${other}` });
  };
  const state = ({ flags }: Link) => (flags.includes('UP') ? 'up' : 'down');
  compare('link-renamed', 'its name', was.name, is.name);
  compare('link-state', 'it', state(was), state(is));
  // That a carrier comes is noticed up to a second late (linkwatch): what was built just before has changed for nobody.
  if (state(was) === state(is) && hasCarrier(was) && !hasCarrier(is))
    found.push({ kind: 'link-carrier', said: 'it has lost its carrier' });
  compare('link-mtu', 'its mtu', was.mtu, is.mtu);
  compare('link-mac', 'its hardware address', was.mac, is.mac);
  compare('link-master', 'its bridge', masterName(before, was), masterName(after, is));
  if (was.port && is.port) {
    compare('port-state', 'its state as a port', was.port.state, is.port.state);
    const { state: _, vlans: was1, ...settings } = was.port;
    const now = is.port;
    for (const key of keysOf(settings)) compare('port-setting', key, onOff(settings[key]), onOff(now[key]));
    compare('port-setting', 'vlans', JSON.stringify(was1), JSON.stringify(now.vlans));
  }
  compare('link-queue', 'its queueing discipline', queueName(was), queueName(is));
  for (const [family, one, other] of [
    ['ipv4', was.ipv4, is.ipv4],
    ['ipv6', was.ipv6, is.ipv6],
  ] as const)
    for (const setting of Object.keys(one)) {
      const [old, now] = [one[setting], other[setting]];
      if (old !== undefined && now !== undefined) compare('link-sysctl', `${family} ${setting}`, old, now);
    }
  for (const address of was.addresses)
    if (!is.addresses.some((other) => addressText(other) === addressText(address)))
      found.push({ kind: 'address-gone', what: addressText(address), said: `it has lost ${addressText(address)}` });
  for (const address of is.addresses)
    if (address.scope !== 'link' && !was.addresses.some((other) => addressText(other) === addressText(address)))
      found.push({ kind: 'address-new', what: addressText(address), said: `it has got ${addressText(address)}` });
  return found;
}

function masterName(namespace: Namespace, link: Link): string {
  return masterOf(namespace, link)?.name ?? 'none';
}

function keysOf<T extends object>(value: T): (keyof T & string)[] {
  return Object.keys(value) as (keyof T & string)[];
}

function onOff(value: unknown): string {
  return value === true ? 'on' : 'off';
}

/** Tentative and then not is what every address of IPv6 becomes. */
function addressText({ address, prefixLength }: Address): string {
  return `${address}/${prefixLength}`;
}

function queueName(link: Link): string {
  const queue = queueOf(link);
  return queue ? queue.kind : 'the ordinary one';
}

function routeChanges(before: Namespace, after: Namespace): Draft[] {
  const [was, is] = [before, after].map(({ routes }) => new Set(routes.filter(isSet).map(routeText)));
  return [
    ...[...(was ?? [])].filter((text) => !is?.has(text)).map(changed('route-gone', 'the route', 'is gone')),
    ...[...(is ?? [])].filter((text) => !was?.has(text)).map(changed('route-new', 'the route', 'is new')),
  ];
}

/** The kernel's own routes follow its addresses and the state of the devices. */
function isSet({ table, protocol }: Route): boolean {
  return table !== 'local' && protocol !== 'kernel';
}

function routeText({ destination, type, table, metric, nextHops }: Route): string {
  const hops = nextHops.map(({ gateway, device }) =>
    [...(gateway === undefined ? [] : [`via ${gateway}`]), ...(device === undefined ? [] : [`dev ${device}`])].join(
      ' ',
    ),
  );
  const words = [type === 'unicast' ? '' : type, destination, ...hops, table === 'main' ? '' : `table ${table}`];
  return [...words, metric > 0 ? `metric ${metric}` : ''].filter((word) => word !== '').join(' ');
}

function changed(kind: StateChangeKind, noun: string, fate: string): (what: string) => Draft {
  return (what) => ({ kind, what, said: `${noun} ${what} ${fate}` });
}

function namespaceChanges(before: Namespace, after: Namespace): Draft[] {
  const found: Draft[] = [];
  for (const [setting, was] of Object.entries(before.sysctls)) {
    const is = after.sysctls[setting];
    if (is === undefined || is === was || isCounter(setting)) continue;
    const said = `net.${setting} was ${was}, is ${is}`;
    found.push({ kind: 'namespace-sysctl', what: setting, was: String(was), is: String(is), said });
  }
  if (JSON.stringify(before.rules) !== JSON.stringify(after.rules))
    found.push({ kind: 'policy-rules', said: 'the policy rules (ip rule) have changed' });
  const fixed = (namespace: Namespace) =>
    namespace.neighbours
      .filter(({ state }) => state === 'PERMANENT')
      .map(({ address, mac, device }) => `${address} lladdr ${mac ?? 'none'} dev ${device}`);
  const [was, is] = [fixed(before), fixed(after)];
  found.push(
    ...was.filter((one) => !is.includes(one)).map(changed('neighbour-entry', 'the neighbour entry', 'is gone')),
    ...is.filter((one) => !was.includes(one)).map(changed('neighbour-entry', 'the neighbour entry', 'is new')),
  );
  if (rulesetText(before) !== rulesetText(after))
    found.push({ kind: 'filter-rules', said: 'the packet filter rules have changed' });
  return found;
}

/** What counts rather than sets. */
function isCounter(setting: string): boolean {
  return /count|entries|used/.test(setting);
}

/** Rules without their counters, and without those that count for this very run. */
function rulesetText({ filters }: Namespace): string {
  const isOwn = (entry: unknown) => /"table":"vdiag|"name":"vdiag/.test(JSON.stringify(entry) ?? '');
  const nft = filters.nftables?.filter((entry) => !isOwn(entry) && !('metainfo' in Object(entry)));
  const bare = JSON.stringify(nft ?? null, (key, value) =>
    key === 'counter' || key === 'elem' || key === 'handle' || key === 'used' || key === 'packets' || key === 'bytes'
      ? null
      : value,
  );
  const legacy = [filters.iptablesLegacy, filters.iptablesNft, filters.ebtablesNft].map((text) =>
    (text ?? '')
      .replace(/^#.*$/gm, '')
      .replace(/\[\d+:\d+\]/g, '')
      .replace(/-c \d+ \d+|pcnt = \d+|bcnt = \d+/g, ''),
  );
  return [bare, ...legacy].join('\n');
}

/**
 * Which links hear each other: a segment is all that bridges, pairs and stacked devices join into one broadcast domain. It is
 * closed when nothing in it leads out of what can be seen, so that what is not in it is nowhere.
 */
import { type HostMap, isPair, type LinkFinder, type MapLink } from './host-map.ts';

export interface Segment {
  readonly links: readonly MapLink[];
  /** Everything that is on it can be seen from here. */
  readonly closed: boolean;
  /** A bridge of it filters by VLAN: it is several segments in one. */
  readonly divided: boolean;
}

/** Devices behind which nobody but this kernel sends. */
const ownKinds: ReadonlySet<string> = new Set(['veth', 'netkit', 'vxcan', 'bridge', 'dummy', 'macvlan', 'ipvlan']);
/** They have the lower device's hardware address and broadcast domain. */
const stackedKinds: ReadonlySet<string> = new Set(['macvlan', 'macvtap', 'ipvlan', 'ipvtap']);

/** Every link but loopback is in exactly one segment. */
export function segmentsOf(map: HostMap, finder: LinkFinder): Segment[] {
  const all = map.namespaces.flatMap((namespace) =>
    namespace.links.filter(({ kind }) => kind !== 'loopback').map((link): MapLink => ({ namespace, link })),
  );
  const parents = new Map<string, string>();
  const root = (key: string): string => {
    let at = key;
    for (let up = parents.get(at); up !== undefined; up = parents.get(at)) at = up;
    if (at !== key) parents.set(key, at);
    return at;
  };
  const join = (a: MapLink, b: MapLink | undefined): void => {
    if (!b) return;
    const [one, other] = [root(keyOf(a)), root(keyOf(b))];
    if (one !== other) parents.set(one, other);
  };
  for (const link of all) {
    join(link, finder.peer(link));
    if (link.link.port) join(link, finder.master(link));
    if (stackedKinds.has(link.link.kind)) join(link, finder.lower(link));
  }
  const groups = new Map<string, MapLink[]>();
  for (const link of all) {
    const key = root(keyOf(link));
    const group = groups.get(key);
    if (group) group.push(link);
    else groups.set(key, [link]);
  }
  return [...groups.values()].map((links) => ({
    links,
    closed: links.every((each) => leadsNowhereElse(each, finder)),
    divided: links.some(({ link }) => link.bridge?.vlanFiltering === true),
  }));
}

function leadsNowhereElse(at: MapLink, finder: LinkFinder): boolean {
  const { kind } = at.link;
  if (!ownKinds.has(kind)) return false;
  if (isPair(at.link)) return finder.peer(at) !== undefined;
  return !stackedKinds.has(kind) || finder.lower(at) !== undefined;
}

function keyOf({ namespace, link }: MapLink): string {
  return `${link.index} ${namespace.id}`;
}

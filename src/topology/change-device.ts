/** Changes to devices that stand on others: macvlan and VXLAN, and the entries that a VXLAN device sends by. */
import { editLink } from './edit.ts';
import type { FdbEntry, Link, Namespace, Neighbour, NetnsId } from './model.ts';

interface At {
  readonly netns: NetnsId;
  readonly name: string;
}

export type DeviceChange =
  /** A macvlan of mode bridge on a device of the same namespace; it is down and has no address. */
  | { readonly kind: 'macvlan-add'; readonly at: At; readonly lower: string }
  | { readonly kind: 'macvlan-mode'; readonly at: At; readonly mode: 'bridge' }
  /** One more sender that a macvlan of mode source takes frames from. */
  | { readonly kind: 'macvlan-allow'; readonly at: At; readonly mac: string }
  | { readonly kind: 'link-del'; readonly at: At }
  /** As a device that is to take another's place: what else was set of it comes along. */
  | {
      readonly kind: 'vxlan-add';
      readonly at: At;
      readonly mac: string;
      readonly vni: number;
      readonly port: number;
      readonly data: Link['data'];
    }
  /** One more remote address for a hardware address, or, all zeros, for broadcasts. */
  | { readonly kind: 'vxlan-append'; readonly at: At; readonly mac: string; readonly remote: string }
  /** The only remote address of a hardware address. */
  | { readonly kind: 'vxlan-replace'; readonly at: At; readonly mac: string; readonly remote: string }
  | { readonly kind: 'neighbour-set'; readonly at: At; readonly address: string; readonly mac: string }
  /** The namespace answers on this device for the address, though somebody else has it. */
  | { readonly kind: 'neighbour-proxy'; readonly at: At; readonly address: string };

/** Options of `ip link add … type vxlan` that take a value, by their name in `ip -d -j link`. */
const VALUED: readonly (readonly [key: string, word: string])[] = [
  ['remote', 'remote'],
  ['remote6', 'remote'],
  ['group', 'group'],
  ['group6', 'group'],
  ['local', 'local'],
  ['local6', 'local'],
  ['link', 'dev'],
];
/** Options that are on or off. */
const SWITCHES: readonly (readonly [key: string, on: string, off: string])[] = [
  ['learning', '', 'nolearning'],
  ['proxy', 'proxy', ''],
  ['rsc', 'rsc', ''],
  ['l2miss', 'l2miss', ''],
  ['l3miss', 'l3miss', ''],
];

/** Program and arguments. */
export function deviceWords(change: DeviceChange): string[] {
  const { name } = change.at;
  switch (change.kind) {
    case 'macvlan-add':
      return ['ip', 'link', 'add', 'name', name, 'link', change.lower, 'type', 'macvlan', 'mode', 'bridge'];
    case 'macvlan-mode':
      return ['ip', 'link', 'set', 'dev', name, 'type', 'macvlan', 'mode', change.mode];
    case 'macvlan-allow':
      return ['ip', 'link', 'set', 'dev', name, 'type', 'macvlan', 'macaddr', 'add', change.mac];
    case 'link-del':
      return ['ip', 'link', 'del', 'dev', name];
    case 'vxlan-add':
      return [
        ...['ip', 'link', 'add', 'name', name, 'address', change.mac, 'type', 'vxlan'],
        ...['id', String(change.vni), 'dstport', String(change.port)],
        ...vxlanWords(change.data),
      ];
    case 'vxlan-append':
      return ['bridge', 'fdb', 'append', change.mac, 'dev', name, 'dst', change.remote];
    case 'vxlan-replace':
      return ['bridge', 'fdb', 'replace', change.mac, 'dev', name, 'dst', change.remote];
    case 'neighbour-set':
      return ['ip', 'neigh', 'replace', change.address, 'lladdr', change.mac, 'dev', name, 'nud', 'permanent'];
    case 'neighbour-proxy':
      return ['ip', 'neigh', 'add', 'proxy', change.address, 'dev', name];
    default:
      return change satisfies never;
  }
}

function vxlanWords(data: Link['data']): string[] {
  const valued = VALUED.flatMap(([key, word]) => {
    const value = data[key];
    return typeof value === 'string' ? [word, value] : [];
  });
  const switched = SWITCHES.flatMap(([key, on, off]) => {
    const word = data[key] === true ? on : data[key] === false ? off : '';
    return word === '' ? [] : [word];
  });
  const df = data.df === 'set' || data.df === 'inherit' ? ['df', data.df] : [];
  return [...valued, ...switched, ...df];
}

export function applyDeviceChange(namespace: Namespace, change: DeviceChange): Namespace {
  const { name } = change.at;
  switch (change.kind) {
    case 'macvlan-add':
      return macvlanAdded(namespace, name, change.lower);
    case 'macvlan-mode':
      return editLink(namespace, name, (link) => ({ ...link, data: { ...link.data, mode: change.mode } }));
    case 'macvlan-allow':
      return editLink(namespace, name, (link) => {
        const listed = Array.isArray(link.data.macaddr_data) ? link.data.macaddr_data : [];
        return { ...link, data: { ...link.data, macaddr_data: [...listed, change.mac] } };
      });
    case 'link-del':
      return {
        ...namespace,
        links: namespace.links.filter((link) => link.name !== name),
        routes: namespace.routes.filter(({ nextHops }) => !nextHops.some(({ device }) => device === name)),
        neighbours: namespace.neighbours.filter(({ device }) => device !== name),
        fdb: namespace.fdb.filter(({ device }) => device !== name),
      };
    case 'vxlan-add':
      return vxlanAdded(namespace, change);
    case 'vxlan-append':
      return { ...namespace, fdb: [...namespace.fdb, remoteEntry(name, change)] };
    case 'vxlan-replace': {
      const others = namespace.fdb.filter(
        ({ device, mac, master }) => device !== name || mac !== change.mac || master !== undefined,
      );
      return { ...namespace, fdb: [...others, remoteEntry(name, change)] };
    }
    case 'neighbour-set': {
      const family = change.address.includes(':') ? 6 : 4;
      const { address, mac } = change;
      const entry: Neighbour = { family, address, device: name, mac, state: 'PERMANENT', proxy: false };
      const others = namespace.neighbours.filter((known) => known.device !== name || known.address !== address);
      return { ...namespace, neighbours: [...others, entry] };
    }
    case 'neighbour-proxy': {
      const { address } = change;
      const family = address.includes(':') ? 6 : 4;
      const entry: Neighbour = { family, address, device: name, state: 'NONE', proxy: true };
      return { ...namespace, neighbours: [...namespace.neighbours, entry] };
    }
    default:
      return change satisfies never;
  }
}

function remoteEntry(device: string, { mac, remote }: { readonly mac: string; readonly remote: string }): FdbEntry {
  return { mac, device, state: 'permanent', flags: ['self'], remote };
}

/** A number that no other interface of the namespace has. */
function freeIndex({ links }: Namespace): number {
  return 1 + Math.max(0, ...links.map(({ index }) => index));
}

const NEW: Pick<Link, 'flags' | 'operstate' | 'addresses'> = {
  flags: ['BROADCAST', 'MULTICAST'],
  operstate: 'down',
  addresses: [],
};

function macvlanAdded(namespace: Namespace, name: string, lowerName: string): Namespace {
  const lower = namespace.links.find((link) => link.name === lowerName);
  if (!lower) return namespace;
  const index = freeIndex(namespace);
  // The kernel makes an address up: any that nobody else has will do.
  const mac = `02:00:00:00:${index
    .toString(16)
    .padStart(4, '0')
    .slice(-4)
    .replace(/(..)(..)/, '$1:$2')}`;
  const link: Link = {
    ...NEW,
    index,
    name,
    kind: 'macvlan',
    mac,
    mtu: lower.mtu,
    peer: { netns: namespace.id, index: lower.index },
    ipv4: defaults(namespace, lower.ipv4, 'ipv4'),
    ipv6: defaults(namespace, lower.ipv6, 'ipv6'),
    data: { mode: 'bridge' },
  };
  return { ...namespace, links: [...namespace.links, link] };
}

/** A new interface takes the settings of `default`. */
function defaults({ sysctls }: Namespace, like: Readonly<Record<string, number>>, family: 'ipv4' | 'ipv6') {
  return Object.fromEntries(
    Object.entries(like).map(([key, value]) => [key, sysctls[`${family}.conf.default.${key}`] ?? value]),
  );
}

function vxlanAdded(namespace: Namespace, change: Extract<DeviceChange, { kind: 'vxlan-add' }>): Namespace {
  const { mac, vni, port, data, at } = change;
  const like = namespace.links.find(({ kind }) => kind === 'loopback');
  const link: Link = {
    ...NEW,
    index: freeIndex(namespace),
    name: at.name,
    kind: 'vxlan',
    mac,
    mtu: 1450,
    ipv4: defaults(namespace, like?.ipv4 ?? {}, 'ipv4'),
    ipv6: defaults(namespace, like?.ipv6 ?? {}, 'ipv6'),
    data: { ...data, id: vni, port },
  };
  const remote = data.remote ?? data.remote6 ?? data.group ?? data.group6;
  const entry = typeof remote === 'string' ? [remoteEntry(at.name, { mac: '00:00:00:00:00:00', remote })] : [];
  return { ...namespace, links: [...namespace.links, link], fdb: [...namespace.fdb, ...entry] };
}

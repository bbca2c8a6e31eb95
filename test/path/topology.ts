/** Small topologies written down in a few words: what is left out is as a healthy kernel has it. */
import type {
  Address,
  BridgePort,
  FdbEntry,
  Link,
  Namespace,
  Neighbour,
  Route,
  Topology,
} from '../../src/topology/model.ts';
import { prefixAround } from '../../src/topology/prefix.ts';

export interface LinkSketch {
  /** `eth0@c1`: a veth, and its other end. Written at both ends. */
  readonly peer?: string;
  /** `eth0@home`: a macvlan on that device. */
  readonly on?: string;
  /** Of a macvlan; `bridge` when left out. */
  readonly mode?: string;
  /** Neither peer nor lower device: `physical` unless said otherwise. */
  readonly kind?: string;
  /** `10.9.0.2/24`; each brings its own routes while the link is up. */
  readonly addresses?: readonly string[];
  /** The bridge it is a port of. */
  readonly master?: string;
  readonly port?: Partial<BridgePort>;
  /** 1500 when left out. */
  readonly mtu?: number;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly down?: boolean;
  readonly noArp?: boolean;
  readonly noCarrier?: boolean;
  readonly mac?: string;
  /** net.ipv4.conf.NAME, all 0 where left out. */
  readonly ipv4?: Readonly<Record<string, number>>;
}

export interface NamespaceSketch {
  readonly links?: Readonly<Record<string, LinkSketch>>;
  /** As ip-route(8) has them: `default via 10.9.0.1 dev eth0`, `blackhole 10.0.0.0/8 table 100 metric 5`. */
  readonly routes?: readonly string[];
  readonly rules?: readonly Partial<Namespace['rules'][number]>[];
  /** `10.9.0.3 dev eth0 lladdr 02:… STALE`, or `proxy 10.9.0.3 dev eth0`. */
  readonly neighbours?: readonly string[];
  readonly fdb?: readonly Partial<FdbEntry>[];
  /** `ipv4.conf.all.rp_filter` …, all 0 where left out. */
  readonly sysctls?: Readonly<Record<string, number>>;
  readonly nftables?: readonly unknown[];
  readonly loopbackDown?: boolean;
  readonly detail?: 'full' | 'links';
}

const SETTINGS = 'rp_filter accept_local arp_ignore arp_filter arp_announce proxy_arp forwarding'.split(' ');
const ALL = Object.fromEntries(SETTINGS.map((setting) => [`ipv4.conf.all.${setting}`, 0]));
const OWN = Object.fromEntries(SETTINGS.map((setting) => [setting, 0]));
const PORT: BridgePort = {
  state: 'forwarding',
  hairpin: false,
  isolated: false,
  locked: false,
  learning: true,
  flood: true,
  mcastFlood: true,
  bcastFlood: true,
  neighSuppress: false,
  proxyArp: false,
  vlans: [],
};

/** The first namespace is both home and start. */
export function topology(sketches: Readonly<Record<string, NamespaceSketch>>): Topology {
  const ids = Object.keys(sketches);
  const [home = ''] = ids;
  const indexOf = (netns: string, name: string) => Object.keys(sketches[netns]?.links ?? {}).indexOf(name) + 2;
  const namespaces = ids.map((id, number): Namespace => {
    const { links = {}, sysctls = {}, detail = 'full', ...sketch } = sketches[id] ?? {};
    const built = Object.entries(links).map(([name, link]): Link => {
      const index = indexOf(id, name);
      const [otherName = '', otherNetns = home] = (link.peer ?? link.on ?? '').split('@');
      const kind = link.kind ?? (link.peer ? 'veth' : link.on ? 'macvlan' : 'physical');
      return {
        index,
        name,
        kind,
        mac: link.mac ?? macOf(number, index),
        flags: flagsOf(link),
        operstate: link.down ? 'down' : 'up',
        mtu: link.mtu ?? 1500,
        addresses: (link.addresses ?? []).map(addressOf),
        ...(link.master === undefined ? {} : { master: indexOf(id, link.master), port: { ...PORT, ...link.port } }),
        ...(otherName === '' ? {} : { peer: { netns: otherNetns, index: indexOf(otherNetns, otherName) } }),
        ipv4: { ...OWN, ...link.ipv4 },
        ipv6: {},
        data: { ...link.data, ...(link.mode === undefined ? {} : { mode: link.mode }) },
      };
    });
    const full: Namespace = {
      id,
      inode: 4026532000 + number,
      names: [id],
      path: `/run/netns/${id}`,
      pids: [],
      detail,
      links: [loopback(sketch.loopbackDown === true), ...built],
      routes: [
        ...built
          .filter(({ flags }) => flags.includes('UP'))
          .flatMap(({ name, addresses }) => kernelRoutes(name, addresses)),
        ...(sketch.routes ?? []).map(routeOf),
      ],
      rules: (sketch.rules ?? []).map((rule) => ({
        family: 4,
        priority: 0,
        action: 'lookup',
        undecidable: [],
        ...rule,
      })),
      neighbours: (sketch.neighbours ?? []).map(neighbourOf),
      fdb: (sketch.fdb ?? []).map((entry) => ({ mac: '', device: '', state: '', flags: [], ...entry })),
      sysctls: { ...ALL, 'ipv4.ip_forward': 0, 'ipv4.icmp_echo_ignore_all': 0, ...sysctls },
      filters: { nftables: sketch.nftables ?? [] },
    };
    return detail === 'full'
      ? full
      : { ...full, routes: [], rules: [], neighbours: [], fdb: [], sysctls: {}, filters: {} };
  });
  return { schema: 'vdiag.topology/1', takenNs: '0', kernel: '6.18', home, start: home, namespaces, gaps: [] };
}

/** The namespace by its number, and the interface by its own. */
export function macOf(namespace: number, index: number): string {
  return `02:00:00:00:${hex(namespace)}:${hex(index)}`;
}

const hex = (value: number) => value.toString(16).padStart(2, '0');

function flagsOf({ down, noArp, noCarrier }: LinkSketch): string[] {
  const state = down ? [] : noCarrier ? ['NO-CARRIER', 'UP'] : ['UP', 'LOWER_UP'];
  return ['BROADCAST', 'MULTICAST', ...state, ...(noArp ? ['NOARP'] : [])];
}

function loopback(down: boolean): Link {
  return {
    index: 1,
    name: 'lo',
    kind: 'loopback',
    mac: '00:00:00:00:00:00',
    flags: down ? ['LOOPBACK'] : ['LOOPBACK', 'UP', 'LOWER_UP'],
    operstate: 'unknown',
    mtu: 65536,
    addresses: [],
    ipv4: OWN,
    ipv6: {},
    data: {},
  };
}

/** `10.9.0.2/24`, and behind it `scope link` or `peer 10.9.0.1`. */
function addressOf(text: string): Address {
  const [prefix = '', ...words] = text.split(' ');
  const [address = '', length = '32'] = prefix.split('/');
  const peer = after(words, 'peer');
  return {
    family: 4,
    address,
    prefixLength: Number(length),
    scope: after(words, 'scope') ?? 'global',
    ...(peer === undefined ? {} : { peer }),
    flags: [],
  };
}

function kernelRoutes(device: string, addresses: readonly Address[]): Route[] {
  return addresses.flatMap(({ address, prefixLength }) => [
    routeOf(`local ${address} dev ${device} table local src ${address}`),
    ...(prefixLength < 32 ? [routeOf(`${prefixAround(address, prefixLength)} dev ${device} src ${address}`)] : []),
  ]);
}

/** Several next hops: `nexthop via A dev B` and so on at the end. */
export function routeOf(text: string): Route {
  const words = text.split(' ');
  const typed = /^(local|broadcast|blackhole|unreachable|prohibit|throw)$/.test(words[0] ?? '');
  const prefix = words[typed ? 1 : 0] ?? '';
  const source = after(words, 'src');
  const hops = text.split(' nexthop ').slice(1);
  return {
    family: 4,
    table: after(words, 'table') ?? 'main',
    type: typed ? (words[0] ?? '') : 'unicast',
    destination: prefix === 'default' ? '0.0.0.0/0' : prefix.includes('/') ? prefix : `${prefix}/32`,
    metric: Number(after(words, 'metric') ?? 0),
    scope: 'global',
    protocol: 'boot',
    ...(source === undefined ? {} : { source }),
    nextHops: (hops.length > 0 ? hops : [text]).flatMap((hop) => nextHopOf(hop.split(' '))),
  };
}

function nextHopOf(words: readonly string[]): Route['nextHops'] {
  const gateway = after(words, 'via');
  const device = after(words, 'dev');
  if (device === undefined && gateway === undefined) return [];
  return [
    {
      ...(gateway === undefined ? {} : { gateway }),
      ...(device === undefined ? {} : { device }),
      flags: words.filter((word) => word === 'dead' || word === 'linkdown'),
    },
  ];
}

function neighbourOf(text: string): Neighbour {
  const words = text.split(' ');
  const proxy = words[0] === 'proxy';
  const mac = after(words, 'lladdr');
  return {
    family: 4,
    address: words[proxy ? 1 : 0] ?? '',
    device: after(words, 'dev') ?? '',
    ...(mac === undefined ? {} : { mac }),
    state: proxy ? 'NONE' : (words.at(-1) ?? ''),
    proxy,
  };
}

function after(words: readonly string[], key: string): string | undefined {
  const at = words.indexOf(key);
  return at < 0 ? undefined : words[at + 1];
}

/** A topology as a file: JSON, checked field by field when it is read. */
import { VdiagError } from '../linux/error.ts';
import type {
  Address,
  BridgePort,
  BridgeSettings,
  BridgeSnooping,
  ContainerName,
  FdbEntry,
  Filters,
  Link,
  Namespace,
  Neighbour,
  PathMtu,
  PolicyRule,
  Route,
  Topology,
} from './model.ts';
import { anything, count, decimal, integer, list, oneOf, optional, shape, table, text, truth } from './shape.ts';

/** The text of a topology file, ending in a newline; {@link loadTopology} gives the same topology back. */
export function saveTopology(topology: Topology): string {
  return `${JSON.stringify(topology, undefined, 1)}\n`;
}

/**
 * Reads what {@link saveTopology} wrote.
 *
 * @throws VdiagError `unreadable`, naming the field that is wrong: `namespaces[0].links[2].mtu`
 */
export function loadTopology(content: string): Topology {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new VdiagError('unreadable', 'the topology is no JSON', 'a topology is JSON as vdiag wrote it, unchanged', {
      cause,
    });
  }
  assertTopology(value);
  return value;
}

/**
 * Is this value, out of any JSON document, a whole and consistent topology?
 *
 * @param path where it stands in the document, for the error
 * @throws VdiagError `unreadable`, naming the field that is wrong
 */
export function assertTopology(value: unknown, path = ''): asserts value is Topology {
  topology(value, path);
  // The shape is known now; what remains is that names lead somewhere, and to one thing.
  const { namespaces, start } = asShaped(value);
  const ids = new Set(namespaces.map((namespace) => namespace.id));
  const at = path ? `${path}.` : '';
  if (ids.size < namespaces.length)
    throw new VdiagError('unreadable', `${at}namespaces has one id twice`, 'every namespace has an id of its own');
  if (!ids.has(start))
    throw new VdiagError(
      'unreadable',
      `${at}start names no namespace of the topology`,
      'start is the id of one of them',
    );
}

function asShaped(value: unknown): { namespaces: { id: unknown }[]; start: unknown } {
  const shaped = typeof value === 'object' && value !== null ? value : {};
  const namespaces = 'namespaces' in shaped && Array.isArray(shaped.namespaces) ? shaped.namespaces : [];
  return { namespaces, start: 'start' in shaped ? shaped.start : undefined };
}

const family = oneOf(4, 6);
const texts = list(text);

const address = shape<Address>({
  family,
  address: text,
  prefixLength: count,
  scope: text,
  peer: optional(text),
  flags: texts,
});

const vlans = list(shape<BridgePort['vlans'][number]>({ id: count, pvid: truth, untagged: truth }));

const bridge = shape<BridgeSettings>({
  stp: truth,
  forwardDelay: count,
  ageingTime: count,
  vlanFiltering: truth,
  mcastSnooping: truth,
  nfCallIptables: truth,
  nfCallArptables: truth,
  groupAddress: optional(text),
  snooping: optional(
    shape<BridgeSnooping>({
      otherQuerier: optional(shape<NonNullable<BridgeSnooping['otherQuerier']>>({ port: optional(text) })),
      routers: texts,
      groups: list(
        shape<BridgeSnooping['groups'][number]>({
          group: text,
          port: text,
          vlan: optional(count),
          source: optional(text),
        }),
      ),
    }),
  ),
  vlans: optional(vlans),
});

const port = shape<BridgePort>({
  state: oneOf('disabled', 'listening', 'learning', 'forwarding', 'blocking'),
  hairpin: truth,
  isolated: truth,
  locked: truth,
  learning: truth,
  flood: truth,
  mcastFlood: truth,
  bcastFlood: truth,
  neighSuppress: truth,
  proxyArp: truth,
  vlans,
});

const link = shape<Link>({
  index: count,
  name: text,
  kind: text,
  mac: text,
  flags: texts,
  operstate: text,
  mtu: count,
  addresses: list(address),
  master: optional(count),
  peer: optional(shape<NonNullable<Link['peer']>>({ netns: optional(text), index: count })),
  socketNetns: optional(text),
  bridge: optional(bridge),
  port: optional(port),
  ipv4: table(integer),
  ipv6: table(integer),
  data: table(anything),
});

const route = shape<Route>({
  family,
  table: text,
  type: text,
  destination: text,
  metric: count,
  scope: text,
  protocol: text,
  source: optional(text),
  mtu: optional(count),
  mtuLocked: optional(truth),
  preference: optional(oneOf('low', 'high')),
  nexthopId: optional(count),
  nextHops: list(shape<Route['nextHops'][number]>({ gateway: optional(text), device: optional(text), flags: texts })),
});

const rule = shape<PolicyRule>({
  family,
  priority: count,
  from: optional(text),
  to: optional(text),
  inputInterface: optional(text),
  outputInterface: optional(text),
  mark: optional(count),
  markMask: optional(count),
  inverted: optional(truth),
  tos: optional(text),
  ipProtocol: optional(text),
  l3mdev: optional(truth),
  action: text,
  table: optional(text),
  goto: optional(count),
  suppressPrefixLength: optional(count),
  uids: optional(shape<NonNullable<PolicyRule['uids']>>({ first: count, last: count })),
  undecidable: texts,
});

const neighbour = shape<Neighbour>({
  family,
  address: text,
  device: text,
  mac: optional(text),
  state: text,
  proxy: truth,
});

const pathMtu = shape<PathMtu>({
  family,
  destination: text,
  device: optional(text),
  mtu: count,
  locked: truth,
});

const fdbEntry = shape<FdbEntry>({
  mac: text,
  device: text,
  master: optional(text),
  vlan: optional(count),
  state: text,
  flags: texts,
  remote: optional(text),
  port: optional(count),
  vni: optional(count),
  via: optional(text),
  nexthop: optional(count),
});

const containerName = shape<ContainerName>({ runtime: text, name: text, id: text, pod: optional(text) });

const namespace = shape<Namespace>({
  id: text,
  inode: count,
  names: texts,
  path: text,
  pids: list(count),
  containers: optional(list(containerName)),
  detail: oneOf('full', 'links'),
  links: list(link),
  routes: list(route),
  rules: list(rule),
  neighbours: list(neighbour),
  pathMtus: optional(list(pathMtu)),
  fdb: list(fdbEntry),
  sysctls: table(integer),
  filters: shape<Filters>({
    nftables: optional(list(anything)),
    iptablesLegacy: optional(text),
    ip6tablesLegacy: optional(text),
    ip6tablesNft: optional(text),
    iptablesNft: optional(text),
    ebtablesNft: optional(text),
    queues: optional(list(integer)),
  }),
});

const topology = shape<Topology>({
  schema: oneOf('vdiag.topology/1'),
  takenNs: decimal,
  kernel: text,
  home: text,
  start: text,
  namespaces: list(namespace),
  gaps: texts,
});

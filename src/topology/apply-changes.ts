/** What a change does to the model: so a cure can be tried before it is promised. */
import type { Change, RouteChange } from './change.ts';
import type { Address, BridgePort, Link, Namespace, NetnsId, Route, Topology } from './model.ts';
import { prefixAround, prefixContains } from './prefix.ts';

type At = Extract<Change, { kind: 'link-up' }>['at'];

/** The topology as the kernel would have it after the changes, as far as the path model reads it. */
export function applyChanges(topology: Topology, changes: readonly Change[]): Topology {
  return changes.reduce(applyChange, topology);
}

function applyChange(topology: Topology, change: Change): Topology {
  switch (change.kind) {
    case 'link-up':
      return linkUp(topology, change.at);
    case 'enslave':
      return editNamespace(topology, change.at.netns, (namespace) => {
        const bridge = namespace.links.find(({ name }) => name === change.bridge);
        return editLink(namespace, change.at.name, (link) => ({
          ...link,
          ...(bridge === undefined ? {} : { master: bridge.index }),
          port: {
            ...NEW_PORT,
            state: bridge?.flags.includes('UP') && link.flags.includes('UP') ? 'forwarding' : 'disabled',
          },
        }));
      });
    case 'address-add':
      return editNamespace(topology, change.at.netns, (namespace) => addAddress(namespace, change.at.name, change));
    case 'address-del':
      return editNamespace(topology, change.at.netns, (namespace) =>
        deleteAddress(namespace, change.at.name, change.address),
      );
    case 'interface-sysctl':
      return editNamespace(topology, change.at.netns, (namespace) =>
        editLink(namespace, change.at.name, (link) => ({
          ...link,
          ipv4: { ...link.ipv4, [change.setting]: change.value },
        })),
      );
    case 'namespace-sysctl':
      return editNamespace(topology, change.netns, (namespace) =>
        setNamespaceSysctl(namespace, change.setting, change.value),
      );
    case 'neighbour-del':
      return editNamespace(topology, change.at.netns, (namespace) => ({
        ...namespace,
        neighbours: namespace.neighbours.filter(
          ({ address, device }) => address !== change.address || device !== change.at.name,
        ),
      }));
    case 'route-add':
    case 'route-replace':
      return editNamespace(topology, change.netns, (namespace) => ({
        ...namespace,
        routes: [
          ...namespace.routes.filter(
            ({ destination, table, family, metric }) =>
              change.kind === 'route-add' ||
              destination !== change.destination ||
              table !== (change.table ?? 'main') ||
              family !== 4 ||
              metric !== (change.metric ?? 0),
          ),
          routeFor(namespace, change),
        ],
      }));
    default:
      return change satisfies never;
  }
}

/** A port as the kernel makes it (net/bridge/br_if.c new_nbp). */
const NEW_PORT: BridgePort = {
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

function linkUp(topology: Topology, at: At): Topology {
  return editNamespace(topology, at.netns, (namespace) => {
    const raised = editLink(namespace, at.name, (link) => ({
      ...link,
      flags: [...new Set([...link.flags.filter((flag) => flag !== 'NO-CARRIER'), 'UP', 'LOWER_UP'])],
      operstate: 'up',
      ...(link.port === undefined ? {} : { port: { ...link.port, state: 'forwarding' as const } }),
    }));
    const link = raised.links.find(({ name }) => name === at.name);
    if (!link) return raised;
    // With the bridge, its ports come up; with the device, the routes of its addresses.
    const withPorts: Namespace = {
      ...raised,
      links: raised.links.map((port) =>
        link.kind === 'bridge' && port.master === link.index && port.port !== undefined && port.flags.includes('UP')
          ? { ...port, port: { ...port.port, state: 'forwarding' } }
          : port,
      ),
    };
    return link.addresses
      .filter(({ family }) => family === 4)
      .reduce((state, address) => withRoutes(state, at.name, address), withPorts);
  });
}

function addAddress(
  namespace: Namespace,
  device: string,
  { address, prefixLength }: Pick<Address, 'address' | 'prefixLength'>,
): Namespace {
  const added: Address = { family: 4, address, prefixLength, scope: 'global', flags: [] };
  const edited = editLink(namespace, device, (link) => ({ ...link, addresses: [...link.addresses, added] }));
  return withRoutes(edited, device, added);
}

/** The kernel's own routes for an address: local, and the prefix it is in (fib_add_ifaddr). */
function withRoutes(namespace: Namespace, device: string, { address, prefixLength, peer }: Address): Namespace {
  const route = (table: string, type: string, destination: string): Route => ({
    family: 4,
    table,
    type,
    destination,
    metric: 0,
    scope: type === 'local' ? 'host' : 'link',
    protocol: 'kernel',
    source: address,
    nextHops: [{ device, flags: [] }],
  });
  const wanted = [route('local', 'local', `${address}/32`)];
  const link = namespace.links.find(({ name }) => name === device);
  // Of a device that is down only the address itself is local; on lo the whole prefix is.
  if (prefixLength < 32 && link?.flags.includes('UP')) {
    const around = prefixAround(peer ?? address, prefixLength);
    wanted.push(link.kind === 'loopback' ? route('local', 'local', around) : route('main', 'unicast', around));
  }
  const missing = wanted.filter(
    ({ table, destination }) =>
      !namespace.routes.some(
        (have) => have.table === table && have.destination === destination && have.nextHops[0]?.device === device,
      ),
  );
  return { ...namespace, routes: [...namespace.routes, ...missing] };
}

/** With its last address a device loses all its routes (fib_disable_ip), else those of the address. */
function deleteAddress(namespace: Namespace, device: string, address: string): Namespace {
  const deleted = namespace.links
    .find(({ name }) => name === device)
    ?.addresses.find((candidate) => candidate.address === address);
  const network = deleted && `${address}/${deleted.prefixLength}`;
  // Its secondary addresses go with a primary one (promote_secondaries is off unless somebody set it).
  const gone = (candidate: Address) =>
    candidate.address === address ||
    (network !== undefined &&
      !deleted?.flags.includes('secondary') &&
      candidate.flags.includes('secondary') &&
      candidate.prefixLength === deleted?.prefixLength &&
      prefixContains(network, candidate.address));
  const dropped = new Set(
    namespace.links
      .find(({ name }) => name === device)
      ?.addresses.filter(gone)
      .map((candidate) => candidate.address),
  );
  const edited = editLink(namespace, device, (link) => ({
    ...link,
    addresses: link.addresses.filter((candidate) => !gone(candidate)),
  }));
  const last = edited.links.every(
    ({ name, addresses }) => name !== device || addresses.every(({ family }) => family !== 4),
  );
  return {
    ...edited,
    routes: edited.routes.filter(
      (route) =>
        route.family !== 4 ||
        route.nextHops[0]?.device !== device ||
        (!last && !dropped.has(route.source ?? '') && !dropped.has(route.destination.replace(/\/32$/, ''))),
    ),
  };
}

function setNamespaceSysctl(namespace: Namespace, setting: string, value: number): Namespace {
  const edited = { ...namespace, sysctls: { ...namespace.sysctls, [setting]: value } };
  if (setting !== 'ipv4.ip_forward') return edited;
  // Writing ip_forward sets every interface (inet_forward_change, net/ipv4/devinet.c).
  return {
    ...edited,
    sysctls: { ...edited.sysctls, 'ipv4.conf.all.forwarding': value, 'ipv4.conf.default.forwarding': value },
    links: edited.links.map((link) => ({ ...link, ipv4: { ...link.ipv4, forwarding: value } })),
  };
}

function routeFor(namespace: Namespace, change: RouteChange): Route {
  const { destination, gateway, device } = change;
  return {
    family: 4,
    table: change.table ?? 'main',
    type: 'unicast',
    destination,
    metric: change.metric ?? 0,
    ...(change.source === undefined ? {} : { source: change.source }),
    scope: gateway === undefined ? 'link' : 'global',
    protocol: 'boot',
    nextHops: [
      {
        ...(gateway === undefined ? {} : { gateway }),
        device: device ?? deviceTowards(namespace, gateway) ?? '',
        flags: change.onLink ? ['onlink'] : [],
      },
    ],
  };
}

function deviceTowards(namespace: Namespace, gateway: string | undefined): string | undefined {
  return namespace.links.find(({ addresses }) =>
    addresses.some(
      ({ family, address, prefixLength }) =>
        family === 4 &&
        gateway !== undefined &&
        prefixAround(address, prefixLength) === prefixAround(gateway, prefixLength),
    ),
  )?.name;
}

function editNamespace(topology: Topology, id: NetnsId, edit: (namespace: Namespace) => Namespace): Topology {
  return {
    ...topology,
    namespaces: topology.namespaces.map((namespace) => (namespace.id === id ? edit(namespace) : namespace)),
  };
}

function editLink(namespace: Namespace, name: string, edit: (link: Link) => Link): Namespace {
  return { ...namespace, links: namespace.links.map((link) => (link.name === name ? edit(link) : link)) };
}

/** What a change does to the model: so a cure can be tried before it is promised. */
import { familyBits, familyOf, isLinkLocal } from './address.ts';
import type { Change, RouteChange } from './change.ts';
import { applyBridgeChange } from './change-bridge.ts';
import { applyFilterChange } from './change-filter.ts';
import { applyTrafficChange } from './change-traffic.ts';
import { editLink, editNamespace } from './edit.ts';
import type { Address, BridgePort, Namespace, Route, Topology } from './model.ts';
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
    case 'link-arp':
      return editNamespace(topology, change.at.netns, (namespace) => ({
        // Switching it forgets every neighbour, also one set by hand (arp_netdev_event).
        ...editLink(namespace, change.at.name, (link) => ({
          ...link,
          flags: link.flags.filter((flag) => flag !== 'NOARP'),
        })),
        neighbours: namespace.neighbours.filter(({ device, proxy }) => proxy || device !== change.at.name),
      }));
    case 'link-mtu':
      return editNamespace(topology, change.at.netns, (namespace) =>
        editLink(namespace, change.at.name, (link) => ({ ...link, mtu: change.mtu })),
      );
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
      return editNamespace(topology, change.at.netns, (namespace) => deleteAddress(namespace, change.at.name, change));
    case 'interface-sysctl':
      return editNamespace(topology, change.at.netns, (namespace) =>
        editLink(namespace, change.at.name, (link) => ({
          ...link,
          ...(change.family === 6
            ? { ipv6: { ...link.ipv6, [change.setting]: change.value } }
            : { ipv4: { ...link.ipv4, [change.setting]: change.value } }),
        })),
      );
    case 'namespace-sysctl':
      return editNamespace(topology, change.netns, (namespace) =>
        setNamespaceSysctl(namespace, change.setting, change.value),
      );
    case 'neighbour-flush':
      return editNamespace(topology, change.at.netns, (namespace) => ({
        ...namespace,
        neighbours: namespace.neighbours.filter(
          ({ address, device, state, proxy }) =>
            address !== change.address || device !== change.at.name || proxy || /^(PERMANENT|NOARP)$/.test(state),
        ),
      }));
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
              family !== familyOf(change.destination.replace(/\/.*$/, '')) ||
              metric !== (change.metric ?? 0),
          ),
          routeFor(namespace, change),
        ],
      }));
    case 'filter-delete':
    case 'filter-accept':
      return editNamespace(topology, change.netns, (namespace) => applyFilterChange(namespace, change));
    case 'queue-del':
    case 'xdp-off':
    case 'classifier-del':
      return editNamespace(topology, change.at.netns, (namespace) =>
        editLink(namespace, change.at.name, (link) => applyTrafficChange(link, change)),
      );
    case 'link-down':
    case 'port-flag':
    case 'port-forwarding':
    case 'bridge-stp-off':
    case 'fdb-flush':
    case 'fdb-del':
    case 'vlan-add':
    case 'link-mac':
      return editNamespace(topology, change.at.netns, (namespace) => applyBridgeChange(namespace, change));
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
    return link.addresses.reduce((state, address) => withRoutes(state, at.name, address), withPorts);
  });
}

function addAddress(
  namespace: Namespace,
  device: string,
  { address, prefixLength }: Pick<Address, 'address' | 'prefixLength'>,
): Namespace {
  const scope = isLinkLocal(address) ? 'link' : 'global';
  const added: Address = { family: familyOf(address), address, prefixLength, scope, flags: [] };
  const edited = editLink(namespace, device, (link) => ({ ...link, addresses: [...link.addresses, added] }));
  return withRoutes(edited, device, added);
}

/** The kernel's own routes for an address: local, and the prefix it is in (fib_add_ifaddr, addrconf_prefix_route). */
function withRoutes(namespace: Namespace, device: string, own: Address): Namespace {
  const { family, address, prefixLength, peer } = own;
  const bits = familyBits(family);
  // IPv6 routes of the kernel's own name no source, and have a metric.
  const route = (table: string, type: string, destination: string): Route => ({
    family,
    table,
    type,
    destination,
    metric: family === 6 && type === 'unicast' ? 256 : 0,
    scope: type === 'local' ? 'host' : 'link',
    protocol: 'kernel',
    ...(family === 4 ? { source: address } : {}),
    nextHops: [{ device, flags: [] }],
  });
  const wanted = [route('local', 'local', `${address}/${bits}`)];
  const link = namespace.links.find(({ name }) => name === device);
  // Of a device that is down only the address itself is local; on lo the whole prefix is.
  if (prefixLength < bits && link?.flags.includes('UP')) {
    const around = prefixAround(peer ?? address, prefixLength);
    wanted.push(
      link.kind === 'loopback' && family === 4 ? route('local', 'local', around) : route('main', 'unicast', around),
    );
  }
  const missing = wanted.filter(
    ({ table, destination }) =>
      !namespace.routes.some(
        (have) => have.table === table && have.destination === destination && have.nextHops[0]?.device === device,
      ),
  );
  return { ...namespace, routes: [...namespace.routes, ...missing] };
}

/**
 * With its last address a device loses all its routes (fib_disable_ip), else those of the address: not what another
 * prefix of the same address still holds (fib_del_ifaddr).
 */
function deleteAddress(
  namespace: Namespace,
  device: string,
  { address, prefixLength }: Pick<Address, 'address' | 'prefixLength'>,
): Namespace {
  const held = namespace.links.find(({ name }) => name === device)?.addresses ?? [];
  const isIt = (candidate: Address) => candidate.address === address && candidate.prefixLength === prefixLength;
  const secondary = held.find(isIt)?.flags.includes('secondary') ?? true;
  // Its secondary addresses go with a primary one (promote_secondaries is off unless somebody set it).
  const gone = (candidate: Address) =>
    isIt(candidate) ||
    (!secondary &&
      candidate.flags.includes('secondary') &&
      candidate.prefixLength === prefixLength &&
      prefixContains(`${address}/${prefixLength}`, candidate.address));
  const edited = editLink(namespace, device, (link) => ({
    ...link,
    addresses: link.addresses.filter((candidate) => !gone(candidate)),
  }));
  const left = held.filter((candidate) => !gone(candidate));
  const family = familyOf(address);
  const last = family === 4 && left.every((candidate) => candidate.family !== 4);
  const kept = new Set(left.map((candidate) => candidate.address));
  const dropped = new Set(held.filter(gone).map((candidate) => candidate.address));
  const around = prefixAround(address, prefixLength);
  const goes = ({ family: of, table, nextHops, source, destination, protocol }: Route): boolean => {
    if (of !== family || nextHops[0]?.device !== device) return false;
    if (last || (table === 'main' && protocol === 'kernel' && destination === around && !secondary)) return true;
    const owner = [source ?? '', destination.replace(family === 4 ? /\/32$/ : /\/128$/, '')].find((candidate) =>
      dropped.has(candidate),
    );
    return owner !== undefined && !kept.has(owner);
  };
  return { ...edited, routes: edited.routes.filter((route) => !goes(route)) };
}

function setNamespaceSysctl(namespace: Namespace, setting: string, value: number): Namespace {
  const edited = { ...namespace, sysctls: { ...namespace.sysctls, [setting]: value } };
  // Writing `all` sets every interface (addrconf_fixup_forwarding).
  if (setting === 'ipv6.conf.all.forwarding')
    return {
      ...edited,
      links: edited.links.map((link) => ({ ...link, ipv6: { ...link.ipv6, forwarding: value } })),
    };
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
  const family = familyOf(destination.replace(/\/.*$/, ''));
  return {
    family,
    table: change.table ?? 'main',
    type: 'unicast',
    destination,
    // IPv6 gives a route that has none this one (IP6_RT_PRIO_USER).
    metric: change.metric ?? (family === 6 ? 1024 : 0),
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
        gateway !== undefined &&
        family === familyOf(gateway) &&
        prefixAround(address, prefixLength) === prefixAround(gateway, prefixLength),
    ),
  )?.name;
}

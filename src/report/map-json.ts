/**
 * The map as data: `vdiag.map/1`, described by schema/vdiag.map.schema.json. Strings from outside are left as they are; times
 * are decimal strings of Unix nanoseconds.
 */
import type { Container } from '../containers/container.ts';
import {
  type HostMap,
  type LinkFinder,
  linkFinder,
  type MapLink,
  type MapNamespace,
  networkOf,
} from '../containers/host-map.ts';
import { odditiesOf } from '../containers/oddities.ts';
import { version } from '../version.ts';

/** A document of the schema: plain data that `JSON.stringify` takes. */
export interface MapDocument {
  readonly schema: 'vdiag.map/1';
  readonly [field: string]: unknown;
}

export function mapJson(map: HostMap): MapDocument {
  const finder = linkFinder(map);
  return {
    schema: 'vdiag.map/1',
    version: version(),
    takenNs: map.takenNs,
    kernel: map.kernel,
    home: map.home,
    namespaces: map.namespaces.map((namespace) => namespaceJson(namespace, map, finder)),
    notRunning: map.elsewhere.map(containerJson),
    networks: map.networks.map(({ runtime, name, id, driver, internal, device, subnets }) => ({
      runtime,
      name,
      id,
      driver,
      internal,
      ...(device !== undefined && { device }),
      subnets,
    })),
    oddities: odditiesOf(map, finder).map(({ kind, netns, interface: name, text }) => ({
      kind,
      netns,
      ...(name !== undefined && { interface: name }),
      text,
    })),
    gaps: [...map.gaps],
  };
}

function namespaceJson(namespace: MapNamespace, map: HostMap, finder: LinkFinder): object {
  const { id, inode, names, path, pids, processes, label, tenants, guests, links, routes } = namespace;
  return {
    id,
    inode,
    names: [...names],
    label,
    path,
    pids: [...pids],
    processes,
    hostNetwork: guests.length > 0,
    containers: [...tenants, ...guests].map(containerJson),
    links: links.map((link) => linkJson({ namespace, link }, map, finder)),
    gateways: routes
      .filter(({ isDefault, main }) => isDefault && main)
      .flatMap(({ nextHops }) => nextHops)
      .flatMap(({ device, gateway }) => {
        const name = links.find(({ index }) => index === device)?.name;
        return gateway === undefined || name === undefined ? [] : [{ interface: name, address: gateway }];
      }),
  };
}

export function linkJson(at: MapLink, map: HostMap, finder: LinkFinder): object {
  const { link } = at;
  const master = finder.master(at);
  const peer = finder.peer(at);
  const lower = finder.lower(at);
  const network = networkOf(map, at, map.home);
  return {
    index: link.index,
    name: link.name,
    kind: link.kind,
    mac: link.mac,
    up: link.flags.includes('UP'),
    carrier: link.flags.includes('LOWER_UP') && !link.flags.includes('NO-CARRIER'),
    mtu: link.mtu,
    addresses: link.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    ...(master && { master: master.link.name }),
    ...(link.port && { portState: link.port.state }),
    ...(peer && { peer: placeJson(peer) }),
    ...(lower && { lower: placeJson(lower) }),
    ...(network && { network: network.name }),
    data: link.data,
  };
}

function placeJson({ namespace, link }: MapLink): object {
  return {
    netns: namespace.id,
    interface: link.name,
    index: link.index,
    ...(namespace.tenants.length > 0 && { container: namespace.label }),
  };
}

function containerJson(container: Container): object {
  const { runtime, id, name, named, pod, image, command, hostname, state, hostNetwork } = container;
  const { sharesWith, networks, ports, pids } = container;
  return {
    runtime,
    id,
    name,
    named,
    ...(pod && {
      pod: {
        namespace: pod.namespace,
        name: pod.name,
        ...(pod.uid !== undefined && { uid: pod.uid }),
        sandbox: pod.sandbox,
      },
    }),
    ...(image !== undefined && { image }),
    ...(command !== undefined && { command }),
    ...(hostname !== undefined && { hostname }),
    state,
    hostNetwork,
    ...(sharesWith !== undefined && { sharesWith }),
    networks: networks.map(({ name: network, addresses }) => ({ name: network, addresses: [...addresses] })),
    ports: ports.map(({ address, hostPort, port, protocol }) => ({ address, hostPort, port, protocol })),
    pids: [...pids],
  };
}

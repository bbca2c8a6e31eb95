/** The map of a machine with everything replaced that says whose it is. */
import { type Container, labelOf, type RuntimeNetwork } from '../containers/container.ts';
import type { HostMap, MapNamespace } from '../containers/host-map.ts';
import type { Namespace, Topology } from '../topology/model.ts';
import type { Names } from './names.ts';
import { createRedactor, type Redactor } from './redactor.ts';
import { replaceLink, replaceNetns, replacePath } from './topology.ts';

/** Networks that every runtime has. */
const GENERIC_NETWORKS: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'podman', 'default', 'lxdbr0']);

/** @param secret as `RedactorOptions.secret` */
export function redactMap(map: HostMap, secret?: Uint8Array): HostMap {
  const redactor = createRedactor({
    topologies: [asTopology(map)],
    learn: (names) => {
      for (const each of [
        ...map.namespaces.flatMap(({ tenants, guests }) => [...tenants, ...guests]),
        ...map.elsewhere,
      ])
        learnContainer(each, names);
      for (const network of map.networks) networkName(network.name, names);
    },
    ...(secret === undefined ? {} : { secret }),
  });
  const { names, netns, text } = redactor;
  return {
    ...map,
    home: netns(map.home),
    namespaces: map.namespaces.map((namespace) => replaceNamespace(namespace, map.home, redactor)),
    elsewhere: map.elsewhere.map((container) => replaceContainer(container, redactor)),
    networks: map.networks.map((network) => replaceNetwork(network, redactor)),
    gaps: map.gaps.map(text),
  };

  function replaceNetwork(network: RuntimeNetwork, { address }: Redactor): RuntimeNetwork {
    return {
      ...network,
      name: networkName(network.name, names),
      id: names.id(network.id),
      ...(network.device === undefined ? {} : { device: names.interface(network.device) }),
      subnets: network.subnets.map(({ subnet, gateway }) => ({
        subnet: address(subnet),
        ...(gateway === undefined ? {} : { gateway: address(gateway) }),
      })),
    };
  }
}

function replaceNamespace(namespace: MapNamespace, home: string, redactor: Redactor): MapNamespace {
  const { names, address, text, netns } = redactor;
  const tenants = namespace.tenants.map((container) => replaceContainer(container, redactor));
  const own = namespace.names.map((name) => names.named(name, 'netns'));
  const path = replacePath(namespace.path, names);
  const [owner] = tenants;
  // A program's name behind its number is left out.
  const plain = namespace.label.replace(/ \(.*\)$/, '');
  const label = owner
    ? labelOf(owner)
    : (own[0] ?? (plain === namespace.path ? path : replaceLabel(plain, namespace, names)));
  return {
    ...namespace,
    id: netns(namespace.id),
    names: own,
    path,
    links: namespace.links.map((link) => replaceLink(link, { names, address, text, netns })),
    routes: namespace.routes.map((route) => ({
      ...route,
      nextHops: route.nextHops.map((hop) => ({
        ...hop,
        ...(hop.gateway === undefined ? {} : { gateway: address(hop.gateway) }),
      })),
    })),
    tenants,
    guests: namespace.guests.map((container) => replaceContainer(container, redactor)),
    label: namespace.id === home ? namespace.label : label,
  };
}

function replaceLabel(label: string, { id }: MapNamespace, names: Names): string {
  return label === id ? replaceNetns(id, names) : label;
}

function replaceContainer(container: Container, { names, address }: Redactor): Container {
  const { command: _, image, hostname, pod, sharesWith, ...rest } = container;
  return {
    ...rest,
    id: names.id(container.id),
    name: containerName(container, names),
    ...(pod === undefined
      ? {}
      : {
          pod: {
            ...pod,
            namespace: names.named(pod.namespace, 'name'),
            name: names.named(pod.name, 'pod'),
            ...(pod.uid === undefined ? {} : { uid: names.id(pod.uid) }),
          },
        }),
    ...(image === undefined ? {} : { image: names.named(image, 'image') }),
    ...(hostname === undefined ? {} : { hostname: names.named(hostname, 'container') }),
    ...(sharesWith === undefined ? {} : { sharesWith: names.id(sharesWith) }),
    networks: container.networks.map(({ name, addresses }) => ({
      name: networkName(name, names),
      addresses: addresses.map(address),
    })),
  };
}

/** The beginning of an id where nobody knows a name. */
function containerName({ id, name, named }: Container, names: Names): string {
  return named ? names.named(name, 'container') : names.id(id).slice(0, name.length);
}

function networkName(name: string, names: Names): string {
  return GENERIC_NETWORKS.has(name) ? name : names.named(name, 'network');
}

function learnContainer(container: Container, names: Names): void {
  containerName(container, names);
  names.id(container.id);
  if (container.image !== undefined) names.named(container.image, 'image');
}

/** As far as a map knows one: links, and no rules. */
function asTopology({ takenNs, kernel, home, namespaces }: HostMap): Topology {
  return {
    schema: 'vdiag.topology/1',
    takenNs,
    kernel,
    home,
    start: home,
    namespaces: namespaces.map(
      ({ id, inode, names, path, pids, links }): Namespace => ({
        id,
        inode,
        names,
        path,
        pids,
        links,
        detail: 'links',
        routes: [],
        rules: [],
        neighbours: [],
        fdb: [],
        sysctls: {},
        filters: {},
      }),
    ),
    gaps: [],
  };
}

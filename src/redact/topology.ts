/** A topology with everything replaced that says whose it is. Numbers, states and settings stay: the diagnosis rests on them. */
import type { ContainerName, Link, Namespace, NetnsId, PolicyRule, Topology } from '../topology/model.ts';
import { replaceFilters } from './filter-names.ts';
import type { Names } from './names.ts';

export interface TopologyReplacer {
  readonly names: Names;
  /** Also a prefix or a hardware address; what is none of them comes back as it is. */
  readonly address: (text: string) => string;
  readonly text: (text: string) => string;
  readonly netns: (id: NetnsId) => NetnsId;
}

export function replaceTopology(topology: Topology, by: TopologyReplacer): Topology {
  return {
    ...topology,
    home: by.netns(topology.home),
    start: by.netns(topology.start),
    namespaces: topology.namespaces.map((namespace) => replaceNamespace(namespace, by)),
    gaps: topology.gaps.map(by.text),
  };
}

function replaceNamespace(namespace: Namespace, by: TopologyReplacer): Namespace {
  const { names, address, text, netns } = by;
  const device = (name: string): string => names.interface(name);
  return {
    ...namespace,
    id: netns(namespace.id),
    names: namespace.names.map((name) => names.named(name, 'netns')),
    path: replacePath(namespace.path, names),
    ...(namespace.containers === undefined
      ? {}
      : { containers: namespace.containers.map((container) => replaceContainer(container, names)) }),
    links: namespace.links.map((link) => replaceLink(link, by)),
    routes: namespace.routes.map((route) => ({
      ...route,
      table: names.named(route.table, 'table'),
      destination: address(route.destination),
      ...(route.source === undefined ? {} : { source: address(route.source) }),
      nextHops: route.nextHops.map((hop) => ({
        ...hop,
        ...(hop.gateway === undefined ? {} : { gateway: address(hop.gateway) }),
        ...(hop.device === undefined ? {} : { device: device(hop.device) }),
      })),
    })),
    rules: namespace.rules.map((rule) => replaceRule(rule, by)),
    neighbours: namespace.neighbours.map((entry) => ({
      ...entry,
      address: address(entry.address),
      device: device(entry.device),
      ...(entry.mac === undefined ? {} : { mac: address(entry.mac) }),
    })),
    ...(namespace.pathMtus === undefined
      ? {}
      : {
          pathMtus: namespace.pathMtus.map((known) => ({
            ...known,
            destination: address(known.destination),
            ...(known.device === undefined ? {} : { device: device(known.device) }),
          })),
        }),
    fdb: namespace.fdb.map((entry) => ({
      ...entry,
      mac: address(entry.mac),
      device: device(entry.device),
      ...(entry.master === undefined ? {} : { master: device(entry.master) }),
      ...(entry.remote === undefined ? {} : { remote: address(entry.remote) }),
      ...(entry.via === undefined ? {} : { via: viaOf(entry.via, names) }),
    })),
    filters: replaceFilters(namespace.filters, text, address),
  };
}

function replaceRule(rule: PolicyRule, { names, address, text }: TopologyReplacer): PolicyRule {
  return {
    ...rule,
    ...(rule.from === undefined ? {} : { from: address(rule.from) }),
    ...(rule.to === undefined ? {} : { to: address(rule.to) }),
    ...(rule.inputInterface === undefined ? {} : { inputInterface: names.interface(rule.inputInterface) }),
    ...(rule.outputInterface === undefined ? {} : { outputInterface: names.interface(rule.outputInterface) }),
    ...(rule.table === undefined ? {} : { table: names.named(rule.table, 'table') }),
    undecidable: rule.undecidable.map(text),
  };
}

export function replaceLink(link: Link, { names, address, text, netns }: TopologyReplacer): Link {
  return {
    ...link,
    name: names.interface(link.name),
    mac: address(link.mac),
    addresses: link.addresses.map((own) => ({
      ...own,
      address: address(own.address),
      ...(own.peer === undefined ? {} : { peer: address(own.peer) }),
    })),
    ...(link.peer?.netns === undefined ? {} : { peer: { ...link.peer, netns: netns(link.peer.netns) } }),
    ...(link.socketNetns === undefined ? {} : { socketNetns: netns(link.socketNetns) }),
    ...(link.bridge?.snooping === undefined
      ? {}
      : {
          bridge: {
            ...link.bridge,
            snooping: {
              ...link.bridge.snooping,
              ...(link.bridge.snooping.otherQuerier?.port === undefined
                ? {}
                : { otherQuerier: { port: names.interface(link.bridge.snooping.otherQuerier.port) } }),
              routers: link.bridge.snooping.routers.map((port) => names.interface(port)),
              groups: link.bridge.snooping.groups.map((entry) => ({
                ...entry,
                group: address(entry.group),
                port: names.interface(entry.port),
                ...(entry.source === undefined ? {} : { source: address(entry.source) }),
              })),
            },
          },
        }),
    data: Object.fromEntries(
      Object.entries(link.data).map(([key, value]) => [key, replaceData(key, value, { names, text })]),
    ),
  };
}

function replaceData(key: string, value: unknown, by: Pick<TopologyReplacer, 'names' | 'text'>): unknown {
  if (typeof value === 'string') return key === 'link' ? viaOf(value, by.names) : by.text(value);
  if (Array.isArray(value)) return value.map((each) => replaceData(key, each, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaceData(name, each, by)]));
}

/** A device by its name, or `if7` by its number in another namespace. */
function viaOf(name: string, names: Names): string {
  return /^if\d+$/.test(name) ? name : names.interface(name);
}

export function replaceContainer(container: ContainerName, names: Names): ContainerName {
  return {
    runtime: container.runtime,
    name: container.id.startsWith(container.name) ? names.id(container.name) : names.named(container.name, 'container'),
    id: names.id(container.id),
    ...(container.pod === undefined ? {} : { pod: names.named(container.pod, 'pod') }),
  };
}

/** `/run/netns/web`, `/var/run/docker/netns/1-abc`: the last part is a name. A process's stays, it is a number. */
export function replacePath(path: string, names: Names): string {
  if (path.startsWith('/proc/')) return path;
  const at = path.lastIndexOf('/') + 1;
  return path.slice(0, at) + names.named(path.slice(at), 'netns');
}

/** By its name, or `net:[INODE]`, which says nothing. */
export function replaceNetns(id: NetnsId, names: Names): NetnsId {
  if (id === '' || /^net:\[\d+\]$/.test(id)) return id;
  return id.includes('/') ? replacePath(id, names) : names.named(id, 'netns');
}

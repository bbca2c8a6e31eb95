/** Copies of a topology with one namespace, or one link of it, changed. */
import type { Link, Namespace, NetnsId, Topology } from './model.ts';

export function editNamespace(topology: Topology, id: NetnsId, edit: (namespace: Namespace) => Namespace): Topology {
  return {
    ...topology,
    namespaces: topology.namespaces.map((namespace) => (namespace.id === id ? edit(namespace) : namespace)),
  };
}

export function editLink(namespace: Namespace, name: string, edit: (link: Link) => Link): Namespace {
  return { ...namespace, links: namespace.links.map((link) => (link.name === name ? edit(link) : link)) };
}

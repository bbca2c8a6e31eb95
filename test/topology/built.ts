/** Topologies for tests, written down in a few words. */
import type { Link, Namespace, Topology } from '../../src/topology/model.ts';

export function link(index: number, name: string, rest: Partial<Link> = {}): Link {
  return {
    index,
    name,
    kind: 'veth',
    mac: '',
    flags: ['UP', 'LOWER_UP'],
    operstate: 'up',
    mtu: 1500,
    addresses: [],
    ipv4: {},
    ipv6: {},
    data: {},
    ...rest,
  };
}

export function namespace(id: string, links: readonly Link[], rest: Partial<Namespace> = {}): Namespace {
  return {
    id,
    inode: 1,
    names: [id],
    path: `/run/netns/${id}`,
    pids: [],
    detail: 'full',
    links,
    routes: [],
    rules: [],
    neighbours: [],
    fdb: [],
    sysctls: {},
    filters: {},
    ...rest,
  };
}

export function topologyOf(...namespaces: Namespace[]): Topology {
  const id = namespaces[0]?.id ?? '';
  return { schema: 'vdiag.topology/1', takenNs: '1', kernel: '6.18', home: id, start: id, namespaces, gaps: [] };
}

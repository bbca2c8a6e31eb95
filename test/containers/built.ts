/** Containers and maps for tests, written down in a few words. */
import type { Container } from '../../src/containers/container.ts';
import type { HostMap, MapNamespace } from '../../src/containers/host-map.ts';
import type { Link } from '../../src/topology/model.ts';

export { link } from '../topology/built.ts';

export function container(name: string, rest: Partial<Container> = {}): Container {
  return {
    runtime: 'docker',
    id: `${Buffer.from(name).toString('hex')}${'0'.repeat(64)}`.slice(0, 64),
    name,
    named: true,
    state: 'running',
    hostNetwork: false,
    networks: [],
    ports: [],
    pids: [],
    ...rest,
  };
}

export function namespace(inode: number, links: readonly Link[], rest: Partial<MapNamespace> = {}): MapNamespace {
  return {
    id: `net:[${inode}]`,
    inode,
    names: [],
    path: `/proc/${inode}/ns/net`,
    pids: [inode],
    links,
    routes: [],
    tenants: [],
    guests: [],
    processes: 1,
    label: inode === 1 ? 'this namespace' : `pid ${inode}`,
    ...rest,
  };
}

/** The first namespace is the one vdiag was run in. */
export function mapOf(namespaces: readonly MapNamespace[], rest: Partial<HostMap> = {}): HostMap {
  return {
    takenNs: '1700000000000000000',
    kernel: '6.12.0',
    home: namespaces[0]?.id ?? '',
    namespaces,
    elsewhere: [],
    networks: [],
    gaps: [],
    ...rest,
  };
}

/** One end of a pair. */
export function peer(inode: number, index: number): Pick<Link, 'peer'> {
  return { peer: { netns: `net:[${inode}]`, index } };
}

export function address(text: string, flags: readonly string[] = []): Link['addresses'][number] {
  const [own = '', length = '24'] = text.split('/');
  return { family: own.includes(':') ? 6 : 4, address: own, prefixLength: Number(length), scope: 'global', flags };
}

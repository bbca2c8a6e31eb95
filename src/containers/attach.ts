/** The names of containers put into a topology, so that places are called after those who live there. */
import type { ContainerName, Topology } from '../topology/model.ts';
import type { Container } from './container.ts';
import { containersIn, type Directory } from './directory.ts';

/** The same topology with the containers of each namespace; the host's own namespace is nobody's. */
export function attachContainers(topology: Topology, directory: Pick<Directory, 'containers'>): Topology {
  return {
    ...topology,
    namespaces: topology.namespaces.map((namespace) => {
      const names = tenants(directory, namespace.inode).map(nameOf);
      return names.length > 0 ? { ...namespace, containers: names } : namespace;
    }),
  };
}

/** The containers that have a namespace to themselves, or share it among each other; its owner first. */
export function tenants(directory: Pick<Directory, 'containers'>, inode: number): Container[] {
  const living = containersIn(directory, inode);
  return living.some(({ hostNetwork }) => hostNetwork) ? [] : living;
}

function nameOf({ runtime, name, id, pod }: Container): ContainerName {
  return { runtime, name, id, ...(pod && { pod: `${pod.namespace}/${pod.name}` }) };
}

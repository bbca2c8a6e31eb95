/** A container as vdiag knows it: what the kernel shows of it, and what its runtime calls it. */

/** Who runs it, as far as its cgroup or the runtime itself says; `unknown`: a container of some runtime. */
export type Runtime = 'docker' | 'podman' | 'containerd' | 'cri-o' | 'lxc' | 'incus' | 'nspawn' | 'unknown';

export const RUNTIMES: readonly Runtime[] = [
  'docker',
  'podman',
  'containerd',
  'cri-o',
  'lxc',
  'incus',
  'nspawn',
  'unknown',
];

/** Of Kubernetes. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
  /** The container that only holds the pod's namespaces. */
  readonly sandbox: boolean;
}

export interface Container {
  readonly runtime: Runtime;
  /** As the runtime has it, in full; a name where the runtime has no other id. */
  readonly id: string;
  /** The runtime's name for it; the beginning of its id where nobody knows a name. */
  readonly name: string;
  /** False: the name is the beginning of the id. */
  readonly named: boolean;
  readonly pod?: Pod;
  readonly image?: string;
  /** What was started, in short. */
  readonly command?: string;
  readonly hostname?: string;
  readonly state: ContainerState;
  /** Of its network namespace; absent where it has none now. */
  readonly netns?: number;
  /** It has no network namespace of its own: it lives in the host's. */
  readonly hostNetwork: boolean;
  /** The id of the container whose network namespace it was given (`--network container:`). */
  readonly sharesWith?: string;
  /** Networks of its runtime that it is on, and its addresses there as the runtime believes them. */
  readonly networks: readonly AttachedNetwork[];
  /** Of its host, passed on to it. */
  readonly ports: readonly PublishedPort[];
  /** Processes, lowest first, at most 8. */
  readonly pids: readonly number[];
}

/** A port of the host that leads to one of the container's (docker run -p). */
export interface PublishedPort {
  /** The host's address; 0.0.0.0 or :: for all of that family. */
  readonly address: string;
  readonly hostPort: number;
  readonly port: number;
  /** tcp, udp, sctp */
  readonly protocol: string;
}

export type ContainerState = 'running' | 'paused' | 'created' | 'stopped';

export interface AttachedNetwork {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** A network of a runtime, such as `docker network ls` lists. */
export interface RuntimeNetwork {
  readonly runtime: Runtime;
  readonly name: string;
  readonly id: string;
  /** bridge, macvlan, overlay … */
  readonly driver: string;
  readonly internal: boolean;
  /** The bridge it was given, or the device its macvlans sit on. */
  readonly device?: string;
  readonly subnets: readonly { readonly subnet: string; readonly gateway?: string }[];
}

/** What a runtime itself says of a container: joined with what the kernel shows by the id. */
export interface Told {
  readonly runtime: Runtime;
  readonly id: string;
  readonly name?: string;
  readonly pod?: Pod;
  readonly image?: string;
  readonly command?: string;
  readonly state?: ContainerState;
  readonly hostNetwork?: boolean;
  readonly sharesWith?: string;
  readonly networks?: readonly AttachedNetwork[];
  readonly ports?: readonly PublishedPort[];
  /** A process of it, and the file that opens its namespace: where no cgroup tells. */
  readonly pid?: number;
  readonly netnsPath?: string;
}

const shortLength = 12;

/** As `docker ps` shortens it; names are left whole. */
export function shortId(id: string): string {
  return /^[0-9a-f]{32,}$/.test(id) ? id.slice(0, shortLength) : id;
}

/** "web", or "default/web-1" for a container of a pod: what a person calls the namespace it lives in. */
export function labelOf({ pod, name }: Pick<Container, 'pod' | 'name'>): string {
  return pod ? `${pod.namespace}/${pod.name}` : name;
}

/** "docker:web", "pod:default/web-1": what is unambiguous on a command line. */
export function specOf(container: Pick<Container, 'pod' | 'name' | 'runtime'>): string {
  if (container.pod) return `pod:${container.pod.namespace}/${container.pod.name}`;
  return `${container.runtime === 'unknown' ? 'container' : container.runtime}:${container.name}`;
}

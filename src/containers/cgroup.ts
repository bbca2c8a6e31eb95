/**
 * Which container a process is in, from its cgroup (proc_pid_cgroup(5), cgroups(7)): every runtime puts its containers into
 * a cgroup that carries their id, whether systemd made it (`docker-ID.scope`) or the runtime itself (`/docker/ID`).
 */
import type { Runtime } from './container.ts';

export interface CgroupOwner {
  readonly runtime: Runtime;
  readonly id: string;
  /** Of the Kubernetes pod around it. */
  readonly podUid?: string;
}

const hexId = '[0-9a-f]{64}';
const scopes: readonly { readonly pattern: RegExp; readonly runtime: Runtime }[] = [
  { pattern: new RegExp(`^docker-(${hexId})(?:\\.scope)?$`), runtime: 'docker' },
  { pattern: new RegExp(`^libpod-(${hexId})(?:\\.scope)?$`), runtime: 'podman' },
  { pattern: new RegExp(`^(?:cri-containerd|nerdctl)-(${hexId})(?:\\.scope)?$`), runtime: 'containerd' },
  { pattern: new RegExp(`:(?:cri-containerd|nerdctl):(${hexId})$`), runtime: 'containerd' },
  { pattern: new RegExp(`^crio-(${hexId})(?:\\.scope)?$`), runtime: 'cri-o' },
  { pattern: /^lxc\.payload\.(.+)$/, runtime: 'lxc' },
  { pattern: /^systemd-nspawn@(.+)\.service$/, runtime: 'nspawn' },
];
/** `/PARENT/ID`, as runtimes do it that make their cgroups themselves. */
const parents: Readonly<Record<string, Runtime>> = {
  docker: 'docker',
  libpod_parent: 'podman',
  'k8s.io': 'containerd',
  default: 'containerd',
  lxc: 'lxc',
  'lxc.payload': 'lxc',
};
const podPattern = /^(?:kube.*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;

/**
 * The innermost container that a process's cgroups name; undefined for a process of the host.
 * @param text of /proc/PID/cgroup: one line of cgroup v2, one per hierarchy of v1
 */
export function ownerOf(text: string): CgroupOwner | undefined {
  let found: CgroupOwner | undefined;
  for (const line of text.split('\n')) {
    // hierarchy-ID:controller-list:cgroup-path, and only the path may hold further colons.
    const path = /^\d+:[^:]*:(\/.*)$/.exec(line)?.[1];
    const owner = path === undefined || path === '/' ? undefined : ownerInPath(path);
    // A v1 hierarchy that the runtime does not manage has a shorter path: it knows less, but nothing else.
    if (owner && (!found || (found.runtime === 'unknown' && owner.runtime !== 'unknown'))) found = owner;
  }
  return found;
}

function ownerInPath(path: string): CgroupOwner | undefined {
  let owner: CgroupOwner | undefined;
  let podUid: string | undefined;
  let parent = '';
  for (const part of path.split('/')) {
    const pod = podPattern.exec(part)?.[1];
    if (pod !== undefined) podUid = pod.replaceAll('_', '-');
    const named = ownerNamed(part, parent, podUid !== undefined);
    if (named) owner = { ...named, ...(podUid !== undefined && { podUid }) };
    parent = part;
  }
  return owner;
}

function ownerNamed(part: string, parent: string, inPod: boolean): CgroupOwner | undefined {
  for (const { pattern, runtime } of scopes) {
    const id = pattern.exec(part)?.[1];
    if (id !== undefined) return { runtime, id: runtime === 'nspawn' ? unescapeUnit(id) : id };
  }
  const machine = /^machine-(.+)\.scope$/.exec(part)?.[1];
  if (machine !== undefined) return machineNamed(unescapeUnit(machine));
  const runtime = Object.hasOwn(parents, parent) ? parents[parent] : undefined;
  if (runtime === 'lxc') return { runtime, id: part };
  if (!new RegExp(`^${hexId}$`).test(part)) return undefined;
  return { runtime: runtime ?? (inPod ? 'containerd' : 'unknown'), id: part };
}

/** systemd-machined's scopes: nspawn's by name, libvirt's with the driver and a number before it. A VM is no container. */
function machineNamed(name: string): CgroupOwner | undefined {
  if (/^qemu-\d+-/.test(name)) return undefined;
  const libvirt = /^lxc-\d+-(.+)$/.exec(name)?.[1];
  return libvirt === undefined ? { runtime: 'nspawn', id: name } : { runtime: 'lxc', id: libvirt };
}

/** `web\x2done` is web-one in the name of a unit (systemd.unit(5), string escaping). */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** How places and commands are named for a person who sits in the namespace vdiag was started in. */
import { nameBytes } from '../linux/name-text.ts';
import type { ContainerName, Namespace, NetnsId, Topology } from './model.ts';

interface NamedPlace {
  readonly netns: NetnsId;
  readonly name: string;
}

/** "veth0" in the home namespace, "veth1@newns" elsewhere, "eth0@pid 4711" in a namespace without a name. */
export function placeName(topology: Topology, place: NamedPlace): string {
  return place.netns === topology.home ? place.name : `${place.name}@${netnsName(topology, place.netns)}`;
}

/** The namespace as a person would call it: the container that lives in it, its name, a process in it, or its inode. */
export function netnsName(topology: Topology, id: NetnsId): string {
  const namespace = topology.namespaces.find((candidate) => candidate.id === id);
  const container = id === topology.home ? undefined : containerLabel(topology, namespace);
  if (container !== undefined) return container;
  const name = namespace?.names[0];
  if (name !== undefined) return name;
  if (id === topology.home) return 'this namespace';
  const pid = namespace?.pids[0];
  return pid === undefined ? id : `pid ${pid}`;
}

/** The longest name of a pod with its namespace (253 and 63 characters, and a slash): no runtime's own names are longer. */
const LONGEST_LABEL = 317;

/** "web" for a container, "default/web-1" for a pod, "docker:web" where two runtimes have a web; undefined without one. */
function containerLabel(topology: Topology, namespace: Namespace | undefined): string | undefined {
  const owner = namespace?.containers?.[0];
  if (!namespace || !owner) return undefined;
  const label = (container: ContainerName): string => {
    const whole = container.pod ?? container.name;
    return whole.length > LONGEST_LABEL ? `${whole.slice(0, LONGEST_LABEL - 1)}…` : whole;
  };
  const twice = topology.namespaces.some(
    ({ id, names, containers: [other] = [] }) =>
      id !== namespace.id && ((other && label(other) === label(owner)) || names.includes(label(owner))),
  );
  return twice ? `${owner.runtime}:${label(owner)}` : label(owner);
}

/** " in namespace newns", " in container web", or nothing in the home one. */
export function inNetns(topology: Topology, id: NetnsId): string {
  if (id === topology.home) return '';
  const owner = topology.namespaces.find((candidate) => candidate.id === id)?.containers?.[0];
  const kind = owner === undefined ? 'namespace' : owner.pod === undefined ? 'container' : 'pod';
  return ` in ${kind} ${netnsName(topology, id)}`;
}

/**
 * A command line that acts in a namespace, runnable as it stands from the home one.
 * ip(8), bridge(8) and tc(8) enter a named namespace by themselves (`-n`).
 * @param words program and arguments; each is quoted where a shell would read more than a word in it
 */
export function commandIn(topology: Topology, id: NetnsId, words: readonly string[]): string {
  const quoted = words.map(shellWord);
  if (id === topology.home) return quoted.join(' ');
  const namespace = topology.namespaces.find((candidate) => candidate.id === id);
  const name = namespace?.names[0];
  if (name === undefined) return [`nsenter --net=${shellWord(pathOf(namespace, id))}`, ...quoted].join(' ');
  const [program = '', ...rest] = quoted;
  if (program === 'ip' || program === 'bridge' || program === 'tc')
    return [program, '-n', shellWord(name), ...rest].join(' ');
  return ['ip netns exec', shellWord(name), ...quoted].join(' ');
}

/** What `--netns` takes to mean this namespace. */
export function netnsArgument(topology: Topology, id: NetnsId): string {
  const namespace = topology.namespaces.find((candidate) => candidate.id === id);
  return namespace?.names[0] ?? pathOf(namespace, id);
}

function pathOf(namespace: Namespace | undefined, id: NetnsId): string {
  return namespace?.path ?? id;
}

/**
 * A word as any sh(1) reads it back: bare where it is harmless, in single quotes where it is ordinary text, and else spelt out
 * for printf(1), so that a command can be shown anywhere (control characters, other scripts, bytes that are no UTF-8) and is
 * still the right one when it is copied.
 */
export function shellWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  // Of what printf(1) says the shell drops line ends.
  if (/^[\x20-\x7e]*$/.test(word) || word.endsWith('\n')) return `'${word.replaceAll("'", `'\\''`)}'`;
  const spelt = Array.from(nameBytes(word), (byte) =>
    /[A-Za-z0-9_@+=:,./-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `\\${byte.toString(8).padStart(3, '0')}`,
  );
  return `"$(printf -- '${spelt.join('')}')"`;
}

/**
 * The sysctl(8) variable of one interface. A dot in the interface's name would be read as a separator:
 * sysctl takes slashes as separators too, and then dots stand for themselves.
 */
export function interfaceSysctl(family: 'ipv4' | 'ipv6', interfaceName: string, setting: string): string {
  return interfaceName.includes('.')
    ? `net/${family}/conf/${interfaceName}/${setting}`
    : `net.${family}.conf.${interfaceName}.${setting}`;
}

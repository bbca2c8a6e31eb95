/** The namespace and the interfaces that a word on the command line means: kernel names first, then containers. */
import { type Container, labelOf, shortId } from '../containers/container.ts';
import { type Directory, readDirectory } from '../containers/directory.ts';
import { asksForContainer, containerNames, findContainer } from '../containers/find.ts';
import { VdiagError } from '../linux/error.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { meantName } from '../linux/name-text.ts';
import { insideNetns, listNetns, type NetnsHandle, netnsOfThread, resolveNetns } from '../linux/netns.ts';
import { nearestNames, someOf } from '../topology/query.ts';

/** What words are looked up in, listed once for all of them. */
export interface Known {
  readonly directory: Directory;
  readonly handles: readonly NetnsHandle[];
}

/** The namespaces and containers there are now. */
export async function lookAround(): Promise<Known> {
  return { directory: await readDirectory(), handles: listNetns() };
}

/** The namespace vdiag runs in. */
export function homeNetns({ handles }: Pick<Known, 'handles'>): NetnsHandle {
  const home = handles.find(({ inode }) => inode === netnsOfThread().inode);
  if (!home) throw new VdiagError('unreadable', 'the network namespace of this process cannot be found in /proc');
  return home;
}

/** A namespace, and the container it was asked for by, if it was. */
export interface MeantNetns {
  readonly netns: NetnsHandle;
  readonly container?: Container;
}

/**
 * What `--netns` takes: a name under /run/netns, a process, a path, `container:NAME`, `docker:NAME`, `pod:NAMESPACE/NAME` or
 * the name of one container. Where both a namespace and a container have a bare name, it is the namespace.
 * @throws VdiagError `no-such-namespace`, with the nearest names as hint; `permission`
 */
export function meantNetns(spec: string, known: Known): MeantNetns {
  const { directory, handles } = known;
  if (asksForContainer(spec)) return netnsOfContainer(findContainer(directory, spec), spec, known);
  const named = handles.find(({ names }) => names.includes(spec));
  if (named) return { netns: named };
  try {
    return { netns: resolveNetns(spec) };
  } catch (cause) {
    if (!(cause instanceof VdiagError) || cause.code !== 'no-such-namespace') throw cause;
    const container = findContainer(directory, spec);
    if (container) return netnsOfContainer(container, spec, known);
    const near = nearestNames(spec, [...containerNames(directory), ...handles.flatMap(({ names }) => names)]);
    if (near.length === 0) throw cause;
    throw new VdiagError(
      'no-such-namespace',
      `no network namespace or container ${spec}`,
      `did you mean ${near.join(', ')}?`,
      { cause },
    );
  }
}

/** The namespace that a bare word names as a container or under /run/netns; undefined when it names neither. */
export function bareNetns(word: string, known: Known): MeantNetns | undefined {
  const container = findContainer(known.directory, word);
  const named = known.handles.find(({ names }) => names.includes(word));
  if (!container) return named && { netns: named };
  if (named && named.inode !== container.netns)
    throw new VdiagError(
      'no-such-namespace',
      `${word} is both a network namespace and a container`,
      `say which: container:${word}, or --netns ${word} with an interface`,
    );
  return netnsOfContainer(container, word, known);
}

function netnsOfContainer(container: Container | undefined, spec: string, { handles }: Known): MeantNetns {
  const netns = handles.find(({ inode }) => inode === container?.netns);
  if (!container || !netns)
    throw new VdiagError(
      'no-such-namespace',
      `the network namespace of container ${spec} cannot be found`,
      'has it ended? all there is: vdiag map',
    );
  return { netns, container };
}

/** Its names, in the order of their numbers. */
export function interfacesOf(netns: NetnsHandle): string[] {
  return [...insideNetns(netns, listInterfaces).values()];
}

/** "web (docker 57e18cf93d1f)" */
export function described(container: Container): string {
  const runtime = container.runtime === 'unknown' ? 'container' : container.runtime;
  const id = shortId(container.id);
  return id === labelOf(container) ? `${runtime} ${id}` : `${labelOf(container)} (${runtime} ${id})`;
}

export interface MeantPlaces {
  readonly netns: NetnsHandle;
  readonly names: readonly string[];
}

/**
 * What `--on` and `--probe` take: `IFACE` of the given namespace, `IFACE@WHERE`, or a container or namespace, which is all of
 * its interfaces but lo.
 * @throws VdiagError `no-such-interface`, `no-such-namespace`, `permission`
 */
export function meantPlaces(spec: string, start: NetnsHandle, known: Known): MeantPlaces {
  const here = interfacesOf(start);
  const own = meantName(spec, here);
  if (own !== undefined) return { netns: start, names: [own] };
  const at = spec.lastIndexOf('@');
  if (at > 0) {
    const name = spec.slice(0, at);
    // As `ip link` prints it: the number of the other end behind the name.
    if (/^if\d+$/.test(spec.slice(at + 1)) && here.includes(name)) return { netns: start, names: [name] };
    const { netns } = meantNetns(spec.slice(at + 1), known);
    const names = interfacesOf(netns);
    const device = meantName(name, names);
    if (device !== undefined) return { netns, names: [device] };
    throw noInterface(spec, name, names);
  }
  const meant = bareNetns(spec, known);
  if (!meant) throw noInterface(spec, spec, here, containerNames(known.directory), unseen(known));
  const names = interfacesOf(meant.netns);
  const leading = names.filter((name) => name !== 'lo');
  return { netns: meant.netns, names: leading.length > 0 ? leading : names };
}

/** What to add to a hint where a container might be meant that cannot be seen. */
export function unseen({ directory }: Known): string {
  return directory.gaps.length > 0 ? '; not every container could be seen: vdiag map says why' : '';
}

export function noInterface(
  spec: string,
  name: string,
  names: readonly string[],
  others: readonly string[] = [],
  remark = '',
): VdiagError {
  const near = nearestNames(name, [...names, ...others]);
  return new VdiagError(
    'no-such-interface',
    `no such interface: ${spec}`,
    near.length > 0 ? `did you mean ${near.join(', ')}?` : `there is ${someOf(names)}${remark}`,
  );
}

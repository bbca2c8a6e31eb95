/** What a live run is about, before anything is sent: from where to where, and the topology in between. */
import type { NetnsHandle } from '../linux/netns.ts';
import { familyOf } from '../topology/address.ts';
import type { Topology } from '../topology/model.ts';
import { locate } from './locate.ts';
import type { PingTraceOptions } from './ping-trace.ts';
import { checkAddress } from './start.ts';
import { takeStateBefore } from './state-before.ts';
import { lookAround, meantPlaces } from './whereabouts.ts';

export interface PingPlan {
  /** As given; containers have become the interface and the address that are meant. */
  readonly options: PingTraceOptions;
  readonly start: NetnsHandle;
  readonly before: Topology;
  /** The namespaces whose interfaces are listened to: those read in full, and those asked for. */
  readonly listened: readonly NetnsHandle[];
}

/** @throws VdiagError no-such-interface, no-such-namespace, not-an-address, own-address, permission, missing-program */
export async function planPing(given: PingTraceOptions): Promise<PingPlan> {
  const known = await lookAround();
  const { home, start, ...located } = locate(given, known);
  for (const note of located.notes) given.onNote?.(note);
  const options = { ...given, ...located, address: checkAddress(located.address, located.interface) };
  const asked = (options.probes ?? []).map((probe) => meantPlaces(probe, start, known).netns);
  const before = await takeStateBefore(options, { start, home }, known);
  return { options, start, before, listened: listenedTo(before, known.handles, asked) };
}

function listenedTo({ namespaces }: Topology, handles: readonly NetnsHandle[], asked: readonly NetnsHandle[]) {
  const full = namespaces.filter(({ detail }) => detail === 'full').map(({ inode }) => inode);
  const wanted = new Set([...full, ...asked.map(({ inode }) => inode)]);
  return [...wanted].flatMap((inode) => handles.find((handle) => handle.inode === inode) ?? []);
}

/** What stands for a source that the kernel has not chosen. */
export function unspecified(destination: string): string {
  return familyOf(destination) === 6 ? '::' : '0.0.0.0';
}

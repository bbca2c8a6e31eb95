/**
 * What becomes of the interfaces and namespaces while they are recorded. One that goes away leaves a line in the coverage; one
 * that comes back under its name, as those of a container that is started again, is recorded again.
 */
import type { RingCapture } from '../capture/capture.ts';
import { keepInterfaces } from '../capture/filter.ts';
import type { Instruction } from '../linux/bpf.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { stillThere } from '../linux/still-there.ts';
import type { Topology } from '../topology/model.ts';
import { netnsName, placeName } from '../topology/naming.ts';
import type { Place } from '../trace/frame.ts';

export interface Watch {
  /** Looks, when it is time to. */
  check(capture: Pick<RingCapture, 'setFilter' | 'leave'>): void;
  /** What happened, one line each. */
  gaps(): readonly string[];
}

const INTERVAL_MS = 1000;
/** A container in a restart loop would fill the companion. */
const MOST_LINES = 64;

interface Watched {
  handle: NetnsHandle;
  /** Numbers by name, of those that are recorded. */
  present: ReadonlyMap<string, number>;
  gone: boolean;
}

/** @param only the interfaces that are recorded; undefined: all */
export function watchPlaces(
  namespaces: readonly NetnsHandle[],
  only: readonly Place[] | undefined,
  snapLength: number,
  topology: Topology,
  now: () => number = () => Date.now(),
): Watch {
  const lines: string[] = [];
  let more = 0;
  let checkedMs = now();
  const note = (line: string) => {
    if (lines.length >= MOST_LINES) more++;
    else lines.push(`${line} at ${new Date(now()).toISOString()}`);
  };
  const watched: Watched[] = namespaces.map((handle) => ({
    handle,
    present: presentIn(handle, only) ?? new Map(),
    gone: false,
  }));

  const look = (state: Watched, capture: Pick<RingCapture, 'setFilter' | 'leave'>) => {
    const handle = stillThere(state.handle);
    if (!handle) {
      state.gone = true;
      note(`namespace ${netnsName(topology, state.handle.id)} was removed`);
      capture.leave(state.handle.id);
      return;
    }
    state.handle = handle;
    const before = state.present;
    const present = presentIn(handle, only) ?? before;
    const named = (name: string) => placeName(topology, { netns: handle.id, name });
    for (const name of before.keys()) if (!present.has(name)) note(`${named(name)} disappeared`);
    if (only) for (const name of present.keys()) if (!before.has(name)) note(`${named(name)} came back`);
    const renumbered = [...present].some(([name, index]) => before.get(name) !== index);
    if (only && renumbered) capture.setFilter(handle.id, keepInterfaces([...present.values()], snapLength));
    state.present = present;
  };

  return {
    check(capture) {
      if (now() - checkedMs < INTERVAL_MS && now() >= checkedMs) return;
      checkedMs = now();
      for (const state of watched) if (!state.gone) look(state, capture);
    },
    gaps: () => (more === 0 ? lines : [...lines, `and ${more} more changes`]),
  };
}

/** The kernel filter that keeps the wanted interfaces of a namespace alone. */
export function filterFor(handle: NetnsHandle, only: readonly Place[], snapLength: number): Instruction[] {
  return keepInterfaces([...recordedIn(handle, only).values()], snapLength);
}

function recordedIn(handle: NetnsHandle, only: readonly Place[] | undefined): Map<string, number> {
  const wanted = only && new Set(only.flatMap(({ netns, name }) => (netns === handle.id ? name : [])));
  const found = new Map<string, number>();
  for (const [index, name] of insideNetns(handle, listInterfaces))
    if (wanted?.has(name) ?? true) found.set(name, index);
  return found;
}

/** Undefined for one that cannot be entered: if it was so from the start, the capture has said it. */
function presentIn(handle: NetnsHandle, only: readonly Place[] | undefined): Map<string, number> | undefined {
  try {
    return recordedIn(handle, only);
  } catch {
    return undefined;
  }
}

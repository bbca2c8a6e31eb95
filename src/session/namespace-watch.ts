/**
 * Lets go of namespaces that everybody else has left while they are traced. A ring keeps its namespace alive: probes would be
 * answered by a container that has ended, for as long as somebody asks.
 */
import type { Capture, RingCapture } from '../capture/capture.ts';
import type { NetnsHandle, NetnsId } from '../linux/netns.ts';
import { stillThere } from '../linux/still-there.ts';
import type { Coverage } from '../trace/frame.ts';

/** A look costs one stat(2) for each namespace. */
const INTERVAL_MS = 100;

export interface WatchingCapture extends Capture {
  /** Namespaces that were let go of. Their inodes may be those of others by now. */
  readonly left: ReadonlySet<NetnsId>;
}

/**
 * The capture, which looks now and then while it is polled.
 * @param namespaces those listened to, the start first
 * @param startGone called when the start is one of those that are gone
 * @param withRights runs a look with the rights that it takes to look at the namespaces of others
 */
export function watchingNamespaces(
  namespaces: readonly NetnsHandle[],
  capture: RingCapture,
  startGone: () => void,
  withRights: (look: () => void) => void = (look) => look(),
  nowMs: () => number = () => performance.now(),
): WatchingCapture {
  const [start] = namespaces;
  const watched = new Map(namespaces.map((handle) => [handle.id, handle]));
  const left = new Set<NetnsId>();
  let checkedMs = nowMs();
  const look = () => {
    for (const [id, handle] of watched) {
      const there = stillThere(handle);
      if (there) {
        watched.set(id, there);
        continue;
      }
      watched.delete(id);
      left.add(id);
      capture.leave(id);
      if (id === start?.id) startGone();
    }
  };
  return {
    ...capture,
    left,
    poll(timeoutMs, alsoWakeFor) {
      if (nowMs() - checkedMs >= INTERVAL_MS) {
        checkedMs = nowMs();
        withRights(look);
      }
      return capture.poll(timeoutMs, alsoWakeFor);
    },
    coverage: () => without(left, capture.coverage()),
  };
}

/** What is not seen in a namespace that was let go of proves nothing: one that has its name now may have taken its place. */
function without(left: ReadonlySet<NetnsId>, coverage: Coverage): Coverage {
  if (left.size === 0) return coverage;
  return {
    ...coverage,
    places: coverage.places.filter(({ netns }) => !left.has(netns)),
    gaps: [...coverage.gaps, ...[...left].map((id) => `${id}: not listened to since the namespace has vanished`)],
  };
}

/** MTUs of routes and of paths: `ip -j route show table all`, `ip -j route show cache` and their text (ip-route(8)). */
import { canonicalAddress, type Family } from './address.ts';
import { field, integer, type JsonObject, objects, text } from './json.ts';
import type { PathMtu } from './model.ts';

/** The `mtu` among a route's metrics, bytes; undefined where it has none of its own. */
export function routeMtu(entry: JsonObject): number | undefined {
  const [metrics] = objects(field(entry, 'metrics'));
  const mtu = metrics && integer(metrics, 'mtu');
  return mtu !== undefined && mtu > 0 ? mtu : undefined;
}

/** True when a listing has MTUs, so that it is worth asking which of them are locked. */
export function hasMtus(json: unknown): boolean {
  return objects(json).some((entry) => routeMtu(entry) !== undefined);
}

/**
 * `ip -j route show cache`: an entry without an MTU is a redirect's.
 * @param locked positions of entries whose MTU is locked
 */
export function parsePathMtus(json: unknown, family: Family, locked: ReadonlySet<number> = new Set()): PathMtu[] {
  return objects(json).flatMap((entry, index) => {
    const destination = canonicalAddress(text(entry, 'dst') ?? '');
    const mtu = routeMtu(entry);
    const device = text(entry, 'dev');
    if (destination === undefined || mtu === undefined) return [];
    return [{ family, destination, ...(device !== undefined && { device }), mtu, locked: locked.has(index) }];
  });
}

/**
 * Which entries of a listing are locked, by position. iproute2's JSON leaves the word out, its text in one line each
 * (`ip -o`) has it; both list in one order.
 */
export function lockedAt(listing: string): ReadonlySet<number> {
  const lines = listing.split('\n').filter((line) => line.trim() !== '');
  return new Set(lines.flatMap((line, index) => (/ mtu lock \d+/.test(line) ? [index] : [])));
}

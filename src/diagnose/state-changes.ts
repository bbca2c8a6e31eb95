/** What changed while the probes were under way, as far as it concerns their path. */
import type { Path } from '../path/model.ts';
import { differences, type StateChange } from '../topology/difference.ts';
import type { Topology } from '../topology/model.ts';
import { linkOf, portsOf } from '../topology/query.ts';
import { placeKey } from '../trace/frame.ts';

/**
 * Changes at the places of the paths, and in the namespaces that they cross.
 * @param paths the ways before and after: what was on the one may not be on the other any more
 */
export function changesOn(before: Topology, after: Topology, paths: readonly Path[]): StateChange[] {
  const changes = differences(before, after);
  if (changes.length === 0) return changes;
  const places = new Set<string>();
  const namespaces = new Set<string>();
  for (const { steps } of paths.flatMap(({ legs }) => legs))
    for (const step of steps) {
      const place = step.kind === 'gate' ? step.gate.place : step.place;
      places.add(placeKey(place));
      namespaces.add(place.netns);
      const link = linkOf(before, place);
      const namespace = before.namespaces.find(({ id }) => id === place.netns);
      // What is a port of a bridge on the way may be the second way.
      if (link?.bridge && namespace)
        for (const { name } of portsOf(namespace, link)) places.add(placeKey({ netns: place.netns, name }));
    }
  return changes.filter(({ netns, name, kind }) =>
    name === undefined ? namespaces.has(netns) : places.has(placeKey({ netns, name })) || kind === 'link-new',
  );
}

/** Loops of bridges: ways by which a broadcast comes back to where it was. */

import type { Topology } from '../topology/model.ts';
import { isUp, masterOf, peerOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import { type Port, placeOf } from './world.ts';

/** Two bridges joined by a veth pair, by its port at each. */
export interface Cable {
  readonly from: Port;
  readonly to: Port;
  readonly bridges: readonly [Place, Place];
}

/** Every veth pair between ports of bridges that are up, whatever the spanning tree says of them. */
export function cables(topology: Topology): Cable[] {
  return topology.namespaces.flatMap((namespace) =>
    namespace.links.flatMap((link): Cable[] => {
      const bridge = masterOf(namespace, link);
      const peer = peerOf(topology, namespace.id, link);
      const other = peer && masterOf(peer.namespace, peer.link);
      if (bridge?.kind !== 'bridge' || other?.kind !== 'bridge' || !peer) return [];
      if (![bridge, other, link, peer.link].every(isUp)) return [];
      const from = { namespace, link };
      // Each pair once: it is found from both its ends.
      if (keyOf(placeOf(from)) > keyOf(placeOf(peer))) return [];
      return [
        {
          from,
          to: peer,
          bridges: [
            { netns: namespace.id, name: bridge.name },
            { netns: peer.namespace.id, name: other.name },
          ],
        },
      ];
    }),
  );
}

/** The cables that are part of a loop through this bridge: without any one of them it is still connected to the same bridges. */
export function loopThrough(all: readonly Cable[], bridge: Place): Cable[] {
  return all.filter((cable) => {
    const [a, b] = cable.bridges;
    const others = all.filter((other) => other !== cable);
    const reached = reachedFrom(others, a);
    return reached.has(keyOf(b)) && reached.has(keyOf(bridge));
  });
}

/** A loop goes through the segment of this bridge. */
export function isLooped(topology: Topology, bridge: Place): boolean {
  return loopThrough(cables(topology), bridge).length > 0;
}

function reachedFrom(all: readonly Cable[], start: Place): Set<string> {
  const reached = new Set([keyOf(start)]);
  for (let before = 0; before < reached.size; ) {
    before = reached.size;
    for (const { bridges } of all) {
      const keys = bridges.map(keyOf);
      if (keys.some((key) => reached.has(key))) for (const key of keys) reached.add(key);
    }
  }
  return reached;
}

function keyOf({ netns, name }: Place): string {
  return `${netns}/${name}`;
}

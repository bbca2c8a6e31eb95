/** Places as names of interfaces in a capture file: "veth0" at home, "veth1@newns" in another namespace. */
import type { NetnsId } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';

/** The namespace of a name without one: what a program in the starting namespace would have captured. */
export function placeToName(place: Place, home: NetnsId): string {
  // A name with an @ of its own must not be read as a place elsewhere.
  return place.netns === home && !place.name.includes('@') ? place.name : `${place.name}@${place.netns}`;
}

/** "eth0 in namespace blue", for if_description. */
export function placeDescription(place: Place, home: NetnsId): string {
  return `${place.name} in ${place.netns === home ? 'the starting namespace' : `namespace ${place.netns}`}`;
}

/**
 * The place an interface name speaks of.
 * @param home the namespace of names without an @
 * @param namespaces known ones: interface and namespace names may both hold an @, and these decide where to cut
 */
export function nameToPlace(name: string, home: NetnsId, namespaces: readonly NetnsId[] = []): Place {
  for (let at = name.indexOf('@'); at > 0; at = name.indexOf('@', at + 1)) {
    const netns = name.slice(at + 1);
    if (namespaces.includes(netns)) return { netns, name: name.slice(0, at) };
  }
  const at = name.lastIndexOf('@');
  if (at <= 0 || at === name.length - 1) return { netns: home, name };
  return { netns: name.slice(at + 1), name: name.slice(0, at) };
}

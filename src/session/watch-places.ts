/** Where a live view listens: what is there, noticed as it comes and goes, also while nothing is sent. */

import { exchangeFilter } from '../capture/filter.ts';
import type { LiveRings } from '../capture/live-rings.ts';
import { VdiagError } from '../linux/error.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { insideNetns, listNetns, type NetnsHandle, type NetnsId } from '../linux/netns.ts';
import { openRouteSocket } from '../linux/rtnetlink.ts';
import { resolvePeers } from '../topology/discover.ts';
import { dumpLinks } from '../topology/links-by-netlink.ts';
import type { Topology } from '../topology/model.ts';
import { netnsName, placeName } from '../topology/naming.ts';
import { unusualVxlanPorts } from '../topology/vxlan.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import { choosePlaces, type PlacesWanted, type RecordedPlaces } from './record-places.ts';

/** Bytes kept of a frame: an ICMPv6 error quotes up to the least MTU (RFC 4443 section 2.4 c). */
export const SNAP_LENGTH = 1600;
const MOST_NAMES = 4096;
const MOST_GAPS = 64;

export interface PlaceChange {
  readonly event: 'appeared' | 'vanished';
  readonly netns: NetnsId;
  readonly name?: string;
}

interface Seen {
  readonly handle: NetnsHandle;
  readonly names: ReadonlyMap<string, number>;
}

export class WatchedPlaces {
  readonly #wanted: PlacesWanted;
  readonly #rings: LiveRings;
  #chosen: RecordedPlaces;
  /** By id, of the namespaces that are listened to. */
  #listened = new Map<NetnsId, Seen>();
  /** What was visible at the last look: the interfaces by inode. */
  #looked = new Map<number, string>();
  /** Names of interfaces in namespaces that are not listened to. */
  #foreign = new Set<string>();
  /** How places and namespaces that are gone were called. */
  readonly #names = new Map<string, string>();
  readonly #gaps = new Set<string>();

  private constructor(wanted: PlacesWanted, rings: LiveRings, chosen: RecordedPlaces) {
    this.#wanted = wanted;
    this.#rings = rings;
    this.#chosen = chosen;
  }

  /** @throws VdiagError as `choosePlaces`; where the first namespace cannot be listened to */
  static async start(wanted: PlacesWanted, rings: LiveRings): Promise<WatchedPlaces> {
    const places = new WatchedPlaces(wanted, rings, await choosePlaces(wanted));
    const seen = visible();
    places.#looked = looksOf(seen);
    places.#follow(true);
    places.#noteForeign(seen);
    return places;
  }

  get topology(): Topology {
    return this.#chosen.before;
  }

  /** Every interface that is listened to. */
  get all(): Place[] {
    return [...this.#listened].flatMap(([netns, { names }]) => [...names.keys()].map((name) => ({ netns, name })));
  }

  /** Places wanted alone; undefined: all of the namespaces. */
  get only(): readonly Place[] | undefined {
    return this.#chosen.only;
  }

  /** Names that interfaces elsewhere have too: what the kernel says of one of that name may be about those. */
  get foreign(): ReadonlySet<string> {
    return this.#foreign;
  }

  /** Namespaces that could not be listened to, one line each. */
  get gaps(): string[] {
    return [...this.#gaps];
  }

  /**
   * Looks around. What is gone is let go of at once; what is new, and connected to what is listened to, is listened to at once
   * where everything is watched.
   * @returns what came and went, and whether the topology is to be taken anew because of it
   */
  scan(): { changes: PlaceChange[]; changed: boolean } {
    const seen = visible();
    const looks = looksOf(seen);
    const changes: PlaceChange[] = [];
    let changed = false;
    for (const [id, { handle }] of this.#listened) {
      if (looks.has(handle.inode)) {
        changed ||= looks.get(handle.inode) !== this.#looked.get(handle.inode);
        continue;
      }
      changes.push({ event: 'vanished', netns: id });
      this.#leave(id);
    }
    const fresh = seen.filter(
      ({ handle }) => !this.#isListened(handle) && looks.get(handle.inode) !== this.#looked.get(handle.inode),
    );
    for (const { handle, names } of this.only ? [] : fresh) {
      if (!this.#isConnected(handle) || !this.#tryToJoin(handle, names)) continue;
      changes.push({ event: 'appeared', netns: handle.id });
    }
    this.#looked = looks;
    this.#noteForeign(seen);
    // What was named may be there again.
    return { changes, changed: changed || changes.length > 0 || (this.only !== undefined && fresh.length > 0) };
  }

  /** Takes the topology anew, and follows it. */
  async refresh(): Promise<PlaceChange[]> {
    const before = this.#listened;
    try {
      this.#chosen = await choosePlaces(this.#wanted);
    } catch (error) {
      // What was named is not there now; it may come back.
      if (!(error instanceof VdiagError)) throw error;
      return [];
    }
    const known = new Map([...before].map(([id, { handle, names }]) => [id, { inode: handle.inode, names }]));
    this.#follow(false);
    const changes: PlaceChange[] = [];
    for (const [netns, { names }] of known) {
      const now = this.#listened.get(netns);
      if (!now) changes.push({ event: 'vanished', netns });
      else for (const name of names.keys()) if (!now.names.has(name)) changes.push({ event: 'vanished', netns, name });
    }
    for (const [netns, { names }] of this.#listened) {
      const then = known.get(netns);
      if (!then) changes.push({ event: 'appeared', netns });
      else for (const name of names.keys()) if (!then.names.has(name)) changes.push({ event: 'appeared', netns, name });
    }
    return changes;
  }

  /** As a person calls the place, also one that is gone. */
  placeName(place: Place): string {
    return this.#called(placeKey(place), place.netns, () => placeName(this.topology, place));
  }

  netnsName(id: NetnsId): string {
    return this.#called(id, id, () => netnsName(this.topology, id));
  }

  #called(key: string, netns: NetnsId, name: () => string): string {
    const known = this.topology.namespaces.some(({ id }) => id === netns);
    const old = this.#names.get(key);
    if (!known) return old ?? name();
    const now = name();
    if (old !== now && (old !== undefined || this.#names.size < MOST_NAMES)) this.#names.set(key, now);
    return now;
  }

  /** Rings in the namespaces that are chosen, and in no others. */
  #follow(first: boolean): void {
    const { namespaces, only } = this.#chosen;
    const chosen = new Map(namespaces.map((handle) => [handle.id, handle]));
    for (const [id, { handle }] of this.#listened) {
      const again = chosen.get(id);
      // A namespace made anew under the same name is another.
      if (!again || again.inode !== handle.inode) this.#leave(id);
    }
    for (const id of [...this.#rings.joined]) if (!chosen.has(id)) this.#leave(id);
    namespaces.forEach((handle, index) => {
      const names = interfacesIn(handle, only);
      if (!names) return;
      if (first && index === 0) this.#join(handle, names);
      else this.#tryToJoin(handle, names);
    });
  }

  #tryToJoin(handle: NetnsHandle, names: ReadonlyMap<string, number>): boolean {
    try {
      this.#join(handle, names);
      return true;
    } catch (error) {
      if (!(error instanceof VdiagError)) throw error;
      if (this.#gaps.size < MOST_GAPS) this.#gaps.add(`${handle.id}: ${error.message}`);
      return false;
    }
  }

  #join(handle: NetnsHandle, names: ReadonlyMap<string, number>): void {
    const { only } = this.#chosen;
    const filter = exchangeFilter({
      snapLength: SNAP_LENGTH,
      vxlanPorts: unusualVxlanPorts(this.topology),
      ...(only ? { interfaces: [...names.values()] } : {}),
    });
    const before = this.#listened.get(handle.id);
    if (!this.#rings.joined.has(handle.id)) this.#rings.join(handle, filter);
    else if (only && before && !sameNumbers(before.names, names)) this.#rings.setFilter(handle.id, filter);
    this.#listened.set(handle.id, { handle, names });
    for (const name of names.keys()) this.placeName({ netns: handle.id, name });
    this.netnsName(handle.id);
  }

  #isListened({ id, inode }: NetnsHandle): boolean {
    return this.#listened.get(id)?.handle.inode === inode;
  }

  /** Whether a link of it has its other end in a namespace that is listened to. */
  #isConnected(handle: NetnsHandle): boolean {
    try {
      const socket = insideNetns(handle, openRouteSocket);
      try {
        const parsed = dumpLinks(socket) ?? [];
        const others = [...this.#listened.values()].map((seen) => ({ handle: seen.handle, parsed: [] }));
        const [own] = resolvePeers([{ handle, parsed }, ...others]);
        return own?.leads.some(({ to }) => this.#listened.has(to)) ?? false;
      } finally {
        socket.close();
      }
    } catch (error) {
      // Gone meanwhile, or not permitted.
      if (error instanceof VdiagError) return false;
      throw error;
    }
  }

  #noteForeign(seen: readonly Seen[]): void {
    const others = seen.filter(({ handle }) => !this.#isListened(handle));
    this.#foreign = new Set(others.flatMap(({ names }) => [...names.keys()]));
  }

  #leave(id: NetnsId): void {
    this.#rings.leave(id);
    this.#listened = new Map([...this.#listened].filter(([other]) => other !== id));
  }
}

function interfacesIn(handle: NetnsHandle, only: readonly Place[] | undefined): Map<string, number> | undefined {
  const wanted = only && new Set(only.flatMap(({ netns, name }) => (netns === handle.id ? name : [])));
  try {
    const names = [...insideNetns(handle, listInterfaces)].map(([index, name]): [string, number] => [name, index]);
    return new Map(names.filter(([name]) => wanted?.has(name) ?? true));
  } catch {
    // Gone meanwhile, or not permitted.
    return undefined;
  }
}

function visible(): Seen[] {
  return listNetns().flatMap((handle) => {
    const names = interfacesIn(handle, undefined);
    return names ? [{ handle, names }] : [];
  });
}

/** By inode: its id and its interfaces, to be compared. */
function looksOf(seen: readonly Seen[]): Map<number, string> {
  return new Map(seen.map(({ handle, names }) => [handle.inode, JSON.stringify([handle.id, ...names])]));
}

function sameNumbers(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([name, index]) => b.get(name) === index);
}

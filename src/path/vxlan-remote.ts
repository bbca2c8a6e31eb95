/** Where a VXLAN device sends a frame: its own forwarding table, which bridge(8) shows and edits (drivers/net/vxlan/vxlan_core.c vxlan_xmit). */
import { type Family, familyOf, parseAddress } from '../topology/address.ts';
import type { FdbEntry, Namespace } from '../topology/model.ts';
import { addressesOf, namespaceOf } from '../topology/query.ts';
import { socketNamespace, type VxlanSettings, vxlanSettings } from '../topology/vxlan.ts';
import { type Port, placeOf, type World } from './world.ts';

/** The address of the entries that count where no other does: for broadcasts, and for whom nobody knows. */
const ALL_ZEROS = '00:00:00:00:00:00';

export interface Remote {
  readonly address: string;
  readonly port: number;
  readonly vni: number;
  /** The device it goes out by: a name, or `ifN`. */
  readonly via?: string;
  /** What says so; absent where the device has just learnt it. */
  readonly entry?: FdbEntry;
}

/** Where the frame goes; none where no entry says so. `undecided`: a nexthop object does. */
export function remotesFor(
  world: World,
  port: Port,
  settings: VxlanSettings,
  mac: string,
): readonly Remote[] | 'undecided' {
  const own = port.namespace.fdb.filter(({ device, master }) => device === port.link.name && master === undefined);
  const exact = own.filter((entry) => entry.mac === mac && (entry.remote ?? entry.nexthop) !== undefined);
  const learnt = exact.some(({ state }) => state !== '') ? undefined : world.stations.get(stationKey(port, mac));
  if (learnt !== undefined) return [{ address: learnt, port: settings.port, vni: settings.vni }];
  const entries = exact.length > 0 ? exact : own.filter((entry) => entry.mac === ALL_ZEROS);
  if (entries.some(({ nexthop }) => nexthop !== undefined)) return 'undecided';
  return entries.flatMap((entry): Remote[] =>
    entry.remote === undefined
      ? []
      : [
          {
            address: entry.remote,
            port: entry.port ?? settings.port,
            vni: entry.vni ?? settings.vni,
            ...(entry.via === undefined ? {} : { via: entry.via }),
            entry,
          },
        ],
  );
}

/** The entry set by hand, or learnt before, that says where an address is. */
export function entryFor({ namespace, link }: Port, mac: string): FdbEntry | undefined {
  return namespace.fdb.find(
    (entry) =>
      entry.device === link.name && entry.master === undefined && entry.mac === mac && entry.remote !== undefined,
  );
}

/** vxlan_snoop: the device notes from where a hardware address was heard. */
export function learnRemote(world: World, port: Port, mac: string, remote: string): void {
  world.stations.set(stationKey(port, mac), remote);
}

function stationKey(port: Port, mac: string): string {
  const { netns, name } = placeOf(port);
  return `${netns}/${name}/${mac} vxlan`;
}

export function isMulticast({ address }: Pick<Remote, 'address'>): boolean {
  const { family, value = 0n } = parseAddress(address) ?? {};
  return family === 6 ? value >> 120n === 0xffn : value >> 28n === 0xen;
}

/** Another device of the same network, and the address at which it is reached. */
export interface Peer {
  readonly port: Port;
  readonly settings: VxlanSettings;
  readonly address: string;
}

/** The other devices with this identifier and port, at other sockets: those the frame could be meant for. */
export function peersOf(world: World, from: Port, settings: VxlanSettings): Peer[] {
  const { topology } = world;
  const own = socketNamespace(from.namespace.id, from.link);
  return topology.namespaces.flatMap((namespace) =>
    namespace.links.flatMap((link): Peer[] => {
      const theirs = vxlanSettings(link);
      const at = socketNamespace(namespace.id, link);
      if (!theirs || theirs.external || at === own) return [];
      if (theirs.vni !== settings.vni || theirs.port !== settings.port) return [];
      const socket = namespaceOf(topology, at);
      const address = socket && reachedBy(world, from, settings, socket, theirs);
      return address === undefined ? [] : [{ port: { namespace, link }, settings: theirs, address }];
    }),
  );
}

/** Its source address where it has one; else the address of its namespace that another device of this network names, or its first. */
function reachedBy(
  { topology }: World,
  from: Port,
  settings: VxlanSettings,
  socket: Namespace,
  { local }: VxlanSettings,
): string | undefined {
  const own = socket.links.flatMap((link) => ([4, 6] as const).flatMap((family) => addressesOf(link, family)));
  const usable = own.filter(({ scope }) => scope === 'global').map(({ address }) => address);
  if (local !== undefined && usable.includes(local)) return local;
  const named = topology.namespaces
    .flatMap(({ fdb }) => fdb.flatMap(({ remote }) => remote ?? []))
    .find((remote) => usable.includes(remote));
  if (named !== undefined) return named;
  const family: Family = familyOf(settings.local ?? entryFor(from, ALL_ZEROS)?.remote ?? '0.0.0.0');
  const inner = new Set(
    socket.links
      .filter((link) => vxlanSettings(link))
      .flatMap(({ addresses }) => addresses.map(({ address }) => address)),
  );
  return usable.find((address) => familyOf(address) === family && !inner.has(address)) ?? local;
}

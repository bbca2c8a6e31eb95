/** What the filters of a namespace remember of a packet: its marks, its time to live, and what conntrack calls it. */
import { familyOf } from '../topology/address.ts';
import type { Namespace, NetnsId } from '../topology/model.ts';
import { connectionOf, type Ends, isSame, isTranslated } from './connection.ts';
import type { Carried } from './ethernet.ts';
import type { IpHook, Setter } from './gate.ts';
import type { ConnectionState, Owner, Ruling } from './ruleset.ts';
import type { World } from './world.ts';

/** What rules have written on a packet since it came into a namespace, and what conntrack calls it there. */
export interface Traversal {
  readonly mark?: number;
  readonly connectionMark?: number;
  readonly state?: ConnectionState;
  /** A chain of type route changed its mark. */
  readonly rerouted?: true;
}

/** What a packet may still pass, and the rule that made it so. */
export interface TimeToLive {
  /** Undefined: a rule may have changed it. */
  readonly ttl: number | undefined;
  readonly ttlBy?: Setter | undefined;
}

/** What the filters of one namespace have seen of a walk. */
export interface FilterMemory {
  /** By kind of packet. */
  readonly traversals: Map<Carried['kind'], Traversal>;
  /** Likewise, its time to live behind the last hook; undefined: a rule may have changed it. */
  readonly ttls: Map<Carried['kind'], TimeToLive>;
  /** The echo request, as it came in or was sent. */
  opened?: Ends;
  /** What rules wrote on its connection; absent: nothing, or it is not known what. */
  connectionMark: number | undefined;
}

/** A packet at a hook, as far as filters look at it. */
export interface Filtered extends Carried {
  /** Of the process that sends it, in the namespace it starts in. */
  readonly sender?: { readonly netns: NetnsId; readonly owner: Owner };
  readonly ttl?: number | undefined;
  readonly ttlBy?: Setter | undefined;
  readonly lengthBytes?: number;
}

/** The mark that rules have put on the packet where it is now; undefined: not known. */
export function packetMark({ filters }: World, netns: NetnsId, { kind }: Carried): number | undefined {
  const traversal = filters.get(netns)?.traversals.get(kind);
  return traversal ? traversal.mark : 0;
}

/** The mark as routing asks for it. */
export function routingMark(world: World, netns: NetnsId, packet: Carried): number | 'unknown' {
  return packetMark(world, netns, packet) ?? 'unknown';
}

/** What is sent here is routed again: rules changed its mark (ip_route_me_harder). */
export function isRerouted({ filters }: World, netns: NetnsId, { kind }: Carried): boolean {
  return filters.get(netns)?.traversals.get(kind)?.rerouted === true;
}

/** The packet with the time to live that rules at the last hook left it. */
export function relived<P extends Filtered>({ filters }: World, netns: NetnsId, packet: P): P & TimeToLive {
  const { ttl, ttlBy } = filters.get(netns)?.ttls.get(packet.kind) ?? packet;
  return { ...packet, ttl, ttlBy };
}

/** What the filters of this namespace have seen so far. */
export function memoryOf({ filters }: World, netns: NetnsId): FilterMemory {
  const known = filters.get(netns) ?? { traversals: new Map(), ttls: new Map(), connectionMark: 0 };
  filters.set(netns, known);
  return known;
}

/** A packet comes into the namespace, or is made there: it has no mark yet, and conntrack looks it up. */
export function begin(world: World, namespace: Namespace, hook: IpHook, packet: Filtered): void {
  const { id } = namespace;
  const memory = memoryOf(world, id);
  const state = stateOf(world, id, memory, packet);
  const { connectionMark } = memory;
  const mark = hook === 'output' ? replyMark(world, namespace, packet) : 0;
  memory.traversals.set(packet.kind, {
    ...(mark === 'unknown' ? {} : { mark }),
    state,
    ...(connectionMark === undefined ? {} : { connectionMark }),
  });
  if (packet.kind === 'echo-request') memory.opened = { source: packet.source, destination: packet.destination };
}

/** What the kernel answers carries the mark of what it answers with fwmark_reflect alone (IP4_REPLY_MARK). */
export function replyMark(world: World, { id, sysctls }: Namespace, { kind, source }: Carried): number | 'unknown' {
  const setting = familyOf(source) === 6 ? 'ipv6.fwmark_reflect' : 'ipv4.fwmark_reflect';
  if (kind !== 'echo-reply' || sysctls[setting] !== 1) return 0;
  const asked = world.filters.get(id)?.traversals.get('echo-request');
  return asked ? (asked.mark ?? 'unknown') : 0;
}

/** nf_conntrack_in: a request opens a connection, and only what belongs to one that is open is an answer. */
function stateOf(world: World, netns: NetnsId, { opened }: FilterMemory, packet: Filtered): ConnectionState {
  // The two ways of a tunnel have ports of their own, and are no answers to each other.
  if (packet.datagram) return 'new';
  switch (packet.kind) {
    case 'echo-request':
      return world.established ? 'established' : 'new';
    case 'echo-reply': {
      const known = connectionOf(world.connections, netns, packet);
      const turned = { source: packet.destination, destination: packet.source };
      const translated = world.connections.get(netns)?.some(isTranslated) ?? false;
      return known?.direction === 'answer' || (!translated && opened && isSame(opened, turned))
        ? 'established'
        : 'invalid';
    }
    case 'icmp-error':
      return opened ? 'related' : 'invalid';
    default:
      // Neighbour discovery (nf_conntrack_icmpv6_error).
      return 'untracked';
  }
}

/** Keeps what the rules made of its time to live. */
export function live({ ttls }: FilterMemory, netns: NetnsId, packet: Filtered, ruling: Ruling | undefined): void {
  const by = ruling?.packet.ttlBy;
  const ttlBy = by ? { netns, rule: by } : packet.ttlBy;
  ttls.set(packet.kind, { ttl: ruling ? ruling.packet.ttl : packet.ttl, ttlBy });
}

/** Keeps what the rules at a hook wrote. */
export function remember(world: World, netns: NetnsId, kind: Carried['kind'], ruling: Ruling): void {
  const memory = memoryOf(world, netns);
  const { mark, connectionMark, state } = ruling.packet;
  const rerouted = ruling.rerouted ?? memory.traversals.get(kind)?.rerouted;
  memory.connectionMark = connectionMark;
  memory.traversals.set(kind, {
    ...(mark === undefined ? {} : { mark }),
    ...(connectionMark === undefined ? {} : { connectionMark }),
    ...(state === undefined ? {} : { state }),
    ...(rerouted === undefined ? {} : { rerouted }),
  });
}

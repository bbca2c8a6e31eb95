/** Connections as the conntrack of each namespace knows them on one walk: what opened them, and what their answers look like there. */
import type { NetnsId } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';

export interface Ends {
  readonly source: string;
  readonly destination: string;
}

export interface Connection {
  /** The interface by which its first packet came in, or, sent by the namespace itself, left. */
  readonly at: Place;
  /** The first packet, as it came into the namespace. */
  readonly opened: Ends;
  /** An answer to it, as it comes back into the namespace: translation makes it another one than `opened` turned round. */
  answer: Ends;
}

/** A packet of a connection, and which way it goes. */
export interface Tracked {
  readonly connection: Connection;
  /** `first`: it opened the connection, and the NAT rules are asked about it. */
  readonly direction: 'first' | 'onwards' | 'answer';
}

export type Connections = Map<NetnsId, Connection[]>;

/** The connection a packet belongs to when it comes into the namespace (nf_conntrack_find_get); undefined for one that is new. */
export function connectionOf(connections: Connections, netns: NetnsId, packet: Ends): Tracked | undefined {
  for (const connection of connections.get(netns) ?? []) {
    if (isSame(connection.answer, packet)) return { connection, direction: 'answer' };
    if (isSame(connection.opened, packet)) return { connection, direction: 'onwards' };
  }
  return undefined;
}

/** The connection an ICMP error is about (nf_conntrack_inet_error): the one whose packets left with the source it goes to. */
export function relatedTo(connections: Connections, netns: NetnsId, { destination }: Ends): Connection | undefined {
  return connections.get(netns)?.find(({ answer }) => answer.destination === destination);
}

export function openConnection(connections: Connections, at: Place, { source, destination }: Ends): Tracked {
  const connection = { at, opened: { source, destination }, answer: { source: destination, destination: source } };
  connections.set(at.netns, [...(connections.get(at.netns) ?? []), connection]);
  return { connection, direction: 'first' };
}

/** What a translated connection's own side does not see: its answers look different there. */
export function isTranslated({ opened, answer }: Connection): boolean {
  return opened.source !== answer.destination || opened.destination !== answer.source;
}

export function isSame(a: Ends, b: Ends): boolean {
  return a.source === b.source && a.destination === b.destination;
}

/** The gates of a VXLAN device that sends, and of the one that should receive. */
import type { Neighbour } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import type { Fact, UnmodelledGate, VxlanGate } from './gate.ts';
import type { Sending } from './vxlan.ts';
import type { Peer, Remote } from './vxlan-remote.ts';
import { type Port, placeOf } from './world.ts';

type Said = Partial<Pick<VxlanGate, 'remote' | 'entry' | 'peer' | 'asked' | 'mac'>>;

function gate(
  { walk, port, settings }: Sending,
  at: Port,
  by: VxlanGate['by'],
  verdict: VxlanGate['verdict'],
  facts: readonly Fact[],
  said: Said = {},
): VxlanGate {
  return {
    kind: 'vxlan',
    place: placeOf(at),
    verdict,
    by,
    sender: placeOf(port),
    vni: settings.vni,
    port: settings.port,
    mac: walk.frame.destination,
    ...said,
    facts,
  };
}

export function peerIn({ port, settings, address }: Peer): NonNullable<VxlanGate['peer']> {
  return { place: placeOf(port), vni: settings.vni, port: settings.port, address };
}

function named({ walk }: Sending, port: Port): string {
  return placeName(walk.world.topology, placeOf(port));
}

function look({ walk }: Sending, port: Port, words: readonly string[]): string {
  return commandIn(walk.world.topology, port.namespace.id, words);
}

const shownFdb = (sending: Sending, port: Port) =>
  look(sending, port, ['bridge', 'fdb', 'show', 'dev', port.link.name]);

/** What an address means in the table. */
function meant(mac: string): string {
  return Number.parseInt(mac.slice(1, 2), 16) & 1 ? 'broadcasts and groups' : mac;
}

/** The entries that there are lead elsewhere, or there are none. @param peer the device that should have it */
export function remoteGate(sending: Sending, known: readonly Remote[], peer: Peer | undefined): VxlanGate {
  const { port, walk } = sending;
  const { destination } = walk.frame;
  const name = named(sending, port);
  const [first] = known;
  const exact = first !== undefined && first.entry?.mac !== '00:00:00:00:00:00';
  const facts: Fact[] = [
    {
      text:
        first === undefined
          ? `${name} has no entry that says where ${meant(destination)} should go`
          : `${name} sends ${meant(destination)} to ${known.map(({ address }) => address).join(', ')}`,
      look: shownFdb(sending, port),
    },
    ...(peer
      ? [
          {
            text: `${named(sending, peer.port)} has the same identifier ${peer.settings.vni}, at ${peer.address}`,
            look: look(sending, peer.port, ['ip', '-d', 'link', 'show', peer.port.link.name]),
          },
        ]
      : []),
  ];
  return gate(sending, port, exact ? 'astray' : 'remote', 'stop', facts, {
    ...(first === undefined ? {} : { remote: first.address }),
    ...(exact && first.entry ? { entry: first.entry } : {}),
    ...(peer ? { peer: peerIn(peer) } : {}),
  });
}

/** arp_reduce: a device that answers for others passes no question on. */
export function proxyGate(
  sending: Sending,
  asked: string,
  entry: Neighbour | undefined,
  peer: Peer | undefined,
): VxlanGate {
  const { port } = sending;
  const name = named(sending, port);
  const text = entry
    ? `${name} answers for ${asked}: ${entry.mac}`
    : `${name} answers questions itself, and has no neighbour entry for ${asked}`;
  const facts = [{ text, look: look(sending, port, ['ip', 'neigh', 'show', asked, 'dev', port.link.name]) }];
  return gate(sending, port, 'proxy', entry ? 'pass' : 'stop', facts, {
    asked,
    ...(peer ? { peer: peerIn(peer) } : {}),
  });
}

export function routeMissingGate(sending: Sending, { address }: Remote): VxlanGate {
  const { port } = sending;
  const facts = [
    {
      text: `there is no route to ${address}, where ${named(sending, port)} sends to`,
      look: look(sending, port, ['ip', 'route', 'get', address]),
    },
  ];
  return gate(sending, port, 'route', 'stop', facts, { remote: address });
}

/** ip_route_output_key: an IPv4 packet is not sent with a source address that its namespace does not have. */
export function sourceMissingGate(sending: Sending, local: string): VxlanGate {
  const { port } = sending;
  const facts = [
    {
      text: `${named(sending, port)} sends from ${local}, which no interface of its namespace has`,
      look: look(sending, port, ['ip', '-d', 'link', 'show', port.link.name]),
    },
  ];
  return gate(sending, port, 'source', 'stop', facts, { asked: local });
}

/** The device that should take it out of its packet does not listen there. @param found the one that comes next to it */
export function mismatchGate(
  sending: Sending,
  at: Port,
  remote: Remote,
  found: Peer | undefined,
  by: 'port' | 'vni' | 'absent',
): VxlanGate {
  const { port } = sending;
  const facts: Fact[] = [
    {
      text: `${named(sending, port)} sends to ${remote.address}, UDP port ${remote.port}, with identifier ${remote.vni}`,
      look: look(sending, port, ['ip', '-d', 'link', 'show', port.link.name]),
    },
    found
      ? {
          text: `${named(sending, found.port)} listens on UDP port ${found.settings.port}, for identifier ${found.settings.vni}`,
          look: look(sending, found.port, ['ip', '-d', 'link', 'show', found.port.link.name]),
        }
      : {
          text: `no VXLAN device listens where ${named(sending, at)} is`,
          look: look(sending, at, ['ip', '-d', 'link', 'show', 'type', 'vxlan']),
        },
  ];
  return gate(sending, at, by, 'stop', facts, { remote: remote.address, ...(found ? { peer: peerIn(found) } : {}) });
}

/** vxlan_snoop: who is known by hand to be behind one remote may not speak from another. */
export function movedGate(sending: Sending, at: Peer, entry: NonNullable<VxlanGate['entry']>, from: string): VxlanGate {
  const { source } = sending.walk.frame;
  const facts = [
    {
      text: `${named(sending, at.port)} has ${source} behind ${entry.remote}, set by hand, and the frame comes from ${from}`,
      look: shownFdb(sending, at.port),
    },
  ];
  return gate(sending, at.port, 'moved', 'stop', facts, { mac: source, remote: from, entry, peer: peerIn(at) });
}

export function opaqueGate({ walk, port }: Pick<Sending, 'walk' | 'port'>, text: string): UnmodelledGate {
  const place = placeOf(port);
  const fact = { text: `${placeName(walk.world.topology, place)} ${text}` };
  return { kind: 'unmodelled', place, verdict: 'unknown', what: 'vxlan', facts: [fact] };
}

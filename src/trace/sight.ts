/** Frames to sightings: decode, and say which packet it is. */
import { decodeFrame } from '../wire/frame.ts';
import type { Icmp, Ipv4, Ipv6, Packet } from '../wire/packet.ts';
import { type Frame, placeKey } from './frame.ts';
import { probeSequence, type RunIdentity } from './run.ts';
import type { Sighting, SightingKind } from './sighting.ts';

const ECHO_REPLY_V4 = 0;
const ECHO_REQUEST_V4 = 8;
const ECHO_REQUEST_V6 = 128;
const ECHO_REPLY_V6 = 129;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
/** RFC 792: destination unreachable, source quench, redirect, time exceeded, parameter problem. */
const ERRORS_V4 = new Set([3, 4, 5, 11, 12]);
const LAST_ERROR_V6 = 127;

/** Fragment trains remembered at a time; the oldest are forgotten. */
const FRAGMENT_TRAINS = 4096;

type Named = Pick<Sighting, 'kind' | 'identity' | 'sequence'>;

/**
 * Returns the function that turns frames of one stream into sightings, in order.
 * It remembers first fragments, so that later ones, which carry no ICMP header, are known to belong to them.
 */
export function createSighter(run?: RunIdentity): (frame: Frame) => Sighting {
  const trains = new Map<string, Named>();
  return (frame) => {
    const outer = decodeFrame(frame.bytes, frame.originalLength, frame.linkType, run?.vxlanPorts);
    const packet = innermost(outer);
    let named = namePacket(packet, run);
    // What is in fragments may be the packet, or the one that carries it.
    for (const { ip } of packet === outer ? [outer] : [packet, outer]) {
      if (!ip || (!ip.moreFragments && ip.fragmentOffset === 0)) continue;
      const train = `${placeKey(frame.place)} ${frame.direction} ${ip.source} ${ip.destination} ${ip.identification}`;
      if (ip.fragmentOffset === 0) {
        if (trains.size >= FRAGMENT_TRAINS) for (const oldest of trains.keys()) if (trains.delete(oldest)) break;
        trains.set(train, named);
      } else named = trains.get(train) ?? named;
    }
    return { frame, packet, ...(packet === outer ? {} : { outer }), ...named };
  };
}

/** What travels in the end, inside however many tunnels. */
function innermost(packet: Packet): Packet {
  let found = packet;
  while (found.inner && !found.icmp) found = found.inner;
  return found;
}

/** True of a fragment that carries no header of its own: it is no sighting of another packet. */
export function isLaterFragment({ packet, outer }: Sighting): boolean {
  return (packet.ip?.fragmentOffset ?? 0) > 0 || (outer?.ip?.fragmentOffset ?? 0) > 0;
}

function namePacket(packet: Packet, run: RunIdentity | undefined): Named {
  const { arp, ip, icmp } = packet;
  if (arp) {
    const kind = arp.operation === 1 ? 'arp-request' : arp.operation === 2 ? 'arp-reply' : 'other';
    const { senderHardware, senderProtocol, targetHardware, targetProtocol } = arp;
    return {
      kind,
      identity: `arp ${arp.operation} ${senderProtocol} ${senderHardware} ${targetProtocol} ${targetHardware}`,
    };
  }
  if (!icmp || !ip) return { kind: 'other', identity: 'other' };
  return nameIcmp(icmp, ip, run);
}

function nameIcmp(icmp: Icmp, ip: Ipv4 | Ipv6, run: RunIdentity | undefined): Named {
  const kind = icmpKind(icmp);
  switch (kind) {
    case 'echo-request':
    case 'echo-reply': {
      const identifier = icmp.identifier ?? 0;
      const wireSequence = icmp.sequence ?? 0;
      const sequence = run && probeSequence(run, icmp.data ?? new Uint8Array(0), identifier, wireSequence);
      if (sequence !== undefined) return { kind, identity: `${kind} of probe ${sequence}`, sequence };
      return { kind, identity: `${kind} ${ip.source} ${ip.destination} ${identifier} ${wireSequence}` };
    }
    case 'icmp-error': {
      // A router may quote eight bytes of ICMP only (RFC 792): then the identifier is all there is to know the probe by.
      const quoted = icmp.quoted ? namePacket(innermost(icmp.quoted), run) : undefined;
      const sequence = quoted?.sequence;
      const about = sequence === undefined ? (quoted?.identity ?? 'nothing') : `probe ${sequence}`;
      return {
        kind,
        identity: `icmp ${icmp.type}/${icmp.code} from ${ip.source} about ${about}`,
        ...(sequence === undefined ? {} : { sequence }),
      };
    }
    case 'neighbour-solicitation':
    case 'neighbour-advertisement':
      return { kind, identity: `${kind} ${ip.source} ${ip.destination} ${icmp.target ?? ''}` };
    default:
      return { kind: 'other', identity: 'other' };
  }
}

function icmpKind(icmp: Icmp): SightingKind {
  if (icmp.version === 4) {
    if (icmp.type === ECHO_REQUEST_V4) return 'echo-request';
    if (icmp.type === ECHO_REPLY_V4) return 'echo-reply';
    return ERRORS_V4.has(icmp.type) ? 'icmp-error' : 'other';
  }
  if (icmp.type === ECHO_REQUEST_V6) return 'echo-request';
  if (icmp.type === ECHO_REPLY_V6) return 'echo-reply';
  if (icmp.type === NEIGHBOUR_SOLICITATION) return 'neighbour-solicitation';
  if (icmp.type === NEIGHBOUR_ADVERTISEMENT) return 'neighbour-advertisement';
  return icmp.type <= LAST_ERROR_V6 ? 'icmp-error' : 'other';
}

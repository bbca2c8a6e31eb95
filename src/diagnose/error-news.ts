/** What became of the ICMP error that a router answered with: who sent it, how far it came, and what stopped it. */
import type { Gate, MtuGate } from '../path/gate.ts';
import type { Leg } from '../path/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { namespaceOf, ownersOf } from '../topology/query.ts';
import { type EchoExchange, errorMessage, isAnswered } from '../trace/exchange.ts';
import type { Place } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import { icmpName } from '../wire/icmp-name.ts';
import type { Icmp } from '../wire/packet.ts';
import type { Evidence } from './finding.ts';
import type { Context } from './rule.ts';
import { follow, gatesBetween } from './walk.ts';

/** Destination unreachable, fragmentation needed (RFC 1191), or packet too big (RFC 8201). */
export function isTooBig({ type, code }: Pick<Icmp, 'type' | 'code'>, family: 4 | 6): boolean {
  return family === 6 ? type === 2 : type === 3 && code === 4;
}

export interface News {
  /** The packet's sender knows. */
  readonly told: boolean;
  /** The error where it was sighted. */
  readonly journey?: Journey;
  /** The first gate behind its last sighting that stops it. */
  readonly blocker?: { readonly gate: Gate; readonly leg: Leg };
  /** Gates behind its last sighting that could not be decided. */
  readonly undecided: readonly Gate[];
}

/** @param leg the packet's own, which the router did not pass on */
export function newsOf(context: Context, gate: MtuGate, leg: Leg): News {
  const { example, exchanges, situation, topology } = context;
  const { error } = gate;
  const family = leg.source.includes(':') ? 6 : 4;
  const journeys = (example?.errors ?? []).filter((journey) => {
    const message = errorMessage(journey);
    return message !== undefined && isTooBig(message, family);
  });
  const [journey] = journeys;
  const seen = journey === undefined ? {} : { journey };
  if (!error) return { told: false, undecided: [], ...seen };
  // What nobody has sent yet is left to the model.
  const sent = situation.kind === 'stopped' && situation.blocks === 'now' && example !== undefined;
  if (sent && isKnown(context, leg, family)) return { told: true, undecided: [], ...seen };
  const progress = follow(
    { legs: error.legs, end: 'unknown' },
    sent ? { ...example, errors: journeys } : undefined,
    sent ? exchanges : [],
    topology,
  );
  const ahead = gatesBetween({ steps: progress.steps, reached: progress.reached });
  const blocker = ahead.find(({ gate: each }) => each.verdict === 'stop');
  const undecided = ahead.flatMap(({ gate: each }) => (each.verdict === 'unknown' ? [each] : []));
  // Without a socket that could have been told, the model alone says what happens behind the last sighting.
  const told = !blocker && undecided.length === 0 && error.end === 'told' && (!sent || example.probe === undefined);
  return { told, undecided, ...(blocker === undefined ? {} : { blocker }), ...seen };
}

/** The socket was told, or its kernel has learnt it: it cuts or refuses what it let go before. */
function isKnown({ example, exchanges, after, query }: Context, leg: Leg, family: 4 | 6): boolean {
  if (leg.kind === 'echo-request') {
    const echoes = exchanges.filter((exchange): exchange is EchoExchange => exchange.kind === 'echo');
    const icmp = example?.probe?.error?.icmp;
    if (icmp !== undefined && isTooBig(icmp, family)) return true;
    const later = echoes.filter(({ sequence }) => sequence > (example?.sequence ?? 0));
    if (later.some((exchange) => exchange.probe?.error?.errno === 'EMSGSIZE' || isAnswered(exchange))) return true;
  }
  const sender = leg.kind === 'echo-request' ? query.start : firstPlace(leg);
  const learnt = after && sender ? namespaceOf(after, sender.netns)?.pathMtus : undefined;
  return learnt?.some(({ destination }) => destination === leg.destination) ?? false;
}

/** Where a packet sets out. */
export function firstPlace({ steps }: Leg): Place | undefined {
  const first = steps.find(({ kind }) => kind === 'place');
  return first?.kind === 'place' ? first.place : undefined;
}

/** Who an ICMP error is from, and where it was last sighted. */
export function errorEvidence({ topology }: Context, journey: Journey): Evidence[] {
  const message = errorMessage(journey);
  const last = journey.sightings.at(-1);
  const from = last?.packet.ip?.source;
  if (!message || !last || from === undefined) return [];
  const { place, timeNs, direction } = last.frame;
  const way = direction === 'out' ? 'out of' : direction === 'in' ? 'in by' : 'on';
  const mtu = message.mtu === undefined || message.mtu === 0 ? '' : ` (next-hop MTU ${message.mtu})`;
  return [
    {
      kind: 'sighting',
      text: `the ICMP error "${icmpName(message.version, message.type, message.code)}"${mtu} from ${speaker(topology, from)} was last sighted ${way} ${placeName(topology, place)}`,
      place,
      timeNs,
      journey: journey.id,
      look: commandIn(topology, place.netns, [
        'tcpdump',
        '-n',
        '-i',
        place.name,
        message.version === 6 ? 'icmp6' : 'icmp',
      ]),
    },
  ];
}

/** "10.1.0.1 (lan@r1)", or the address alone where nobody here has it. */
export function speaker(topology: Context['topology'], address: string): string {
  const [owner] = ownersOf(topology, address);
  return owner ? `${address} (${placeName(topology, { netns: owner.namespace.id, name: owner.link.name })})` : address;
}

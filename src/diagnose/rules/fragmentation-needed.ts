import type { MtuGate } from '../../path/gate.ts';
import { echoLength } from '../../path/mtu.ts';
import { type Family, familyOf } from '../../topology/address.ts';
import { placeName } from '../../topology/naming.ts';
import { errorMessage } from '../../trace/exchange.ts';
import { errorEvidence, firstPlace, isTooBig, newsOf, speaker } from '../error-news.ts';
import { isWhole, mtuCure } from '../mtu-cure.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const fragmentationNeeded: Rule = {
  id: 'fragmentation-needed',
  severity: 'fault',
  title: 'the packet is longer than the path takes, it may not be cut, and its sender was told so',
  explain: {
    what: `Every link has a longest packet (MTU), and a path has the smallest of them. A router that cannot pass a packet
on because it is too long, and may not cut it (the don't-fragment bit is set, or it is IPv6), drops it and says
so: ICMP "fragmentation needed", ICMPv6 "packet too big", with the MTU that would do. The sender's kernel notes
it for some ten minutes. ping sets the bit: with -M do the sender then refuses what is longer ("message too
long"); without it the first packet is lost, and the next ones are cut by the sender and pass. That is path MTU
discovery, working as it should; the fault is that packets of this size are sent.`,
    wire: `The long packet comes to a router and does not leave it. An ICMP error goes back from there, and reaches the
sender. Where the sender itself knows already (its own MTU, its route's, or what it was told before), nothing is
on any wire.`,
    confirm: `  ping -I DEV -M do -s SIZE TARGET      "Frag needed and DF set (mtu = N)", "message too long, mtu=N"
  ip route get TARGET                   "mtu N": what the kernel has noted for the path
  ip route show cache                   all that it has noted
  vdiag ping-trace DEV TARGET --mtu     the largest size that passes, and the hop that limits it`,
    cure: `Send no more than the path takes. For all that a namespace sends, on its route:
  ip route replace NETWORK via GATEWAY dev DEV mtu N
or set the device's MTU to N (a container runtime has an option for its networks). Where the small MTU is a
mistake, raise it, at both ends of that link; what was noted of the path is forgotten with "ip route flush
cache". A program that sets the don't-fragment bit has to send less.`,
    otherwise: `If the router's error never reaches the sender, it is pmtu-blackhole. If nobody sends an error, a bridge port or
the end of a veth pair is the small one: link-mtu-smaller.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind === 'lost') return fromAfar(context);
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'mtu') return undefined;
    const { gate, leg } = situation;
    if (gate.by === 'sender') return bySender(context, gate);
    if (gate.by !== 'router') return undefined;
    const news = newsOf(context, gate, leg);
    if (!news.told) return undefined;
    const { topology, query } = context;
    const at = placeName(topology, gate.place);
    const family = familyOf(leg.destination);
    const from = gate.error?.from;
    const sender = leg.kind === 'echo-request' ? query.start : firstPlace(leg);
    const name = sender ? placeName(topology, sender) : 'the sender';
    const cure = mtuCure(context, gate, leg);
    return {
      title: `packets of ${gate.lengthBytes} bytes may not be cut, and the router passes on no more than ${gate.mtu} by ${at}`,
      summary: `${name} sends ${gate.lengthBytes} bytes ${uncut(family)}. The router on the way takes ${gate.mtu} by ${at}: it drops the packet, and its ${errorName(family)}${from === undefined ? '' : ` from ${speaker(topology, from)}`} tells ${name} so.${afterwards(context, gate, family)}`,
      where: gate.place,
      ...(news.journey === undefined ? {} : { evidence: errorEvidence(context, news.journey) }),
      ...(cure === undefined ? {} : { cure }),
    };
  },
};

/** The kernel of the sender refuses it, and nothing is on any wire. */
function bySender(context: Context, gate: MtuGate): Claim | undefined {
  const { topology, situation } = context;
  if (situation.kind !== 'stopped') return undefined;
  const at = placeName(topology, gate.place);
  const { destination } = situation.leg;
  const family = familyOf(destination);
  const limiting = limitBehind(context, gate);
  const because =
    gate.of === 'learnt'
      ? `an ICMP error told it before that the path to ${destination} takes ${gate.mtu}${limiting === undefined ? '' : `, and so it is: ${limiting}`}`
      : gate.of === 'route'
        ? `its route to ${destination} has an MTU of ${gate.mtu}`
        : `the MTU of ${at} is ${gate.mtu}`;
  const cure = mtuCure(context, gate, situation.leg);
  return {
    title: `${at} refuses to send ${gate.lengthBytes} bytes in one piece: no more than ${gate.mtu} pass`,
    summary: `the probe may not be cut (-M do), and ${because}. The kernel refuses it ("message too long"), and nothing is on any wire. ${largest(gate.mtu, family)}`,
    where: gate.place,
    ...(cure === undefined ? {} : { cure }),
  };
}

/** The router that is the reason for what the sender was told. */
function limitBehind({ path, topology }: Context, { mtu }: MtuGate): string | undefined {
  for (const { steps } of path.legs)
    for (const step of steps)
      if (step.kind === 'gate' && step.gate.kind === 'mtu' && step.gate.by === 'router' && step.gate.mtu === mtu)
        return `that is the MTU of ${placeName(topology, step.gate.place)}`;
  return undefined;
}

/** A router that is not on this machine said so. */
function fromAfar(context: Context): Claim | undefined {
  const { example, query, topology, situation } = context;
  if (situation.kind !== 'lost') return undefined;
  const family = familyOf(query.destination);
  const journey = example?.errors.find((each) => {
    const message = errorMessage(each);
    return message !== undefined && isTooBig(message, family);
  });
  const told = example?.probe?.error?.icmp;
  const heard = told !== undefined && isTooBig(told, family) ? told : undefined;
  if (!journey && !heard) return undefined;
  const mtu = heard?.mtu ?? (journey && errorMessage(journey)?.mtu);
  const from = heard?.from ?? journey?.sightings[0]?.packet.ip?.source;
  if (mtu === undefined || from === undefined) return undefined;
  const last = situation.last && situation.last.kind !== 'gate' ? situation.last.place : query.start;
  return {
    title: `${speaker(topology, from)} passes on no more than ${mtu} bytes, and packets of ${echoLength(query.sizeBytes ?? 56, family)} may not be cut`,
    summary: `a router on the way to ${query.destination} answers with an ${errorName(family)} from ${from}: its way on takes ${mtu} bytes. ${largest(mtu, family)}`,
    where: last,
    confidence: 'proven',
    ...(journey === undefined ? {} : { evidence: errorEvidence(context, journey) }),
  };
}

function uncut(family: Family): string {
  return family === 6
    ? 'in one packet, which no router of IPv6 may cut'
    : "with the don't-fragment bit, so that no router may cut them";
}

function errorName(family: Family): string {
  return family === 6 ? 'ICMPv6 packet too big' : 'ICMP fragmentation needed';
}

/** A sender that may cut sends pieces from then on. */
function afterwards({ query, situation }: Context, { mtu }: MtuGate, family: Family): string {
  const whole = isWhole(query);
  const reply = situation.kind === 'stopped' && situation.leg.kind === 'echo-reply';
  if (whole && !reply) return ` ${largest(mtu, family)}`;
  return ' It cuts what it sends from then on: what comes after the first packet passes, until what it was told is forgotten (some ten minutes).';
}

function largest(mtu: number, family: Family): string {
  const data = mtu - echoLength(0, family);
  return `With no more than ${Math.max(data, 0)} bytes of data (-s ${Math.max(data, 0)}) an echo fits.`;
}

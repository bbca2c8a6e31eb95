/** Remedies for a packet that is too long: its sender sends shorter ones, or the small MTU is raised. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { findRoute } from '../path/fib.ts';
import type { MtuGate } from '../path/gate.ts';
import type { Leg, Path } from '../path/model.ts';
import { familyOf } from '../topology/address.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import { placeName } from '../topology/naming.ts';
import { linkOf, namespaceOf, peerOf } from '../topology/query.ts';
import { firstPlace } from './error-news.ts';
import type { Context, Cure } from './rule.ts';

/** Devices whose MTU is what somebody set, and not what lies behind them. */
const RAISABLE: ReadonlySet<string> = new Set(['veth', 'bridge']);
/** MTUs raised one behind the other before the search is given up. */
const MOST = 8;

/** The cure that lets this packet pass: a sender that may cut it is told to, for one that may not the MTU is raised. */
export function mtuCure(context: Context, gate: MtuGate, leg: Leg): Cure | undefined {
  const whole = isWhole(context.query) && leg.kind === 'echo-request';
  const attempts = whole ? [raised, forgotten] : [forgotten, shorter, raised];
  for (const attempt of attempts) {
    const cure = attempt(context, gate, leg);
    if (cure) return cure;
  }
  return undefined;
}

/** What was learnt of the path is no longer true. */
function forgotten({ query, topology, passes }: Context, gate: MtuGate): Cure | undefined {
  if (gate.of !== 'learnt' || gate.by !== 'sender') return undefined;
  const changes: Change[] = [flush(query.start.netns, query)];
  if (!passes(changes)) return undefined;
  return {
    why: `let ${placeName(topology, gate.place)} forget what it was told of the path: it is no longer so`,
    changes,
  };
}

/** The sender's route says what passes, so that nothing longer is sent in one piece. */
function shorter({ topology, query }: Context, gate: MtuGate, leg: Leg): Cure | undefined {
  const sender = leg.kind === 'echo-request' ? query.start : firstPlace(leg);
  const namespace = sender && namespaceOf(topology, sender.netns);
  const device = sender?.name;
  const found =
    namespace && device !== undefined
      ? findRoute(namespace, { destination: leg.destination, outputInterface: device })
      : undefined;
  const [hop, ...others] = found?.route.nextHops ?? [];
  if (found?.type !== 'unicast' || !hop || others.length > 0 || !sender || gate.by === 'sender') return undefined;
  const { destination, table, metric, source } = found.route;
  let { mtu } = gate;
  for (let count = 0; count < MOST; count++) {
    const changes: Change[] = [
      {
        kind: 'route-replace',
        netns: sender.netns,
        destination,
        ...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
        ...(hop.device === undefined ? {} : { device: hop.device }),
        ...(hop.flags.includes('onlink') ? { onLink: true } : {}),
        ...(source === undefined ? {} : { source }),
        table,
        metric,
        mtu,
      },
    ];
    const next = refusals(expectPath(applyChanges(topology, changes), query)).find(({ mtu: less }) => less < mtu);
    if (!next) {
      const stays = refusals(expectPath(applyChanges(topology, changes), query)).length > 0;
      const why = `let ${placeName(topology, sender)} send no more than ${mtu} bytes at once: that much passes`;
      return stays ? undefined : { why, changes };
    }
    mtu = next.mtu;
  }
  return undefined;
}

/** Every small MTU on the way to what the sender's device takes; what the sender has learnt by then is forgotten. */
function raised({ topology, query }: Context, gate: MtuGate, leg: Leg): Cure | undefined {
  const sender = leg.kind === 'echo-request' ? query.start : firstPlace(leg);
  const own = sender && linkOf(topology, sender);
  if (!own || !sender) return undefined;
  // The sender's own device alone is raised only to what all others take.
  if (gate.by === 'sender' && gate.of === undefined) return ownRaised(topology, query, gate);
  const wanted = own.mtu;
  const changes: Change[] = gate.of === 'learnt' || gate.by === 'router' ? [flush(sender.netns, query)] : [];
  for (let count = 0; count < MOST; count++) {
    const [small] = refusals(expectPath(applyChanges(topology, changes), query));
    if (!small) {
      const names = changes.flatMap((change) => (change.kind === 'link-mtu' ? [placeName(topology, change.at)] : []));
      const least =
        names.length === 1 ? `give ${names[0]} an MTU of ${wanted}` : `give ${names.join(' and ')} an MTU of ${wanted}`;
      const why = `${names.length === 0 ? 'take the MTU off the route' : least}, if nothing behind needs the smaller one`;
      return { why, changes: inOrder(changes) };
    }
    const change = raise(topology, small, wanted);
    if (!change) return undefined;
    changes.push(change);
  }
  return undefined;
}

function ownRaised(topology: Context['topology'], query: EchoQuery, { place, lengthBytes }: MtuGate): Cure | undefined {
  const beyond = peerMtu(topology, place);
  if (beyond === undefined || beyond < lengthBytes) return undefined;
  const changes: Change[] = [{ kind: 'link-mtu', at: place, mtu: beyond }];
  if (refusals(expectPath(applyChanges(topology, changes), query)).length > 0) return undefined;
  return { why: `give ${placeName(topology, place)} the MTU of the other end of its link`, changes };
}

function peerMtu(topology: Context['topology'], place: MtuGate['place']): number | undefined {
  const link = linkOf(topology, place);
  return link && link.kind === 'veth' ? peerOf(topology, place.netns, link)?.link.mtu : undefined;
}

function raise(topology: Context['topology'], { place, of, mtu }: MtuGate, wanted: number): Change | undefined {
  const link = linkOf(topology, place);
  const settled = of !== undefined || mtu >= wanted || !link || !RAISABLE.has(link.kind);
  return settled ? undefined : { kind: 'link-mtu', at: place, mtu: wanted };
}

/** What is forgotten before the way is wide would be learnt again. */
function inOrder(changes: readonly Change[]): Change[] {
  const last = changes.filter(({ kind }) => kind === 'path-mtu-flush');
  return [...changes.filter(({ kind }) => kind !== 'path-mtu-flush'), ...last];
}

function flush(netns: string, { destination }: EchoQuery): Change {
  return { kind: 'path-mtu-flush', netns, family: familyOf(destination) };
}

function refusals({ legs }: Path): MtuGate[] {
  return legs
    .flatMap(({ steps }) => steps)
    .flatMap((step) =>
      step.kind === 'gate' && step.gate.kind === 'mtu' && step.gate.verdict === 'stop' ? [step.gate] : [],
    );
}

/** The probe's sender may not cut it, whatever it is told. */
export function isWhole({ dontFragment }: EchoQuery): boolean {
  return dontFragment === 'do' || dontFragment === 'probe';
}

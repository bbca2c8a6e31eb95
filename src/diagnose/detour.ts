/** A routing decision that leads a packet away from its target, though the namespace has another one that leads there. */
import { type EchoQuery, expectPath } from '../path/expect.ts';
import { findRoute, type RouteFound, type RouteQuery } from '../path/fib.ts';
import type { Gate, RouteGate } from '../path/gate.ts';
import type { Path, Step } from '../path/model.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { prefixLength } from '../topology/prefix.ts';
import { namespaceOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';

export interface Detour {
  readonly gate: RouteGate;
  /** The route that takes the packet, and the one that would without it. */
  readonly taken: RouteFound;
  readonly instead: RouteFound;
  readonly change: Change;
  /** Where the trace starts then: another interface, where the sender's own route was wrong. */
  readonly start?: Place;
}

/** What takes the route away, or the policy rule that leads to it: with the rule go all its routes. */
export function withoutRoute(netns: NetnsId, { route, rule }: RouteFound): Change | undefined {
  if (rule) return { kind: 'rule-del', netns, rule };
  return route.protocol === 'rule' ? undefined : { kind: 'route-del', netns, route };
}

/**
 * The decision nearest to the loss without which the packet would reach its target, where now it comes to nobody who has
 * the address. Only what the model sees on both ways counts: the target behind the one, and not behind the other.
 *
 * @param stop the gate that stops it, if one does: decisions behind that have not been made
 */
export function findDetour(topology: Topology, query: EchoQuery, path: Path, stop?: Gate): Detour | undefined {
  for (const gate of decisionsBefore(path, stop)) {
    if (reaches(path, wayOf(path, gate))) continue;
    const detour = without(topology, query, path, gate);
    if (detour) return detour;
  }
  return undefined;
}

/** The routing decisions that were made, the nearest to the loss first. */
export function decisionsBefore({ legs }: Path, stop?: Gate): RouteGate[] {
  const steps = legs.flatMap((leg) => leg.steps);
  const until = steps.findIndex((step) => step.kind === 'gate' && step.gate === stop);
  return steps
    .slice(0, until === -1 ? steps.length : until)
    .flatMap((step) => (isDecision(step) ? [step.gate] : []))
    .reverse();
}

/** Which way a decision is on: to the target, or back from it. */
export function wayOf(path: Path, gate: RouteGate): 'there' | 'back' {
  return gate.purpose === 'reply' || isOnWayBack(path, gate) ? 'back' : 'there';
}

type DecisionStep = Extract<Step, { kind: 'gate' }> & { readonly gate: RouteGate };

function isDecision(step: Step): step is DecisionStep {
  return (
    step.kind === 'gate' &&
    step.gate.kind === 'route' &&
    step.gate.verdict === 'pass' &&
    step.gate.route?.device !== undefined
  );
}

function isOnWayBack(path: Path, gate: RouteGate): boolean {
  return path.legs.some(
    ({ kind, steps }) => kind === 'echo-reply' && steps.some((step) => step.kind === 'gate' && step.gate === gate),
  );
}

/** Whatever stops it on its way: does the model's packet come to the target's stack, or its reply to the socket? */
export function reaches({ legs }: Path, way: 'there' | 'back'): boolean {
  const steps = legs.flatMap((leg) => leg.steps);
  if (way === 'there') return steps.some((step) => step.kind === 'gate' && step.gate.kind === 'echo');
  return (
    steps.at(-1)?.kind === 'socket' &&
    !steps.some((step) => step.kind === 'gate' && step.gate.kind === 'stack' && step.gate.verdict === 'stop')
  );
}

function without(topology: Topology, query: EchoQuery, path: Path, gate: RouteGate): Detour | undefined {
  const { route: taken, place, purpose } = gate;
  const { netns } = place;
  if (!taken || taken.uncertain !== undefined) return undefined;
  const change = withoutRoute(netns, taken);
  if (!change) return undefined;
  const changed = applyChanges(topology, [change]);
  const asked: RouteQuery = {
    destination: gate.destination,
    ...(purpose === 'send' ? {} : { source: gate.source }),
    ...(purpose === 'forward' ? { inputInterface: place.name } : {}),
  };
  const instead = routeIn(changed, netns, asked);
  if (instead?.type !== 'unicast' || instead.device === undefined || instead.device === taken.device) return undefined;
  if (instead.uncertain !== undefined) return undefined;
  // What a socket bound to the interface takes, an unbound one may not: then nothing is wrong with the route.
  if (purpose === 'send' && routeIn(topology, netns, asked)?.device !== taken.device) return undefined;
  const start = purpose === 'send' ? { netns, name: instead.device } : undefined;
  const { source: _, ...anySource } = query;
  const then = expectPath(changed, start ? { ...anySource, start } : query);
  if (!reaches(then, wayOf(path, gate))) return undefined;
  return { gate, taken, instead, change, ...(start === undefined ? {} : { start }) };
}

function routeIn(topology: Topology, netns: NetnsId, query: RouteQuery): RouteFound | undefined {
  const namespace = namespaceOf(topology, netns);
  return namespace && findRoute(namespace, query);
}

/** The route taken is there for less than the other one, or for somebody in particular: it was put over it. */
export function isNarrower({ taken, instead }: Detour): boolean {
  return taken.rule !== undefined || prefixLength(taken.route.destination) > prefixLength(instead.route.destination);
}

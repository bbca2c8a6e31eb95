/** A stack that has the request, or its reply, and no route to the sender: where, and to whom. */
import type { Place } from '../trace/frame.ts';
import type { Context } from './rule.ts';

export interface NoWayBack {
  readonly place: Place;
  /** The address there is no route to: the sender's own, or the one that a router put in its place. */
  readonly sender: string;
  /** Whom the request is for, there. */
  readonly destination: string;
  /** Source validation drops the request before anybody looks for a way back. */
  readonly dropped: boolean;
  /** The reply was already on its way: a router that it comes to knows no way on. */
  readonly midway: boolean;
}

export function noWayBack({ situation }: Context): NoWayBack | undefined {
  if (situation.kind !== 'stopped') return undefined;
  const { gate, leg } = situation;
  if (gate.kind === 'source' && gate.result.reason === 'no-return-route')
    return { place: gate.place, sender: gate.source, destination: gate.destination, dropped: true, midway: false };
  if (gate.kind !== 'route' || gate.route !== undefined) return undefined;
  const back = gate.purpose === 'reply' || (gate.purpose === 'forward' && leg.kind === 'echo-reply');
  const midway = gate.purpose === 'forward';
  return back
    ? { place: gate.place, sender: gate.destination, destination: gate.source, dropped: false, midway }
    : undefined;
}

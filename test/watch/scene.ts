/** A tracker that is told frames, and what it tells. */
import type { ErrorEvent, ExchangeEvent } from '../../src/watch/event.ts';
import { Tracker } from '../../src/watch/tracker.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { frame, ZERO_NS } from '../trace/frames.ts';

export const MS = 1000;
export const SECOND = 1_000_000;

export interface Scene {
  readonly tracker: Tracker;
  readonly exchanges: ExchangeEvent[];
  readonly errors: ErrorEvent[];
  /** One packet, 10 µs later at each further place; the time in microseconds. */
  pass(visits: readonly string[], at: number, packet: Packet): void;
  /** Lets time pass, to this many microseconds. */
  until(at: number): void;
}

export function scene(): Scene {
  const exchanges: ExchangeEvent[] = [];
  const errors: ErrorEvent[] = [];
  const tracker = new Tracker({
    onExchange: (event) => exchanges.push(event),
    onError: (event) => errors.push(event),
    admit: () => true,
  });
  tracker.relative(ZERO_NS);
  const until = (at: number) => tracker.advance(at * 1000);
  return {
    tracker,
    exchanges,
    errors,
    until,
    pass(visits, at, packet) {
      until(at);
      visits.forEach((visit, index) => {
        tracker.add(frame(visit, at + index * 10, packet));
      });
    },
  };
}

export function placesOf(steps: ExchangeEvent['request']): string[] {
  return steps.map(({ place: { netns, name } }) => (netns === 'home' ? name : `${name}@${netns}`));
}

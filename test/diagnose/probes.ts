/**
 * Probes of a made-up network, each with a fate of its own:
 *
 *     eth0@c1 --- va \
 *                     br0 (home)
 *     eth0@c2 --- vb /
 */
import { type Figures, figuresOf } from '../../src/diagnose/hops.ts';
import type { Path, Step } from '../../src/path/model.ts';
import { buildExchanges, type EchoExchange } from '../../src/trace/exchange.ts';
import type { Coverage, ProbeResult } from '../../src/trace/frame.ts';
import { createTracer } from '../../src/trace/journey.ts';
import { arpReply, arpRequest, at, echo, inOrder, sightings, ZERO_NS } from '../trace/frames.ts';

const THERE = ['eth0@c1 out', 'va in', 'vb out', 'eth0@c2 in'];
const BACK = ['eth0@c2 out', 'vb in', 'va out', 'eth0@c1 in'];
/** Sightings of a probe that is answered; the socket comes after them. */
export const WHOLE = THERE.length + BACK.length;
/** From one place to the next. */
const STEP_MS = 0.01;

export const COVERAGE: Coverage = {
  engine: 'packet-ring',
  places: ['eth0@c1', 'va', 'vb', 'eth0@c2'].map(at),
  fromNs: ZERO_NS,
  untilNs: ZERO_NS + 60_000_000_000n,
  framesCaptured: 0,
  lost: [],
  gaps: [],
};

const stepsOf = (visits: readonly string[]): Step[] =>
  visits.map((visit) => {
    const [place = '', direction] = visit.split(' ');
    return { kind: 'place', place: at(place), direction: direction === 'in' ? 'in' : 'out' };
  });

export const PATH: Path = {
  legs: [
    { kind: 'echo-request', source: '10.9.0.2', destination: '10.9.0.3', steps: stepsOf(THERE) },
    {
      kind: 'echo-reply',
      source: '10.9.0.3',
      destination: '10.9.0.2',
      steps: [...stepsOf(BACK), { kind: 'socket', place: at('eth0@c1') }],
    },
  ],
  end: 'delivered',
};

export interface Fate {
  /** Sightings it got; `WHOLE` when left out: then it is answered. */
  readonly reach?: number;
  /** Milliseconds it waits before a sighting, by the number of that sighting from 0. */
  readonly waits?: Readonly<Record<number, number>>;
  /** Milliseconds that ARP takes before it is sent. */
  readonly asks?: number;
  /** Sightings of the copy of the request, and whether its reply comes too. */
  readonly copyFrom?: number;
}

export const answered: Fate = {};
export const lost = (reach: number): Fate => ({ reach });

/** One echo for each fate, `intervalMs` apart. */
export function echoesOf(fates: readonly Fate[], intervalMs = 200): EchoExchange[] {
  const probes: ProbeResult[] = [];
  const all = fates.flatMap(({ reach = WHOLE, waits = {}, asks = 0, copyFrom }, index) => {
    const sequence = index + 1;
    const sentMs = index * intervalMs;
    const times: number[] = [];
    let now = sentMs + asks;
    for (let step = 0; step < WHOLE; step++) {
      now += STEP_MS + (waits[step] ?? 0);
      times.push(now);
    }
    const sighted = (visits: readonly string[], type: 'request' | 'reply', from: number, laterMs = 0) =>
      visits.flatMap((visit, each) =>
        from + each < reach
          ? sightings([visit], echo(type, sequence), Math.round(1000 * ((times[from + each] ?? 0) + laterMs)))
          : [],
      );
    const replies = reach >= WHOLE ? [now + STEP_MS] : [];
    if (copyFrom !== undefined) replies.push(now + STEP_MS + 1.5);
    probes.push({
      sequence,
      sentNs: ZERO_NS + BigInt(Math.round(sentMs * 1e6)),
      replies: replies.map((ms) => ({
        timeNs: ZERO_NS + BigInt(Math.round(ms * 1e6)),
        source: '10.9.0.3',
        ttl: 64,
        lengthBytes: 56,
      })),
    });
    return [
      ...(asks > 0
        ? [
            ...sightings(['eth0@c1 out', 'eth0@c2 in'], arpRequest('10.9.0.2', '10.9.0.3'), sentMs * 1000 + 2),
            ...sightings(['eth0@c2 out', 'eth0@c1 in'], arpReply('10.9.0.3', '10.9.0.2'), (sentMs + asks) * 1000 - 2),
          ]
        : []),
      ...sighted(THERE, 'request', 0),
      ...sighted(BACK, 'reply', THERE.length),
      ...(copyFrom === undefined
        ? []
        : [...sighted(THERE.slice(copyFrom), 'request', copyFrom, 1.5), ...sighted(BACK, 'reply', THERE.length, 1.5)]),
    ];
  });
  const tracer = createTracer();
  for (const sighting of inOrder(all)) tracer.add(sighting);
  return buildExchanges(tracer.journeys(), '10.9.0.2', '10.9.0.3', probes).filter(
    (exchange): exchange is EchoExchange => exchange.kind === 'echo',
  );
}

export function figuresFor(fates: readonly Fate[], intervalMs?: number): Figures {
  return figuresOf(PATH, echoesOf(fates, intervalMs), COVERAGE);
}

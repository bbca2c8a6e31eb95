/** The ladder's rows: the journeys of one exchange in the order they happened, repetitions folded, and where it ended. */
import { packetName } from '../diagnose/evidence.ts';
import type { Diagnosis } from '../diagnose/finding.ts';
import { isAsk, type Leg } from '../path/model.ts';
import { placeName } from '../topology/naming.ts';
import { questionOf } from '../trace/exchange.ts';
import type { Place } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import type { SightingKind } from '../trace/sighting.ts';
import { indexOfPlace } from './ladder-columns.ts';
import { type PacketText, packetText } from './packet-text.ts';

/** One stroke: from `start` to every column in `marks`. */
export interface JourneyRow {
  readonly kind: 'journey';
  readonly timeNs: bigint;
  readonly start: number;
  /** Columns where it was sighted, `start` among them. */
  readonly marks: readonly number[];
  readonly text: PacketText;
  /** First sightings of the rows that look the same and are not drawn. */
  readonly repeats: readonly bigint[];
  /** The leg of the path it answers to. */
  readonly leg?: number;
  /** An address that NAT changed on the way. */
  readonly note?: string;
}

/** The cross: at column `at`, and a broken line to it from column `from` where that is another one. */
export interface VanishRow {
  readonly kind: 'vanish';
  readonly at?: number;
  readonly from?: number;
  /** Short: the interface without its namespace, since the cross stands in its column. */
  readonly text: PacketText;
}

export interface FoldRow {
  readonly kind: 'fold';
  readonly timesNs: readonly bigint[];
}

/** A line of words under a stroke. */
export interface NoteRow {
  readonly kind: 'note';
  readonly text: string;
}

/** Rows that a limit left out. */
export interface MoreRow {
  readonly kind: 'more';
  readonly rows: number;
}

export type LadderRow = JourneyRow | VanishRow | NoteRow | FoldRow | MoreRow;

/** A packet that runs in circles has a row for every round: this many are enough to see it. */
const MOST_ROWS = 16;

/** The journeys of the example exchange by first sighting; those of all exchanges where there is no example. */
export function exampleJourneys(diagnosis: Diagnosis): Journey[] {
  const exchanges = diagnosis.example === undefined ? diagnosis.exchanges : [diagnosis.example];
  const journeys = new Map<number, Journey>();
  const add = (...some: readonly (Journey | undefined)[]): void => {
    for (const journey of some) if (journey !== undefined) journeys.set(journey.id, journey);
  };
  for (const exchange of exchanges) {
    if (exchange.kind === 'echo') {
      for (const resolution of exchange.resolutions) add(resolution.request, ...resolution.replies);
      add(exchange.request, ...exchange.replies, ...exchange.errors);
    } else add(exchange.request, ...exchange.replies);
  }
  return [...journeys.values()].filter((journey) => journey.sightings.length > 0).sort(byCause);
}

const CAUSE_ORDER: readonly SightingKind[] = [
  'arp-request',
  'neighbour-solicitation',
  'arp-reply',
  'neighbour-advertisement',
  'echo-request',
  'echo-reply',
  'icmp-error',
  'other',
];

/** Two namespaces' rings can give one time stamp to a question and its answer: then the question comes first. */
function byCause(one: Journey, other: Journey): number {
  const difference = firstTime(one) - firstTime(other);
  if (difference !== 0n) return difference < 0n ? -1 : 1;
  return CAUSE_ORDER.indexOf(one.kind) - CAUSE_ORDER.indexOf(other.kind);
}

function firstTime(journey: Journey): bigint {
  return journey.sightings[0]?.frame.timeNs ?? 0n;
}

/** All rows of the ladder, top to bottom. */
export function ladderRows(diagnosis: Diagnosis, journeys: readonly Journey[], columns: readonly Place[]): LadderRow[] {
  const strokes = folded(journeys.flatMap((journey) => strokesOf(journey, columns, diagnosis)));
  const drawn: LadderRow[] = strokes.slice(0, MOST_ROWS);
  if (strokes.length > MOST_ROWS) drawn.push({ kind: 'more', rows: strokes.length - MOST_ROWS });
  const vanish = vanishRow(diagnosis, strokes, columns);
  if (vanish !== undefined) drawn.splice(vanishIndex(diagnosis, drawn), 0, vanish);
  return withNotes(drawn);
}

/** One journey as strokes: a new one begins where it comes to a column a second time. */
function strokesOf(journey: Journey, columns: readonly Place[], diagnosis: Diagnosis): JourneyRow[] {
  const strokes: { timeNs: bigint; ttl: number | undefined; text: PacketText; marks: number[] }[] = [];
  let column = -1;
  for (const sighting of journey.sightings) {
    const at = indexOfPlace(columns, sighting.frame.place);
    if (at < 0 || at === column) continue;
    const stroke = strokes.at(-1);
    if (stroke === undefined || stroke.marks.includes(at)) {
      const ip = sighting.packet.ip;
      const ttl = ip === undefined ? undefined : ip.version === 4 ? ip.ttl : ip.hopLimit;
      const text = packetText(sighting);
      strokes.push({ timeNs: sighting.frame.timeNs, ttl, text, marks: column < 0 ? [at] : [column, at] });
    } else stroke.marks.push(at);
    column = at;
  }
  const leg = legOf(journey, diagnosis.path.legs);
  const note = rewriteNote(journey);
  return strokes.map((stroke, index) => ({
    kind: 'journey',
    timeNs: stroke.timeNs,
    start: stroke.marks[0] ?? 0,
    marks: stroke.marks,
    text: index === 0 ? stroke.text : onward(stroke.ttl),
    repeats: [],
    ...(leg < 0 ? {} : { leg }),
    ...(note === '' || index > 0 ? {} : { note }),
  }));
}

function onward(ttl: number | undefined): PacketText {
  const text = ttl === undefined ? 'the same packet, on' : `the same packet, ttl ${ttl}`;
  return { long: text, short: text };
}

/** "source 192.0.2.1 from up0 on", "inside UDP 192.0.2.1 > 192.0.2.2 from up0 on". */
function rewriteNote(journey: Journey): string {
  if (journey.kind === 'icmp-error') return '';
  const carried = journey.sightings.find(({ outer }) => outer?.ip !== undefined);
  if (carried?.outer?.ip && journey.sightings[0]?.outer === undefined) {
    const { ip, udp } = carried.outer;
    return `inside ${udp ? 'UDP' : 'a packet'} ${ip.source} > ${ip.destination} from ${carried.frame.place.name} on`;
  }
  const first = journey.sightings[0]?.packet.ip;
  if (first === undefined) return '';
  for (const { packet, frame } of journey.sightings) {
    if (packet.ip === undefined) continue;
    if (packet.ip.source !== first.source) return `source ${packet.ip.source} from ${frame.place.name} on`;
    if (packet.ip.destination !== first.destination)
      return `destination ${packet.ip.destination} from ${frame.place.name} on`;
  }
  return '';
}

/** Rows that differ in time alone become one, with the times of the others. A falling TTL is no difference. */
function folded(strokes: readonly JourneyRow[]): JourneyRow[] {
  const kept = new Map<string, JourneyRow>();
  for (const stroke of strokes) {
    const words = stroke.text.long.replace(/, ttl \d+$/, '');
    const key = [stroke.leg, stroke.start, [...stroke.marks].sort((a, b) => a - b).join(','), words].join('|');
    const same = kept.get(key);
    kept.set(key, same === undefined ? stroke : { ...same, repeats: [...same.repeats, stroke.timeNs] });
  }
  return [...kept.values()];
}

/** The notes, and one fold line under all neighbouring rows that were repeated equally often. */
function withNotes(rows: readonly LadderRow[]): LadderRow[] {
  const result: LadderRow[] = [];
  let pending: readonly bigint[] = [];
  const flush = (): void => {
    if (pending.length > 0) result.push({ kind: 'fold', timesNs: pending });
    pending = [];
  };
  for (const row of rows) {
    if (row.kind === 'journey') {
      if (row.repeats.length !== pending.length) flush();
      if (pending.length === 0) pending = row.repeats;
    } else if (row.kind === 'more') flush();
    result.push(row);
    if (row.kind === 'journey' && row.note !== undefined) result.push({ kind: 'note', text: row.note });
  }
  flush();
  return result;
}

/** The leg of the path this journey is the sighting of: by its kind, and for ARP and neighbour discovery by what was asked. */
function legOf(journey: Journey, legs: readonly Leg[]): number {
  const question = questionOf(journey);
  return legs.findIndex((leg) => {
    if (leg.kind !== journey.kind) return false;
    if (question === undefined) return journey.kind.startsWith('echo');
    return leg.source === question.senderProtocol && leg.destination === question.targetProtocol;
  });
}

/**
 * The vanished journey's end. The words claim no more than was seen: where it never came, where it ended,
 * or that the next packet of the exchange never left.
 */
function vanishRow(
  diagnosis: Diagnosis,
  strokes: readonly JourneyRow[],
  columns: readonly Place[],
): VanishRow | undefined {
  const vanished = diagnosis.vanished;
  if (vanished === undefined) return undefined;
  const { last, missing } = vanished;
  const column = (place: Place | undefined): number => (place === undefined ? -1 : indexOfPlace(columns, place));
  const to = column(missing ?? last);
  const from = column(last);
  const own = strokes.filter((stroke) => stroke.leg === vanished.leg);
  const reached = own.some((stroke) => stroke.marks.includes(to));
  const leg = diagnosis.path.legs[vanished.leg];
  const what = leg === undefined ? 'packet' : packetName(leg.kind);
  const atSocket = leg?.steps.at(-1)?.kind === 'socket';
  const words = (name: (place: Place) => string): string => {
    if (own.length === 0) return missing === undefined ? `no ${what}` : `no ${what} out of ${name(missing)}`;
    // Asked later, for the next packet of a run: this one never came so far that anybody was asked.
    if (missing !== undefined && reached && leg !== undefined && isAsk(leg.kind))
      return `no ${packetName('echo-request')} out of ${name(missing)}`;
    if (missing !== undefined && reached)
      return atSocket ? "never at the probe's socket" : `never at ${name(missing)}'s stack`;
    if (missing !== undefined) return `never at ${name(missing)}`;
    return last === undefined ? 'never seen again' : `ends at ${name(last)}`;
  };
  return {
    kind: 'vanish',
    text: { long: words((place) => placeName(diagnosis.before, place)), short: words((place) => place.name) },
    ...(to < 0 ? {} : { at: to }),
    ...(!reached && to >= 0 && from >= 0 && from !== to ? { from } : {}),
  };
}

/** Under the last row of the leg it vanished on, or of the legs before, and under the ICMP error that came instead. */
function vanishIndex(diagnosis: Diagnosis, rows: readonly LadderRow[]): number {
  const leg = diagnosis.vanished?.leg ?? 0;
  const before = rows.findLastIndex((row) => row.kind === 'journey' && row.leg !== undefined && row.leg <= leg);
  const after = rows.findIndex((row, index) => index > before && row.kind === 'journey' && row.leg !== undefined);
  return after < 0 ? rows.length : after;
}

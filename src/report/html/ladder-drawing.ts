/** The ladder as a drawing: one lifeline per place, time downwards and to scale, one line per packet. */
import { placeName } from '../../topology/naming.ts';
import type { Journey } from '../../trace/journey.ts';
import type { SightingKind } from '../../trace/sighting.ts';
import { describePacket } from '../../wire/describe.ts';
import { milliseconds, offset } from '../figures.ts';
import { zeroOf } from '../ladder.ts';
import { type Column, indexOfPlace, ladderColumns } from '../ladder-columns.ts';
import { exampleJourneys, ladderRows } from '../ladder-rows.ts';
import { packetText } from '../packet-text.ts';
import { displayWidth, shortened } from '../printable.ts';
import type { Report } from '../report.ts';
import { html, type Markup } from './markup.ts';
import { type TimeAxis, timeAxis } from './time-axis.ts';

/** Packets that are drawn; a trace that goes on for long repeats itself. */
const MOST_JOURNEYS = 24;
const MOST_COLUMNS = 24;
const COLUMN_WIDTH = 112;
const TIME_WIDTH = 76;
/** Of one character of the words, at most; the font is the reader's. */
const CHARACTER_WIDTH = 8.6;
const MOST_WORDS = 96;
const HEAD_HEIGHT = 46;
const LABEL_HEIGHT = 17;
const ROOM_PER_JOURNEY = 34;
const NAME_LENGTH = 15;

const STROKES: Readonly<Record<SightingKind, string>> = {
  'arp-request': 'question',
  'neighbour-solicitation': 'question',
  'arp-reply': 'answer',
  'neighbour-advertisement': 'answer',
  'echo-request': 'request',
  'echo-reply': 'reply',
  'icmp-error': 'error',
  other: 'question',
};

interface Scene {
  readonly report: Report;
  readonly columns: readonly Column[];
  readonly axis: TimeAxis;
  readonly zeroNs: bigint;
}

/** Undefined where nothing was sighted and there is no place to draw. */
export function ladderDrawing(report: Report): Markup | undefined {
  const { diagnosis } = report;
  const all = exampleJourneys(diagnosis);
  const journeys = all.slice(0, MOST_JOURNEYS);
  const columns = ladderColumns(diagnosis, journeys, false).slice(0, MOST_COLUMNS);
  if (columns.length === 0) return undefined;
  const times = journeys.flatMap(({ sightings }) => sightings.map(({ frame }) => frame.timeNs));
  const axis = timeAxis(times, Math.max(60, journeys.length * ROOM_PER_JOURNEY));
  const scene: Scene = { report, columns, axis, zeroNs: zeroOf(report) };
  const labels = labelsOf(scene, journeys);
  const vanish = vanishOf(scene, journeys, (labels.at(-1)?.y ?? HEAD_HEIGHT) + LABEL_HEIGHT);
  const height = Math.max(yOf(scene, axis.height), vanish?.y ?? 0, labels.at(-1)?.y ?? 0) + 24;
  const words = [...journeys.map(wordsOf), vanish?.words ?? ''].map(displayWidth);
  const right = TIME_WIDTH + columns.length * COLUMN_WIDTH;
  const width = right + 16 + Math.ceil(CHARACTER_WIDTH * Math.max(20, ...words));
  return html`<figure><div class="drawing" tabindex="0" role="group" aria-label="Ladder, scrolls sideways">
<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Which place saw which packet, and when">
${headings(scene, height)}${axis.breaks.map(({ y, gapNs }) => breakMark(scene, y, gapNs, right))}
${labels.map((label) => labelMarkup(scene, label))}${journeys.map((journey) => strokeOf(scene, journey))}${vanish?.markup}
</svg></div><figcaption>Time runs downwards, to scale; each mark is a place where the packet was seen. Broken lines are replies. ${
    all.length > journeys.length ? `${all.length - journeys.length} more packets are not drawn.` : ''
  }</figcaption></figure>`;
}

const xOf = (column: number): number => TIME_WIDTH + COLUMN_WIDTH * (column + 0.5);
const yOf = (_: Scene, y: number): number => HEAD_HEIGHT + 14 + y;

function headings({ report, columns }: Scene, height: number): Markup[] {
  return columns.map(({ place, covered }, index) => {
    const name = placeName(report.diagnosis.before, place);
    const [device = '', netns] = place.netns === report.diagnosis.before.home ? [name] : splitName(name, place.name);
    const x = xOf(index);
    return html`<g><title>${name}${covered ? '' : ' (not captured)'}</title>
<text class="strong" x="${x}" y="16" text-anchor="middle">${shortened(device, NAME_LENGTH, true)}</text>
${netns === undefined ? undefined : html`<text class="small" x="${x}" y="32" text-anchor="middle">${shortened(netns, NAME_LENGTH + 2, true)}</text>`}
<line class="${covered ? 'line' : 'unheard'}" x1="${x}" x2="${x}" y1="${HEAD_HEIGHT - 6}" y2="${height - 8}"/></g>`;
  });
}

function splitName(whole: string, device: string): string[] {
  return [device, whole.slice(device.length)];
}

function breakMark(scene: Scene, y: number, gapNs: bigint, right: number): Markup {
  const at = yOf(scene, y);
  return html`<line class="unheard" x1="4" x2="${right}" y1="${at}" y2="${at}"/>
<text class="small" x="${right + 8}" y="${at + 4}">${offset(gapNs).replace('+', '')} later</text>`;
}

interface Label {
  readonly journey: Journey;
  /** Of the packet's first sighting. */
  readonly from: number;
  /** Of the words: below those before it. */
  readonly y: number;
}

function labelsOf(scene: Scene, journeys: readonly Journey[]): Label[] {
  let lowest = 0;
  return journeys.map((journey) => {
    const from = yOf(scene, scene.axis.at(journey.sightings[0]?.frame.timeNs ?? 0n));
    lowest = Math.max(from, lowest + LABEL_HEIGHT);
    return { journey, from, y: lowest };
  });
}

function labelMarkup({ columns, zeroNs }: Scene, { journey, from, y }: Label): Markup {
  const first = journey.sightings[0];
  if (!first) return html``;
  const right = TIME_WIDTH + columns.length * COLUMN_WIDTH;
  return html`<text class="small" x="${TIME_WIDTH - 14}" y="${y + 4}" text-anchor="end">${clock(first.frame.timeNs - zeroNs)}</text>
<path class="lead" d="M${TIME_WIDTH - 10} ${y} L${TIME_WIDTH + 4} ${from}"/><path class="lead" d="M${right - 4} ${from} L${right + 4} ${y}"/>
<text x="${right + 8}" y="${y + 4}"><title>${describePacket(first.packet)}</title>${wordsOf(journey)}</text>`;
}

function wordsOf({ sightings: [first] }: Journey): string {
  return first === undefined ? '' : shortened(packetText(first).long, MOST_WORDS, true);
}

/** "0.027 ms", from one second on "1.026 s". */
function clock(timeNs: bigint): string {
  return timeNs < 1_000_000_000n ? `${milliseconds(timeNs)} ms` : `${(Number(timeNs) / 1e9).toFixed(3)} s`;
}

function strokeOf(scene: Scene, journey: Journey): Markup {
  const { report, columns, axis, zeroNs } = scene;
  const marks = journey.sightings.flatMap((sighting) => {
    const column = indexOfPlace(
      columns.map(({ place }) => place),
      sighting.frame.place,
    );
    return column < 0 ? [] : [{ sighting, x: xOf(column), y: yOf(scene, axis.at(sighting.frame.timeNs)) }];
  });
  const line = marks.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y.toFixed(1)}`).join(' ');
  return html`<path class="${STROKES[journey.kind]}" d="${line}"/>${marks.map(
    ({ sighting, x, y }) =>
      html`<g><title>${[
        placeName(report.diagnosis.before, sighting.frame.place),
        sighting.frame.direction === 'unknown' ? '' : sighting.frame.direction,
        `${milliseconds(sighting.frame.timeNs - zeroNs)} ms:`,
        describePacket(sighting.packet),
      ]
        .filter((word) => word !== '')
        .join(
          ' ',
        )}</title><circle class="mark" cx="${x}" cy="${y}" r="4"/><circle class="hit" cx="${x}" cy="${y}" r="11"/></g>`,
  )}`;
}

/** The cross where the packet should have been seen, and the broken line to it from where it last was. */
function vanishOf(
  scene: Scene,
  journeys: readonly Journey[],
  least: number,
): { y: number; words: string; markup: Markup } | undefined {
  const { report, columns } = scene;
  const { vanished } = report.diagnosis;
  if (!vanished) return undefined;
  const places = columns.map(({ place }) => place);
  const row = ladderRows(report.diagnosis, journeys, places).find(({ kind }) => kind === 'vanish');
  if (row?.kind !== 'vanish' || row.at === undefined) return undefined;
  const words = shortened(row.text.long, MOST_WORDS, true);
  const x = xOf(row.at);
  const y = least + 4;
  const from = row.from === undefined ? undefined : xOf(row.from);
  const right = TIME_WIDTH + columns.length * COLUMN_WIDTH;
  const markup = html`${from === undefined ? undefined : html`<path class="lost" d="M${from} ${y} L${x} ${y}"/>`}
<path class="cross" d="M${x - 6} ${y - 6} l12 12 m0 -12 l-12 12"/>
<text class="bad strong" x="${right + 8}" y="${y + 4}">${words}</text>`;
  return { y, words, markup };
}

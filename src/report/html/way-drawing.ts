/** The packet's way as a drawing: the namespaces and the interfaces in them from top to bottom, and where it ended. */
import type { Link, Topology } from '../../topology/model.ts';
import { netnsName } from '../../topology/naming.ts';
import { namespaceOf } from '../../topology/query.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import { ladderColumns } from '../ladder-columns.ts';
import { exampleJourneys, ladderRows } from '../ladder-rows.ts';
import { shortened } from '../printable.ts';
import type { Report } from '../report.ts';
import { html, type Markup } from './markup.ts';

const WIDTH = 352;
const STATION_HEIGHT = 50;
const BOX_HEAD = 26;
const BOX_GAP = 22;
const LINE_X = 30;
const TEXT_X = 52;
/** Names are bold, and wider than what stands below them. */
const NAME_LENGTH = 30;
const TEXT_LENGTH = 46;
/** Addresses spelt out at one interface. */
const MOST_ADDRESSES = 2;

interface Station {
  readonly place: Place;
  readonly link?: Link;
  readonly y: number;
}

interface Box {
  readonly name: string;
  readonly top: number;
  readonly height: number;
  readonly stations: readonly Station[];
}

/** Undefined where the way holds no place. */
export function wayDrawing(report: Report): Markup | undefined {
  const { diagnosis } = report;
  const places = ladderColumns(diagnosis, exampleJourneys(diagnosis), false).map(({ place }) => place);
  if (places.length === 0) return undefined;
  const boxes = boxesOf(diagnosis.before, places);
  const stations = boxes.flatMap((box) => box.stations);
  const last = boxes.at(-1);
  const height = (last ? last.top + last.height : 0) + 4;
  return html`<figure><div class="drawing way"><svg width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${spoken(report, places)}">
${boxes.map(
  ({
    name,
    top,
    height: tall,
  }) => html`<rect class="box" x="2" y="${top}" width="${WIDTH - 4}" height="${tall}" rx="8"/>
<text class="small" x="${WIDTH - 12}" y="${top + 17}" text-anchor="end">${shortened(name, TEXT_LENGTH, true)}</text>`,
)}${ways(report, stations)}${stations.map((station) => stationMarkup(report, station))}
</svg></div><figcaption>The way, place by place. ${ended(report)}</figcaption></figure>`;
}

/** Neighbours on the way that are in one namespace stand in one box. */
function boxesOf(topology: Topology, places: readonly Place[]): Box[] {
  const boxes: Box[] = [];
  let top = 2;
  for (let first = 0; first < places.length; ) {
    const netns = places[first]?.netns ?? '';
    let end = first;
    while (places[end]?.netns === netns) end++;
    const links = namespaceOf(topology, netns)?.links ?? [];
    const begin = top + BOX_HEAD;
    const stations = places.slice(first, end).map((place, index): Station => {
      const link = links.find(({ name }) => name === place.name);
      return { place, y: begin + index * STATION_HEIGHT + 10, ...(link === undefined ? {} : { link }) };
    });
    const height = BOX_HEAD + stations.length * STATION_HEIGHT;
    boxes.push({
      name: netns === topology.home ? 'this namespace' : netnsName(topology, netns),
      top,
      height,
      stations,
    });
    top += height + BOX_GAP;
    first = end;
  }
  return boxes;
}

/** Lines between the places: whole as far as the packet was seen, broken where it should have gone on. */
function ways(report: Report, stations: readonly Station[]): Markup[] {
  const { example, vanished } = report.diagnosis;
  const seen = new Set(
    [example?.request, ...(example?.replies ?? []), ...exampleJourneys(report.diagnosis)].flatMap(
      (journey) => journey?.sightings.map(({ frame }) => placeKey(frame.place)) ?? [],
    ),
  );
  return stations.slice(1).map((station, index) => {
    const before = stations[index];
    const reached = before && seen.has(placeKey(before.place)) && seen.has(placeKey(station.place));
    const lost = vanished?.missing && placeKey(vanished.missing) === placeKey(station.place) && !reached;
    return html`<line class="${lost ? 'lost' : reached ? 'request' : 'unheard'}" x1="${LINE_X}" x2="${LINE_X}" y1="${before?.y ?? 0}" y2="${station.y}"/>`;
  });
}

function stationMarkup(report: Report, { place, link, y }: Station): Markup {
  const { diagnosis } = report;
  const { vanished, coverage } = diagnosis;
  const end = isForeseen(report) ? stopOf(report) : (vanished?.missing ?? vanished?.last);
  const stopped = end !== undefined && placeKey(end) === placeKey(place);
  const covered = isForeseen(report) || coverage.places.some((each) => placeKey(each) === placeKey(place));
  const mark = stopped
    ? html`<circle class="mark" cx="${LINE_X}" cy="${y}" r="9"/><path class="cross" d="M${LINE_X - 5} ${y - 5} l10 10 m0 -10 l-10 10"/>`
    : html`<circle class="mark" cx="${LINE_X}" cy="${y}" r="6"/>`;
  return html`<g><title>${[place.name, ...(link?.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`) ?? []), link?.mac ?? ''].join(' ')}</title>${mark}
<text class="strong" x="${TEXT_X}" y="${y + 1}">${shortened(place.name, NAME_LENGTH, true)}</text>
<text class="small" x="${TEXT_X}" y="${y + 17}">${shortened([...(link ? describe(diagnosis.before, place, link) : []), ...(covered ? [] : ['not captured'])].join(', '), TEXT_LENGTH, true)}</text></g>`;
}

function describe(topology: Topology, place: Place, link: Link): string[] {
  const links = namespaceOf(topology, place.netns)?.links ?? [];
  const master = links.find(({ index }) => index === link.master);
  const addresses = link.addresses.filter(({ scope }) => scope !== 'link');
  const shown = (addresses.length > 0 ? addresses : link.addresses).map(
    ({ address, prefixLength }) => `${address}/${prefixLength}`,
  );
  return [
    link.kind,
    ...(master === undefined ? [] : [`port of ${master.name}`]),
    ...(link.flags.includes('UP') ? [] : ['down']),
    ...(shown.length > MOST_ADDRESSES ? [...shown.slice(0, MOST_ADDRESSES), '…'] : shown),
  ];
}

/** Of a check: nothing was sent, and nothing could be sighted. */
export function isForeseen({ command }: Report): boolean {
  return command === 'check';
}

/** The place of the first decision that stops it. */
function stopOf({ diagnosis }: Report): Place | undefined {
  const steps = diagnosis.path.legs.flatMap((leg) => leg.steps);
  for (const step of steps) if (step.kind === 'gate' && step.gate.verdict === 'stop') return step.gate.place;
  return undefined;
}

function ended(report: Report): string {
  const { diagnosis } = report;
  if (isForeseen(report)) return stopOf(report) ? 'The cross: where the kernel would stop it.' : '';
  if (!diagnosis.vanished) return '';
  const journeys = exampleJourneys(diagnosis);
  const places = ladderColumns(diagnosis, journeys, false).map(({ place }) => place);
  const row = ladderRows(diagnosis, journeys, places).find(({ kind }) => kind === 'vanish');
  return row?.kind === 'vanish' ? `The cross: ${row.text.long}.` : '';
}

function spoken(report: Report, places: readonly Place[]): string {
  return `The way: ${places.map(({ name }) => name).join(', ')}. ${ended(report)}`;
}

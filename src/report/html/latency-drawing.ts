/** How long the echo took to each place of its way, probe by probe: one band per place. */
import { placesOf } from '../../path/model.ts';
import { placeName } from '../../topology/naming.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import { type Journey, sightingAt } from '../../trace/journey.ts';
import { shortened } from '../printable.ts';
import type { Report } from '../report.ts';
import { html, type Markup } from './markup.ts';

/** Fewer probes than this make no distribution. */
const LEAST_PROBES = 5;
const WIDTH = 650;
const NAME_WIDTH = 150;
const FIGURE_WIDTH = 150;
const BAND_HEIGHT = 30;
const NAME_LENGTH = 20;

interface Band {
  readonly place: Place;
  /** Milliseconds from the place before, one per probe that was seen at both. */
  readonly times: readonly number[];
}

export function latencyDrawing(report: Report): Markup | undefined {
  const bands = bandsOf(report);
  if (bands.length === 0) return undefined;
  const most = Math.max(...bands.flatMap(({ times }) => times), 1e-6);
  const room = WIDTH - NAME_WIDTH - FIGURE_WIDTH;
  const height = bands.length * BAND_HEIGHT + 8;
  return html`<figure><div class="drawing" tabindex="0" role="group" aria-label="Times, scrolls sideways"><svg width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Time from place to place of each probe">
${bands.map(({ place, times }, index) => {
  const y = index * BAND_HEIGHT + BAND_HEIGHT / 2 + 4;
  const x = (time: number): number => NAME_WIDTH + 8 + (Math.max(0, time) / most) * (room - 16);
  const median = middle(times);
  const name = placeName(report.diagnosis.before, place);
  return html`<text x="${NAME_WIDTH - 4}" y="${y + 4}" text-anchor="end">${shortened(name, NAME_LENGTH, true)}</text>
<rect class="band" x="${NAME_WIDTH + 8}" y="${y - 9}" width="${room - 16}" height="18" rx="4"/>
${times.map((time) => html`<g><title>${time.toFixed(3)} ms</title><circle class="mark" cx="${x(time)}" cy="${y}" r="3"/></g>`)}
<line class="median" x1="${x(median)}" x2="${x(median)}" y1="${y - 9}" y2="${y + 9}"/>
<text class="small" x="${WIDTH - FIGURE_WIDTH + 8}" y="${y + 4}">median ${median.toFixed(3)} ms</text>`;
})}
</svg></div><figcaption>Time of the request from the place before, each probe a mark; all on one scale, up to ${most.toFixed(3)} ms.</figcaption></figure>`;
}

function bandsOf({ diagnosis }: Report): Band[] {
  const requests = diagnosis.exchanges.flatMap((exchange) =>
    exchange.kind === 'echo' && exchange.request ? [exchange.request] : [],
  );
  if (requests.length < LEAST_PROBES) return [];
  const legs = diagnosis.path.legs.filter(({ kind }) => kind === 'echo-request');
  const places = placesOf({ legs, end: diagnosis.path.end });
  return places.slice(1).flatMap((place, index) => {
    const before = places[index];
    const times = before ? requests.flatMap((request) => between(request, before, place)) : [];
    return times.length < LEAST_PROBES ? [] : [{ place, times }];
  });
}

function between(journey: Journey, before: Place, place: Place): number[] {
  if (placeKey(before) === placeKey(place)) return [];
  const from = sightingAt(journey, before)?.frame.timeNs;
  const until = sightingAt(journey, place)?.frame.timeNs;
  return from === undefined || until === undefined ? [] : [Number(until - from) / 1e6];
}

function middle(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

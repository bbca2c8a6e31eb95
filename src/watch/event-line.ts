/** Events as lines for people: what was asked, what became of it, and which way it took. */

import { printable } from '../report/printable.ts';
import { glyphsOf, painted, type Terminal } from '../report/terminal.ts';
import { meaningOf } from '../trace/drop-reason.ts';
import type { ExchangeEvent, RoundTrips, Step, WatchEvent } from './event.ts';
import type { Names } from './names.ts';

/** What a line says, without its time: the first line, and what belongs below it. */
export interface EventText {
  readonly tone: 'bad' | 'good' | 'doubt' | 'quiet' | undefined;
  readonly text: string;
  readonly below: readonly string[];
}

const NOUNS = { arp: 'arp', echo: 'echo', neighbour: 'nd' } as const;

/** One event as text, its names still as they are: `eventLines` makes it fit for a terminal. */
export function eventText(event: WatchEvent, names: Names, arrow: string): EventText {
  const plain = (tone: EventText['tone'], text: string, below: readonly string[] = []) => ({ tone, text, below });
  switch (event.event) {
    case 'exchange':
      return exchangeText(event, names, arrow);
    case 'burst': {
      const { kind, source, target, exchanges, answered, rtt } = event;
      const lost = exchanges - answered;
      return plain(
        lost > 0 ? 'doubt' : undefined,
        `${asked(kind, source, target, arrow)} ${exchanges} more, ${lost === 0 ? 'all answered' : `${lost} not answered`}${rtt ? `, ${roundTrips(rtt)}` : ''}`,
      );
    }
    case 'icmp-error': {
      const { from, words, source, target, count, places } = event;
      const times = count > 1 ? ` ${count} times` : '';
      const about = `of ${source} ${arrow} ${target}  ${way(places, names, arrow)}`;
      return plain('doubt', `icmp ${from} says ${words}${times}, ${about}`);
    }
    case 'finding': {
      const { title, rule, confidence, remedies, severity, candidates } = event.finding;
      const commands = remedies[0]?.commands ?? [];
      const looks = candidates.slice(0, 3).map((candidate) => `it may be ${candidate.rule}: ${candidate.look}`);
      return plain('bad', `${severity}: ${title} [${rule}, ${confidence}]`, commands.length > 0 ? commands : looks);
    }
    case 'finding-over':
      return plain('good', `over: ${event.finding.title} [${event.finding.rule}]`);
    case 'drop': {
      const { reason, function: where, device, count } = event;
      const meaning = meaningOf(reason, where);
      return plain(
        'doubt',
        `kernel dropped ${count} at ${device ?? 'no device yet'}: ${reason} in ${where}${meaning === undefined ? '' : `, ${meaning}`}`,
      );
    }
    case 'appeared':
    case 'vanished': {
      const { netns, name } = event;
      const what = name === undefined ? `namespace ${names.netnsName(netns)}` : names.placeName({ netns, name });
      return plain('quiet', `${what} ${event.event === 'appeared' ? 'is there' : 'is gone'}`);
    }
    case 'skipped':
      return plain('doubt', skippedText(event.lost, event.untold));
    case 'note':
      return plain('quiet', event.text);
    default:
      return event satisfies never;
  }
}

/** Lines ready to be written, each without its end; those below are indented. */
export function eventLines(event: WatchEvent, names: Names, terminal: Terminal): string[] {
  const { tone, text, below } = eventText(event, names, glyphsOf(terminal).arrow);
  const safe = (line: string) => printable(line, terminal.unicode);
  const first = safe(text);
  return [
    `${painted(terminal, 'quiet', clock(event.timeNs))} ${tone === undefined ? first : painted(terminal, tone, first)}`,
    ...below.map((line) => `  ${painted(terminal, 'command', safe(line))}`),
  ];
}

/** "12:00:01.234567", local time, as tcpdump has it. */
export function clock(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000n));
  const two = (value: number) => String(value).padStart(2, '0');
  const micro = String((timeNs / 1000n) % 1_000_000n).padStart(6, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micro}`;
}

function exchangeText(event: ExchangeEvent, names: Names, arrow: string): EventText {
  const { kind, source, target, sequence, outcome, rttNs, refusal, request, reply, missing } = event;
  const which = sequence === undefined ? '' : ` seq ${sequence}`;
  const head = `${asked(kind, source, target, arrow)}${which}`;
  const took = rttNs === undefined ? '' : ` ${milliseconds(rttNs)} ms`;
  const passed = outcome === 'astray' ? reply : request;
  const places = way(passed, names, arrow);
  const behind = missing === undefined ? '' : ` ${arrow} not at ${names.placeName(missing)}`;
  switch (outcome) {
    case 'answered':
      return { tone: undefined, text: `${head} answered${took}  ${places}`, below: [] };
    case 'late':
      return { tone: 'doubt', text: `${head} answered late${took}  ${places}`, below: [] };
    case 'unanswered':
      return { tone: 'bad', text: `${head} no answer  ${places}${behind}`, below: [] };
    case 'astray':
      return { tone: 'bad', text: `${head} answered, the reply did not come back  ${places}${behind}`, below: [] };
    case 'refused':
      return { tone: 'bad', text: `${head} refused by ${refusal?.from}: ${refusal?.words}  ${places}`, below: [] };
    default:
      return outcome satisfies never;
  }
}

/** "echo 10.0.0.2 → 10.0.0.3" */
function asked(kind: ExchangeEvent['kind'], source: string, target: string, arrow: string): string {
  return `${NOUNS[kind].padEnd(4)} ${source} ${arrow} ${target}`;
}

function way(steps: readonly Step[], names: Names, arrow: string): string {
  return steps.map(({ place }) => names.placeName(place)).join(` ${arrow} `);
}

/** "rtt min/avg/max = 0.041/0.055/0.080 ms" */
export function roundTrips({ count, minNs, sumNs, maxNs }: RoundTrips): string {
  return `rtt min/avg/max = ${[minNs, sumNs / count, maxNs].map(milliseconds).join('/')} ms`;
}

/** "0.041" */
export function milliseconds(ns: number): string {
  return (ns / 1e6).toFixed(3);
}

function skippedText(lost: number, untold: number): string {
  return [
    ...(lost > 0 ? [`${lost} frames were lost: the kernel had no room for them`] : []),
    ...(untold > 0 ? [`${untold} exchanges are not told: too many at a time, or the capture was lossy meanwhile`] : []),
  ].join('; ');
}

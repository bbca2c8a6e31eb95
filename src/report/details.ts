/** What `-v` adds: every gate of the path, every journey, what was listened to, and the topology in short. */

import { packetName } from '../diagnose/evidence.ts';
import { droppedPacket, PACKETS } from '../diagnose/kernel-word.ts';
import { type RuleMet, rulesMet } from '../diagnose/traced-rules.ts';
import type { Link, Namespace, Topology } from '../topology/model.ts';
import { netnsName, placeName } from '../topology/naming.ts';
import { meaningOf } from '../trace/drop-reason.ts';
import type { Journey } from '../trace/journey.ts';
import { describePacket } from '../wire/describe.ts';
import { milliseconds } from './figures.ts';
import { frameLines } from './frame-bytes.ts';
import { zeroOf } from './ladder.ts';
import { exampleJourneys } from './ladder-rows.ts';
import { printable } from './printable.ts';
import type { Report } from './report.ts';
import { tableLines } from './table.ts';
import type { Terminal } from './terminal.ts';

/** Journeys of one trace are many when it ran long: the example's come first, and no more than this. */
const MOST_JOURNEYS = 60;
const MOST_DROPS = 60;
const MOST_HOPS = 120;
const MOST_PASSAGES = 60;
/** A host with hundreds of containers: nobody reads a table of thousands of lines. */
const MOST_LINKS = 150;
const MOST_NAMES = 60;

const WAYS = { queue: 'handed to', out: 'sent by', in: 'received by' } as const;

/** One section per table; empty tables are left out. */
export function detailLines(report: Report, terminal: Terminal): string[][] {
  return [
    gates(report, terminal),
    journeys(report, terminal),
    frameLines(report, terminal),
    drops(report, terminal),
    filterRules(report, terminal),
    kernelHops(report, terminal),
    coverage(report, terminal),
    topology(report, terminal),
  ];
}

/** What the kernel said it dropped of these packets. */
function drops(report: Report, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const { drops: all = [], before } = report.diagnosis;
  const zeroNs = zeroOf(report);
  const rows = all
    .slice(0, MOST_DROPS)
    .map((drop) => [
      milliseconds(drop.timeNs - zeroNs),
      safe(`${droppedPacket(drop)}${drop.sequence === undefined ? '' : ` seq ${drop.sequence}`}`),
      safe(placeName(before, drop.place)),
      safe(drop.reason),
      safe(drop.function),
      `${drop.sure ? '' : 'not sure that it was this packet: '}${safe(meaningOf(drop.reason, drop.function) ?? '')}`,
    ]);
  const lines = tableLines(terminal, 'kernel drops', ['ms', 'packet', 'at', 'reason', 'function', 'meaning'], rows);
  return all.length > MOST_DROPS ? [...lines, `  ${all.length - MOST_DROPS} more: see --json`] : lines;
}

/** The packet filter rules that the probes met, as the kernel told it. */
function filterRules(report: Report, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const { ruleTrace, before } = report.diagnosis;
  if (!ruleTrace) return [];
  const rows = rulesMet({ ...ruleTrace, passages: ruleTrace.passages.slice(0, MOST_PASSAGES) }, before).map(
    ({ passage, hook, steps }) => [
      `${PACKETS[passage.packet]}${passage.sequence === undefined ? '' : ` seq ${passage.sequence}`}`,
      safe(netnsName(before, passage.netns)),
      safe(`${passage.family} ${passage.table} ${passage.chain}${hook === undefined ? '' : ` (${hook})`}`),
      steps.map((step) => safe(ruleStep(step, passage.chain))).join('\n'),
      passage.verdict,
    ],
  );
  const lines = tableLines(terminal, 'filter rules met', ['packet', 'in', 'chain', 'rules', 'verdict'], rows);
  const more = ruleTrace.passages.length - MOST_PASSAGES;
  return more > 0 ? [...lines, `  ${more} more: see --json`] : lines;
}

/** "rule 3 (handle 9) accept: ct state established accept", "policy drop", "DOCKER-USER rule 1 (handle 4) return: …". */
function ruleStep(step: RuleMet['steps'][number], base: string): string {
  const where = step.chain === base ? '' : `${step.chain} `;
  const did = step.target === undefined ? step.verdict : `${step.verdict} ${step.target}`;
  if (step.handle === undefined) return step.verdict === 'return' ? `${where}return` : `${where}policy ${did}`;
  const name =
    step.position === undefined ? `rule (handle ${step.handle})` : `rule ${step.position} (handle ${step.handle})`;
  return `${where}${name} ${did}${step.text ? `: ${step.text}` : ''}`;
}

/** What each step of the example took inside the kernel, also where no packet socket listens. */
function kernelHops(report: Report, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const { kernel = [], example, before } = report.diagnosis;
  const zeroNs = zeroOf(report);
  const rows = kernel
    .flatMap(({ packet, journey, hops }) => hops.map((hop) => ({ ...hop, packet, journey })))
    .sort((a, b) => Number(a.timeNs - b.timeNs))
    .slice(0, MOST_HOPS)
    .map(({ way, device, place, timeNs, sinceNs, packet, journey }) => [
      milliseconds(timeNs - zeroNs),
      `${PACKETS[packet]} (${journey})`,
      WAYS[way],
      safe(place ? placeName(before, place) : way === 'queue' ? device : `${device}, not sighted there`),
      sinceNs === undefined ? '' : (sinceNs / 1000).toFixed(1),
    ]);
  const title = `the kernel's own report${example ? ` of echo ${example.sequence}` : ''}`;
  return tableLines(
    terminal,
    title,
    ['ms', 'packet (journey)', 'was', 'at', terminal.unicode ? 'µs since the hop before' : 'us since the hop before'],
    rows,
  );
}

function safeIn(terminal: Terminal): (text: string) => string {
  return (text) => printable(text, terminal.unicode);
}

function gates(report: Report, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const rows = report.diagnosis.path.legs.flatMap((leg) =>
    leg.steps.flatMap((step) => {
      if (step.kind !== 'gate') return [];
      const { gate } = step;
      const facts = gate.facts.map((fact) => safe(fact.text + (fact.look === undefined ? '' : ` (${fact.look})`)));
      const place = safe(placeName(report.diagnosis.before, gate.place));
      return [[packetName(leg.kind), place, safe(gate.kind), gate.verdict, facts.join('\n')]];
    }),
  );
  return tableLines(terminal, 'gates', ['leg', 'at', 'gate', 'verdict', 'because'], rows);
}

function journeys(report: Report, terminal: Terminal): string[] {
  const all = allJourneys(report);
  const rows = all.slice(0, MOST_JOURNEYS).map((journey) => journeyRow(report, journey, terminal));
  const lines = tableLines(terminal, 'journeys', ['id', 'packet', 'sighted (ms)'], rows);
  return all.length > MOST_JOURNEYS ? [...lines, `  ${all.length - MOST_JOURNEYS} more: see --json`] : lines;
}

function allJourneys(report: Report): Journey[] {
  const { example: _, ...rest } = report.diagnosis;
  const every = [...exampleJourneys(report.diagnosis), ...exampleJourneys(rest)];
  return [...new Map(every.map((journey) => [journey.id, journey])).values()];
}

function journeyRow(report: Report, journey: Journey, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const zeroNs = zeroOf(report);
  const first = journey.sightings[0];
  const sightings = journey.sightings.map(({ frame }) => {
    const time = milliseconds(frame.timeNs - zeroNs);
    const direction = frame.direction === 'unknown' ? '' : ` ${frame.direction}`;
    return safe(`${placeName(report.diagnosis.before, frame.place)}${direction} ${time}`);
  });
  const text = first === undefined ? journey.kind : describePacket(first.packet);
  return [String(journey.id), safe(text), sightings.join(', ')];
}

function coverage(report: Report, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const { coverage: covered } = report.diagnosis;
  const names = new Map<string, string[]>();
  for (const { netns, name } of covered.places) {
    const there = names.get(netns);
    if (there) there.push(name);
    else names.set(netns, [name]);
  }
  const lost = new Map(covered.lost.map(({ netns, frames }) => [netns, frames]));
  const rows = [...new Set([...names.keys(), ...lost.keys()])].map((netns) => [
    safe(netnsName(report.diagnosis.before, netns)),
    safe(firstOf(names.get(netns) ?? [])),
    String(lost.get(netns) ?? 0),
  ]);
  const title = `coverage (${covered.engine}, ${covered.framesCaptured} frames)`;
  return tableLines(terminal, title, ['namespace', 'interfaces', 'lost'], rows);
}

function topology(report: Report, terminal: Terminal): string[] {
  const safe = safeIn(terminal);
  const { before } = report.diagnosis;
  const all = before.namespaces.flatMap((namespace) => namespace.links.map((link) => ({ namespace, link })));
  const rows = all
    .slice(0, MOST_LINKS)
    .map(({ namespace, link }) =>
      [
        netnsName(before, namespace.id),
        link.name,
        link.kind,
        link.flags.includes('UP') ? link.operstate : 'down',
        link.addresses.map((address) => `${address.address}/${address.prefixLength}`).join('\n'),
        relations(link, namespace, before).join('\n'),
      ].map((cell) => cell.split('\n').map(safe).join('\n')),
    );
  const title = `topology (linux ${safe(before.kernel)})`;
  const lines = tableLines(terminal, title, ['namespace', 'link', 'kind', 'state', 'addresses', 'joined to'], rows);
  return all.length > MOST_LINKS ? [...lines, `  ${all.length - MOST_LINKS} more: see --json, vdiag map`] : lines;
}

function firstOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** What it is joined to, as seen from home. */
function relations(link: Link, namespace: Namespace, whole: Topology): string[] {
  const words: string[] = [];
  const master = namespace.links.find((other) => other.index === link.master);
  if (master !== undefined)
    words.push(`port of ${master.name}${link.port === undefined ? '' : `, ${link.port.state}`}`);
  const there = whole.namespaces.find((other) => other.id === link.peer?.netns);
  const peer = there?.links.find((other) => other.index === link.peer?.index);
  if (peer !== undefined) words.push(`peer ${placeName(whole, { netns: there?.id ?? '', name: peer.name })}`);
  return words;
}

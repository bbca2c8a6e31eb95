/**
 * The report as data: `vdiag.report/1`, described by schema/vdiag.report.schema.json.
 * Strings from outside are left as they are; times are decimal strings of Unix nanoseconds, since JSON numbers end at 2^53.
 */
import type { Evidence, Finding } from '../diagnose/finding.ts';
import type { Hop } from '../diagnose/hops.ts';
import { type RuleMet, rulesMet } from '../diagnose/traced-rules.ts';
import type { Path, Step } from '../path/model.ts';
import type { StateChange } from '../topology/difference.ts';
import type { Topology } from '../topology/model.ts';
import { netnsName } from '../topology/naming.ts';
import { namespaceOf } from '../topology/query.ts';
import type { Drop } from '../trace/drop.ts';
import { meaningOf } from '../trace/drop-reason.ts';
import type { Exchange, ResolutionExchange } from '../trace/exchange.ts';
import type { Coverage, Place, ProbeResult } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import type { KernelWay } from '../trace/kernel-way.ts';
import { describePacket } from '../wire/describe.ts';
import { lossPercent } from './figures.ts';
import { hasFigures } from './hops-table.ts';
import { pathMtuJson } from './mtu-text.ts';
import type { Report } from './report.ts';

/** A document of the schema: plain data that `JSON.stringify` takes. */
export interface ReportDocument {
  readonly schema: 'vdiag.report/1';
  readonly [field: string]: unknown;
}

export function reportJson(report: Report): ReportDocument {
  const { diagnosis, probes, target } = report;
  return {
    schema: 'vdiag.report/1',
    version: report.version,
    command: report.command,
    target: {
      interface: target.interface,
      address: target.address,
      netns: target.netns,
      ...(target.container === undefined ? {} : { container: target.container }),
      ...(target.addressOf === undefined ? {} : { addressOf: target.addressOf }),
    },
    outcome: diagnosis.outcome,
    probes: {
      sent: probes.sent,
      received: probes.received,
      duplicates: probes.duplicates,
      lossPercent: Number(lossPercent(probes).toFixed(4)),
      sizeBytes: probes.sizeBytes,
      ...(probes.rttMs === undefined
        ? {}
        : { rttMs: { min: probes.rttMs.min, avg: probes.rttMs.avg, max: probes.rttMs.max } }),
    },
    ...(report.pathMtu === undefined ? {} : { mtu: pathMtuJson(report.pathMtu) }),
    findings: diagnosis.findings.map((finding) => locatedJson(finding, diagnosis.before)),
    ...(diagnosis.vanished === undefined ? {} : { vanished: vanishedJson(diagnosis.vanished) }),
    path: pathJson(diagnosis.path),
    ...(hasFigures(report) ? { hops: (diagnosis.hops ?? []).map(hopJson) } : {}),
    ...(diagnosis.changes === undefined ? {} : { changes: diagnosis.changes.map(changeJson) }),
    exchanges: diagnosis.exchanges.map((exchange) =>
      exchangeJson(exchange, exchange === diagnosis.example ? diagnosis.kernel : undefined),
    ),
    coverage: coverageJson(diagnosis.coverage),
    ...(diagnosis.drops === undefined ? {} : { drops: diagnosis.drops.map(dropJson) }),
    ...(diagnosis.ruleTrace === undefined
      ? {}
      : { ruleTrace: rulesMet(diagnosis.ruleTrace, diagnosis.before).map(ruleMetJson) }),
    // Plain data already, with a schema of its own.
    topology: diagnosis.before,
  };
}

function placeJson(place: Place): { netns: string; interface: string } {
  return { netns: place.netns, interface: place.name };
}

/** With the container that lives where it is, where one is known. */
function locatedJson(finding: Finding, topology: Topology): object {
  const { netns } = finding.where;
  const known = netns !== topology.home && namespaceOf(topology, netns)?.containers !== undefined;
  const where = { ...placeJson(finding.where), ...(known ? { container: netnsName(topology, netns) } : {}) };
  return { ...findingJson(finding), where };
}

export function findingJson(finding: Finding): object {
  return {
    rule: finding.rule,
    severity: finding.severity,
    confidence: finding.confidence,
    title: finding.title,
    summary: finding.summary,
    where: placeJson(finding.where),
    evidence: finding.evidence.map(evidenceJson),
    remedy: finding.remedies.map(({ why, commands, verify }) => ({ why, commands: [...commands], verify })),
    ...(finding.blocks === undefined ? {} : { blocks: finding.blocks }),
  };
}

function evidenceJson({ kind, text, place, timeNs, journey, look }: Evidence): object {
  return {
    kind,
    text,
    ...(place === undefined ? {} : { place: placeJson(place) }),
    ...(timeNs === undefined ? {} : { timeNs: String(timeNs) }),
    ...(journey === undefined ? {} : { journey }),
    ...(look === undefined ? {} : { look }),
  };
}

function vanishedJson({ last, missing, leg }: { last?: Place; missing?: Place; leg: number }): object {
  return {
    ...(last === undefined ? {} : { last: placeJson(last) }),
    ...(missing === undefined ? {} : { missing: placeJson(missing) }),
    leg,
  };
}

function pathJson(path: Path): object {
  return {
    end: path.end,
    legs: path.legs.map(({ kind, source, destination, steps }) => ({
      kind,
      source,
      destination,
      steps: steps.map(stepJson),
    })),
  };
}

/** What a gate knows beyond its facts belongs to the rules and is not published. */
function stepJson(step: Step): object {
  switch (step.kind) {
    case 'place':
      return { kind: step.kind, place: placeJson(step.place), direction: step.direction };
    case 'socket':
      return { kind: step.kind, place: placeJson(step.place) };
    case 'gate': {
      const { kind: gate, place, verdict, facts } = step.gate;
      const shown = facts.map(({ text, look }) => (look === undefined ? { text } : { text, look }));
      return { kind: step.kind, gate, place: placeJson(place), verdict, facts: shown };
    }
    default:
      return step satisfies never;
  }
}

function exchangeJson(exchange: Exchange, kernel: readonly KernelWay[] | undefined): object {
  if (exchange.kind !== 'echo') return resolutionJson(exchange);
  const { kind, sequence, source, destination, request, probe } = exchange;
  return {
    kind,
    sequence,
    source,
    destination,
    ...(request === undefined ? {} : { request: journeyJson(request) }),
    ...(exchange.copies === undefined ? {} : { copies: exchange.copies.map(journeyJson) }),
    replies: exchange.replies.map(journeyJson),
    errors: exchange.errors.map(journeyJson),
    resolutions: exchange.resolutions.map(resolutionJson),
    ...(probe === undefined ? {} : { probe: probeJson(probe) }),
    ...(kernel === undefined ? {} : { kernel: kernel.map(wayJson) }),
  };
}

function hopJson({ packet, place, direction, sent, sighted, latencyMs }: Hop): object {
  return {
    packet,
    place: placeJson(place),
    direction,
    sent,
    sighted,
    ...(latencyMs === undefined ? {} : { latencyMs: { ...latencyMs } }),
  };
}

function changeJson({ kind, netns, name, what, was, is, text }: StateChange): object {
  return {
    kind,
    netns,
    ...(name === undefined ? {} : { interface: name }),
    ...(what === undefined ? {} : { what }),
    ...(was === undefined ? {} : { was }),
    ...(is === undefined ? {} : { is }),
    text,
  };
}

function wayJson({ journey, packet, hops }: KernelWay): object {
  return {
    journey,
    packet,
    hops: hops.map(({ way, device, timeNs, sinceNs, place }) => ({
      way,
      device,
      timeNs: String(timeNs),
      ...(sinceNs === undefined ? {} : { sinceNs }),
      ...(place === undefined ? {} : { place: placeJson(place) }),
    })),
  };
}

function resolutionJson({ kind, senderProtocol, targetProtocol, request, replies }: ResolutionExchange): object {
  return { kind, senderProtocol, targetProtocol, request: journeyJson(request), replies: replies.map(journeyJson) };
}

function journeyJson(journey: Journey): object {
  return {
    id: journey.id,
    kind: journey.kind,
    ...(journey.sequence === undefined ? {} : { sequence: journey.sequence }),
    sightings: journey.sightings.map((sighting) => ({
      ...placeJson(sighting.frame.place),
      direction: sighting.frame.direction,
      timeNs: String(sighting.frame.timeNs),
      packetType: sighting.frame.packetType,
      text: describePacket(sighting.outer ?? sighting.packet),
    })),
    ...(journey.fragments.length === 0 ? {} : { fragments: journey.fragments.length }),
  };
}

function probeJson({ sequence, sentNs, error, replies }: ProbeResult): object {
  return {
    sequence,
    sentNs: String(sentNs),
    ...(error === undefined ? {} : { error: errorJson(error) }),
    replies: replies.map(({ timeNs, source, ttl, lengthBytes }) => ({
      timeNs: String(timeNs),
      source,
      ttl,
      lengthBytes,
    })),
  };
}

function errorJson({ errno, at, icmp }: NonNullable<ProbeResult['error']>): object {
  return { errno, at, ...(icmp === undefined ? {} : { icmp: { ...icmp } }) };
}

function dropJson(drop: Drop): object {
  const { timeNs, reason, function: where, packet, journey, sequence, after, place, target, sure } = drop;
  const meaning = meaningOf(reason, where);
  return {
    timeNs: String(timeNs),
    reason,
    function: where,
    ...(meaning === undefined ? {} : { meaning }),
    packet,
    ...(journey === undefined ? {} : { journey }),
    ...(sequence === undefined ? {} : { sequence }),
    place: placeJson(place),
    ...(after === undefined ? {} : { after: { ...placeJson(after.frame.place), direction: after.frame.direction } }),
    ...(target === undefined ? {} : { target }),
    sure,
  };
}

function ruleMetJson({ passage, hook, steps }: RuleMet): object {
  const { netns, family, table, chain, packet, sequence, input, output, verdict } = passage;
  return {
    netns,
    family,
    table,
    chain,
    ...(hook === undefined ? {} : { hook }),
    packet,
    ...(sequence === undefined ? {} : { sequence }),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    steps: steps.map((step) => ({ ...step })),
    verdict,
  };
}

function coverageJson(coverage: Coverage): object {
  return {
    engine: coverage.engine,
    places: coverage.places.map(placeJson),
    fromNs: String(coverage.fromNs),
    untilNs: String(coverage.untilNs),
    framesCaptured: coverage.framesCaptured,
    framesLost: coverage.lost.reduce((sum, { frames }) => sum + frames, 0),
    lost: coverage.lost.map(({ netns, frames }) => ({ netns, frames })),
    gaps: [...coverage.gaps],
  };
}

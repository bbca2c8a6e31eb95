/** Failures of a capture, judged by the recorded state of the machine: the diagnosis of a live run, for each pair that failed. */
import { byWeight, type CaptureFinding } from '../diagnose/analysis.ts';
import { diagnose } from '../diagnose/engine.ts';
import type { Case } from '../diagnose/sighted/case.ts';
import { trailOf } from '../diagnose/sighted/claim.ts';
import { sightedFindings } from '../diagnose/sighted/engine.ts';
import type { EchoQuery } from '../path/expect.ts';
import type { SurveySummary } from '../survey/summary.ts';
import type { Topology } from '../topology/model.ts';
import { ownersOf } from '../topology/query.ts';
import { type Coverage, type Place, placeKey } from '../trace/frame.ts';

export interface State {
  readonly before: Topology;
  readonly after?: Topology;
}

const ICMP_HEADER = 8;
/** What is said where nothing known explains an absence. */
const UNEXPLAINED: readonly string[] = ['request-lost', 'reply-lost', 'not-captured', 'loss-partial'];

/**
 * @param told pairs that a recorded run is about: its own diagnosis speaks of them
 * @param diagnosed the rules that this diagnosis names
 */
export function modelledFindings(
  { before, after }: State,
  summary: SurveySummary,
  cases: readonly Case[],
  coverage: Coverage,
  told: ReadonlySet<string>,
  diagnosed: readonly string[] = [],
): CaptureFinding[] {
  const judged: CaptureFinding[] = [];
  const left: Case[] = [];
  const settled = new Set(told);
  for (const failed of cases) {
    if (settled.has(pairKey(failed.pair))) continue;
    const start = startOf(before, failed);
    if (start === undefined || failed.pair.kind === 'neighbour') {
      left.push(failed);
      continue;
    }
    const { source, target } = failed.pair;
    const { findings, outcome } = diagnose({
      query: { start, source, destination: target, ...sizeOf(failed) },
      before,
      ...(after === undefined ? {} : { after }),
      exchanges: failed.group === undefined ? unheard(failed) : failed.exchanges,
      coverage,
    });
    // All was answered, and an echo that nobody sent is missed by nobody: only a cause says something.
    const causes = findings.filter(
      ({ severity, rule }) => severity !== 'note' && !(failed.group === undefined && UNEXPLAINED.includes(rule)),
    );
    const explains = failed.pair.requests - failed.pair.answered || failed.pair.requests;
    if (causes.length === 0) {
      if (outcome === 'healthy' || failed.group === undefined) settled.add(pairKey(failed.pair));
      else left.push(failed);
      continue;
    }
    settled.add(pairKey(failed.pair));
    judged.push(
      ...causes.map((finding) => ({
        ...finding,
        // Of a reply that was sighted the model alone says that it went no further.
        ...(failed.group === undefined && failed.pair.kind === 'echo' ? { confidence: 'likely' as const } : {}),
        explains: finding.blocks === 'next' ? 0 : Math.max(explains, 1),
        pair: { source, target },
        ...(failed.group === undefined ? {} : { example: failed.group.example }),
        candidates: [],
        ...(finding.blocks === 'next' ? {} : { trail: trailOf(failed) }),
      })),
    );
  }
  const named = new Set([...diagnosed, ...judged.map(({ rule }) => rule)]);
  // What the model names need not be inferred from the traffic once more.
  const sighted = sightedFindings(summary, left, settled).filter(
    ({ rule, pair }) => pair !== undefined || !named.has(rule),
  );
  return mergedFindings([...judged, ...sighted]);
}

/** As if the socket had got nothing: what the model lets pass behind the last sighting has arrived all the same. */
function unheard({ exchanges, pair }: Case): Case['exchanges'] {
  if (pair.kind !== 'echo') return exchanges;
  return exchanges.map((exchange) =>
    exchange.kind === 'echo' && exchange.probe ? { ...exchange, probe: { ...exchange.probe, replies: [] } } : exchange,
  );
}

function pairKey({ source, target }: { readonly source: string; readonly target: string }): string {
  return `${source} ${target}`;
}

/** What the example was sent with, where that decides whether it passes. */
function sizeOf({ example }: Case): Pick<EchoQuery, 'ttl' | 'sizeBytes' | 'dontFragment'> {
  const packet = example?.request?.sightings[0]?.packet;
  const { ip, icmp } = packet ?? {};
  if (ip?.version !== 4 || icmp === undefined) return {};
  const carried = ip.totalLength - ip.headerLength;
  // A length of 0 is left to segmentation offload.
  if (carried < ICMP_HEADER || ip.fragmentOffset > 0) return { ttl: ip.ttl };
  // A first fragment is followed by others, the largest of them as long as it.
  const sizeBytes = (ip.moreFragments ? 2 * carried : carried) - ICMP_HEADER;
  return { ttl: ip.ttl, sizeBytes, dontFragment: ip.dontFragment ? 'want' : 'dont' };
}

/** The interface the source speaks from: where its request was sighted first, if that holds the address, or the only one that does. */
function startOf(topology: Topology, { pair, example }: Case): Place | undefined {
  const owners = ownersOf(topology, pair.source).map(({ namespace, link }) => ({
    netns: namespace.id,
    name: link.name,
  }));
  const begins = example?.request?.sightings[0]?.frame.place ?? pair.begins;
  const there = begins && owners.find((owner) => placeKey(owner) === placeKey(begins));
  const near = begins && owners.find((owner) => owner.netns === begins.netns);
  return there ?? near ?? (owners.length === 1 ? owners[0] : undefined);
}

/** One cause of several pairs is one finding. */
function mergedFindings(findings: readonly CaptureFinding[]): CaptureFinding[] {
  const merged = new Map<string, CaptureFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.rule, finding.where, finding.blocks, finding.remedies]);
    const known = merged.get(key);
    merged.set(key, known ? { ...known, explains: known.explains + finding.explains } : finding);
  }
  // What would come next stays behind its cause: sorting is stable.
  return [...merged.values()].sort(byWeight);
}

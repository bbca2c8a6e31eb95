/** What comes of an observation: the diagnosis, the report, and the recording to diagnose again. */
import type { RecordedQuery, Recording } from '../capfile/recording.ts';
import { diagnose } from '../diagnose/engine.ts';
import type { Diagnosis } from '../diagnose/finding.ts';
import { guarded } from '../diagnose/own-rules.ts';
import { RULES } from '../diagnose/registry.ts';
import type { Report } from '../report/report.ts';
import { type DropContext, joinDrops, possibleDrops } from '../trace/drop.ts';
import type { Exchange } from '../trace/exchange.ts';
import type { ProbeResult } from '../trace/frame.ts';
import type { KernelDrop } from '../trace/kernel-life.ts';
import { livesOf } from '../trace/kernel-way.ts';
import { version } from '../version.ts';
import type { Observation } from './ping-observation.ts';
import { type PingPlan, unspecified } from './ping-plan.ts';
import type { PingTraceRun } from './ping-trace.ts';
import { targetOf } from './start.ts';

/** Drops of this run's packets that are looked at: a thousand probes may be dropped twice. */
const MOST_DROPS = 2000;

export function judgePing(plan: PingPlan, observed: Observation): PingTraceRun {
  const { options, start, before } = plan;
  const { probes, coverage, after, ruleTrace, kernel } = observed;
  const query = queryOf(plan, observed);
  const exchanges = observed.ledger.exchanges(observed.source, options.address, probes);
  const dropContext = { exchanges, probes, start: query.start, places: coverage.places };
  const witnessed = kernel?.drops((drops) => possibleDrops(drops, dropContext)).slice(0, MOST_DROPS);
  const problems: string[] = [];
  const own = (options.rules ?? []).map((rule) =>
    guarded(rule, (problem) => problems.push(`rule ${problem.rule} of your own failed: ${problem.text}`)),
  );
  const diagnosis = diagnose({
    query,
    before,
    after,
    exchanges,
    coverage,
    rules: [...own, ...RULES],
    ...(witnessed && { drops: joinDrops(witnessed, dropContext) }),
    ...(kernel && { lives: kernel.lives }),
    ...(ruleTrace === undefined ? {} : { ruleTrace }),
  });
  for (const problem of problems) options.onNote?.(problem);
  const report: Report = {
    version: version(),
    command: 'ping-trace',
    target: targetOf(before, { interface: options.interface, address: options.address, netns: start.id }),
    probes: { ...summariseProbes(probes), sizeBytes: observed.sizeBytes },
    diagnosis,
  };
  const recording: Recording = {
    schema: 'vdiag.recording/1',
    query,
    token: Buffer.from(observed.token).toString('hex'),
    identifier: observed.identifier,
    before,
    after,
    probes,
    coverage,
    ...kernelsPart(observed, witnessed, diagnosis, dropContext),
    ...(ruleTrace === undefined ? {} : { ruleTrace }),
  };
  return { report, recording, frames: observed.ledger.frames() };
}

function queryOf({ options, start }: PingPlan, { source }: Observation): RecordedQuery {
  return {
    start: { netns: start.id, name: options.interface },
    destination: options.address,
    // That of lo stands for none: the kernel takes it where there is no other.
    ...(source === unspecified(options.address) || source === '::1' ? {} : { source }),
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    ...(options.sizeBytes === undefined ? {} : { sizeBytes: options.sizeBytes }),
    ...(options.dontFragment === undefined ? {} : { dontFragment: options.dontFragment }),
    ...(process.geteuid?.() === 0 ? {} : { owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 } }),
  };
}

/** What the kernel said of this run's packets. */
function kernelsPart(
  { kernel }: Observation,
  drops: readonly KernelDrop[] | undefined,
  { example }: Diagnosis,
  { exchanges, places }: DropContext & { readonly exchanges: readonly Exchange[] },
): Pick<Recording, 'drops' | 'dropsLeftOut' | 'lives'> {
  if (!kernel || !drops) return {};
  const lives = example && livesOf(kernel.lives, { example, exchanges, places });
  return { drops, dropsLeftOut: kernel.seen - drops.length, ...(lives && { lives }) };
}

/** What the probes themselves saw. */
export function summariseProbes(probes: readonly ProbeResult[]): Omit<Report['probes'], 'sizeBytes'> {
  const answered = probes.filter(({ replies }) => replies.length > 0);
  const rtts = answered.flatMap(({ sentNs, replies }) =>
    replies[0] ? [Number(replies[0].timeNs - sentNs) / 1e6] : [],
  );
  const rttMs =
    rtts.length === 0
      ? undefined
      : { min: Math.min(...rtts), avg: rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length, max: Math.max(...rtts) };
  return {
    sent: probes.length,
    received: answered.length,
    duplicates: probes.reduce((sum, { replies }) => sum + Math.max(0, replies.length - 1), 0),
    ...(rttMs === undefined ? {} : { rttMs }),
  };
}

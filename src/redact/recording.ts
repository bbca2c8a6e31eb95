/** A recorded run with everything replaced that says whose it is. */
import type { Recording } from '../capfile/recording.ts';
import type { Coverage, ProbeResult } from '../trace/frame.ts';
import type { KernelDrop, KernelHop, KernelLife } from '../trace/kernel-life.ts';
import type { RulePassage } from '../trace/rule-trace.ts';
import type { Redactor } from './redactor.ts';

export function replaceRecording(recording: Recording, redactor: Redactor): Recording {
  const { query, after, drops, lives, ruleTrace } = recording;
  return {
    ...recording,
    query: {
      ...query,
      start: redactor.place(query.start),
      destination: redactor.address(query.destination),
      ...(query.source === undefined ? {} : { source: redactor.address(query.source) }),
    },
    before: redactor.topology(recording.before),
    ...(after === undefined ? {} : { after: redactor.topology(after) }),
    probes: recording.probes.map((probe) => replaceProbe(probe, redactor)),
    coverage: replaceCoverage(recording.coverage, redactor),
    ...(drops === undefined ? {} : { drops: drops.map((drop) => replaceDrop(drop, redactor)) }),
    ...(lives === undefined ? {} : { lives: lives.map((life) => replaceLife(life, redactor)) }),
    ...(ruleTrace === undefined
      ? {}
      : {
          ruleTrace: {
            passages: ruleTrace.passages.map((passage) => replacePassage(passage, redactor)),
            lost: ruleTrace.lost.map(redactor.netns),
          },
        }),
  };
}

export function replaceCoverage(coverage: Coverage, redactor: Redactor): Coverage {
  return {
    ...coverage,
    places: coverage.places.map(redactor.place),
    lost: coverage.lost.map((lost) => ({ ...lost, netns: redactor.netns(lost.netns) })),
    ...(coverage.unfinishedChecksums === undefined
      ? {}
      : {
          unfinishedChecksums: coverage.unfinishedChecksums.map(({ place, frames }) => ({
            place: redactor.place(place),
            frames,
          })),
        }),
    gaps: coverage.gaps.map(redactor.text),
  };
}

function replaceProbe(probe: ProbeResult, redactor: Redactor): ProbeResult {
  const { error } = probe;
  return {
    ...probe,
    ...(error?.icmp === undefined
      ? {}
      : { error: { ...error, icmp: { ...error.icmp, from: redactor.address(error.icmp.from) } } }),
    replies: probe.replies.map((reply) => ({ ...reply, source: redactor.address(reply.source) })),
  };
}

function replaceDrop(drop: KernelDrop, redactor: Redactor): KernelDrop {
  const hops = (list: readonly KernelHop[]): KernelHop[] => list.map((hop) => replaceHop(hop, redactor));
  return {
    ...drop,
    hops: hops(drop.hops),
    rivals: drop.rivals.map(hops),
    ...(drop.parent === undefined ? {} : { parent: hops(drop.parent) }),
    ...(drop.resolving === undefined ? {} : { resolving: redactor.address(drop.resolving) }),
  };
}

function replaceLife(life: KernelLife, redactor: Redactor): KernelLife {
  return { ...life, hops: life.hops.map((hop) => replaceHop(hop, redactor)) };
}

function replaceHop(hop: KernelHop, { names }: Redactor): KernelHop {
  return { ...hop, device: names.interface(hop.device) };
}

function replacePassage(passage: RulePassage, { names, netns }: Redactor): RulePassage {
  return {
    ...passage,
    netns: netns(passage.netns),
    table: names.named(passage.table, 'table'),
    chain: names.named(passage.chain, 'chain'),
    ...(passage.input === undefined ? {} : { input: names.interface(passage.input) }),
    ...(passage.output === undefined ? {} : { output: names.interface(passage.output) }),
    steps: passage.steps.map((step) => ({
      ...step,
      chain: names.named(step.chain, 'chain'),
      ...(step.target === undefined ? {} : { target: names.named(step.target, 'chain') }),
    })),
  };
}

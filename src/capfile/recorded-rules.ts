/** The packet filter rules that a recorded run's probes met, read back. */
import type { RulePassage, RuleStep, RuleTraceRecord } from '../trace/rule-trace.ts';
import type { JsonValue } from './json-value.ts';

/** @throws VdiagError unreadable, with the field that is wrong */
export function readRuleTrace(record: JsonValue): RuleTraceRecord {
  return {
    passages: record.field('passages').items().map(readPassage),
    lost: record
      .field('lost')
      .items()
      .map((netns) => netns.text()),
  };
}

function readPassage(passage: JsonValue): RulePassage {
  return {
    netns: passage.field('netns').text(),
    family: passage.field('family').word('ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'),
    table: passage.field('table').text(),
    chain: passage.field('chain').text(),
    packet: passage.field('packet').word('echo-request', 'echo-reply', 'icmp-error'),
    ...passage.optional('sequence', (sequence) => sequence.count()),
    ...passage.optional('input', (name) => name.text()),
    ...passage.optional('output', (name) => name.text()),
    steps: passage.field('steps').items().map(readStep),
    verdict: passage.field('verdict').word('accept', 'drop', 'queue', 'unknown'),
  };
}

function readStep(step: JsonValue): RuleStep {
  return {
    chain: step.field('chain').text(),
    ...step.optional('handle', (handle) => handle.count()),
    verdict: step
      .field('verdict')
      .word('accept', 'drop', 'queue', 'stolen', 'repeat', 'continue', 'jump', 'goto', 'return'),
    ...step.optional('target', (target) => target.text()),
  };
}

/** What the kernel tells of rules, against what the model makes of them: on a recorded run, with traces as the kernel could have sent them. */
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose/engine.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { rulesMet } from '../../src/diagnose/traced-rules.ts';
import { chainsOf } from '../../src/path/ruleset.ts';
import { namespaceOf } from '../../src/topology/query.ts';
import type { RulePassage, RuleTraceRecord } from '../../src/trace/rule-trace.ts';
import { inputOf, recorded } from './recordings.ts';

// The policy of FORWARD drops what a bridge passes from port to port.
const RULE = 'bridge-netfilter-drop';
const input = inputOf(recorded(RULE));
const { before } = input;
const plain = diagnose(input);
const gate = plain.path.legs
  .flatMap(({ steps }) => steps)
  .flatMap((step) => (step.kind === 'gate' && step.gate.kind === 'bridge-filter' ? [step.gate] : []))
  .find(({ stopper }) => stopper !== undefined);
if (!gate?.stopper) throw new Error(`the capture of ${RULE} has no gate that stops`);
const { netns } = gate.place;
const { family, table, base } = gate.stopper;
const bridge = gate.bridge.name;

const passage = (verdict: 'accept' | 'drop', more: Partial<RulePassage> = {}): RulePassage => ({
  netns,
  family: family as 'ip',
  table,
  chain: base,
  packet: 'echo-request',
  sequence: plain.example?.sequence ?? 1,
  input: bridge,
  output: bridge,
  steps: [{ chain: base, verdict }],
  verdict,
  ...more,
});

function traced(
  passages: readonly RulePassage[],
  more: Partial<RuleTraceRecord> & Partial<typeof input> = {},
): Diagnosis {
  const { lost = [], ...rest } = more;
  return diagnose({ ...input, ...rest, ruleTrace: { passages, lost } });
}

const rules = ({ findings }: Diagnosis) => findings.map(({ rule }) => rule);
const verdictOf = ({ path }: Diagnosis) =>
  path.legs
    .flatMap(({ steps }) => steps)
    .flatMap((step) =>
      step.kind === 'gate' && step.gate.kind === 'bridge-filter' && step.gate.hook === 'forward'
        ? [step.gate.verdict]
        : [],
    )[0];

describe('a trace of filter rules in the diagnosis', () => {
  it('names the policy that dropped it, proven, with the kernel as witness', () => {
    const diagnosis = traced([passage('drop')]);
    const [finding] = diagnosis.findings;
    expect(finding).toMatchObject({ rule: RULE, confidence: 'proven' });
    const said = finding?.evidence.filter(({ kind }) => kind === 'rule') ?? [];
    expect(said).toHaveLength(1);
    expect(said[0]?.text).toBe(`the kernel tells that the policy of chain ip filter FORWARD drops it`);
    expect(said[0]?.look).toContain('FORWARD');
    expect(plain.findings[0]?.evidence.some(({ kind }) => kind === 'rule')).toBe(false);
  });

  it('names the rule, with its place, its handle and its words', () => {
    const chain = chainsOf(namespaceOf(before, netns)?.filters ?? {}).find(
      (one) => !one.legacy && one.table === table && one.name === base,
    );
    const index = chain?.rules.findIndex(({ handle }) => handle !== undefined) ?? -1;
    const handle = chain?.rules[index]?.handle ?? 0;
    const [finding] = traced([passage('drop', { steps: [{ chain: base, handle, verdict: 'drop' }] })]).findings;
    expect(finding?.title).toContain(`rule ${index + 1} (handle ${handle}) of chain ip filter FORWARD`);
    expect(finding?.evidence.find(({ kind }) => kind === 'rule')?.text).toContain('-A FORWARD');
  });

  it('outranks the model where the rules let it pass: then they are no cause', () => {
    expect(verdictOf(plain)).toBe('stop');
    const diagnosis = traced([passage('accept')]);
    expect(verdictOf(diagnosis)).toBe('pass');
    expect(rules(diagnosis)).toContain('request-lost');
    expect(rules(diagnosis)).not.toContain(RULE);
  });

  it.each([
    ['another probe', passage('accept', { sequence: 99 })],
    ['the reply', passage('accept', { packet: 'echo-reply' })],
    ['another namespace', passage('accept', { netns: 'elsewhere' })],
    ['another chain', passage('accept', { chain: 'INPUT' })],
    ['another interface', passage('accept', { output: 'eth9' })],
    ['a program that decides', passage('accept', { verdict: 'queue' })],
    ['an end that was not told', passage('accept', { verdict: 'unknown' })],
  ])('says nothing of this packet here when it is about %s', (_, other) => {
    expect(verdictOf(traced([other]))).toBe('stop');
    expect(rules(traced([other]))).toEqual(rules(plain));
  });

  it('proves no passage where something of it was lost, or where a legacy table tells nothing', () => {
    expect(verdictOf(traced([passage('accept')], { lost: [netns] }))).toBe('stop');
    const namespaces = before.namespaces.map((namespace) =>
      namespace.id === netns
        ? {
            ...namespace,
            filters: { ...namespace.filters, iptablesLegacy: '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n' },
          }
        : namespace,
    );
    const { after: _, ...live } = input;
    const record = { passages: [passage('accept')], lost: [] };
    expect(verdictOf(diagnose({ ...live, before: { ...before, namespaces }, ruleTrace: record }))).toBe('stop');
    expect(verdictOf(diagnose({ ...live, ruleTrace: record }))).toBe('pass');
  });

  it('believes a drop even where something was lost', () => {
    expect(traced([passage('drop')], { lost: [netns] }).findings[0]?.confidence).toBe('proven');
  });

  it('puts rules that dropped it at no gate of the path beside a loss that is not explained', () => {
    const elsewhere = passage('drop', {
      chain: 'OTHER',
      steps: [{ chain: 'OTHER', verdict: 'drop' }],
      input: 'ghost0',
    });
    const [finding] = traced([passage('accept'), elsewhere]).findings;
    expect(finding?.rule).toBe('request-lost');
    expect(finding?.evidence.find(({ kind }) => kind === 'rule')?.text).toMatch(
      /^the kernel tells that a rule of chain ip filter OTHER dropped the echo request at ghost0@/,
    );
  });

  it('gives the words of every rule that was met, and none for one that is not known', () => {
    const [met] = rulesMet(
      {
        passages: [
          passage('drop', {
            steps: [
              { chain: base, handle: 99999, verdict: 'continue' },
              { chain: base, verdict: 'drop' },
            ],
          }),
        ],
        lost: [],
      },
      before,
    );
    expect(met?.hook).toBe('forward');
    expect(met?.steps).toEqual([
      { chain: base, handle: 99999, verdict: 'continue' },
      { chain: base, verdict: 'drop' },
    ]);
  });
});

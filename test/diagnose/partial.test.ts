/** Probes with different fates: the recording of loss-partial, diagnosed as if the state had been another one before, or after. */
import { describe, expect, it } from 'vitest';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import type { Link, Topology } from '../../src/topology/model.ts';
import { inputOf, recorded } from './recordings.ts';

const input = inputOf(recorded('loss-partial'));
const PORT = 'k6';
/** The first one that is lost in the recording. */
const FIRST_LOST = 16;

type Edit = (link: Link) => Link;
const asItIs: Edit = (link) => link;
const listening: Edit = (link) => (link.port ? { ...link, port: { ...link.port, state: 'listening' } } : link);
const down: Edit = (link) => ({
  ...link,
  flags: link.flags.filter((flag) => flag !== 'UP' && flag !== 'LOWER_UP'),
  operstate: 'down',
});

/** The port that loses the requests, as it was before and after. */
function edited(before: Edit, after: Edit): DiagnosisInput {
  const change = (topology: Topology, edit: Edit): Topology => ({
    ...topology,
    namespaces: topology.namespaces.map((namespace) => ({
      ...namespace,
      links: namespace.links.map((link) => (link.name === PORT ? edit(link) : link)),
    })),
  });
  return {
    ...input,
    before: change(input.before, before),
    ...(input.after ? { after: change(input.after, after) } : {}),
  };
}

/** Only these probes, in their order. */
function only(given: DiagnosisInput, wanted: (sequence: number, answered: boolean) => boolean): DiagnosisInput {
  const exchanges = given.exchanges.filter(
    (exchange) => exchange.kind !== 'echo' || wanted(exchange.sequence, (exchange.probe?.replies.length ?? 0) > 0),
  );
  return { ...given, exchanges };
}

const root = ({ findings }: Diagnosis) => findings[0];

describe('a loss of some', () => {
  it('is loss-partial, between two places that were listened to', () => {
    const { outcome, findings, hops } = diagnose(input);
    expect(outcome).toBe('fault');
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ rule: 'loss-partial', severity: 'fault', confidence: 'proven', blocks: 'now' });
    expect(findings[0]?.title).toMatch(/^5 of 30 probes lost: requests end between k5@oak and k6@oak$/);
    expect(findings[0]?.evidence.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        '30 of 30 echo requests were sighted in by k5@oak',
        '25 of 30 echo requests were sighted out of k6@oak',
      ]),
    );
    expect(hops?.map(({ sighted }) => sighted)).toEqual([30, 30, 25, 25, 25, 25, 25, 25, 25]);
  });

  it('is likely where nobody listened behind the last place', () => {
    const places = input.coverage.places.filter(({ name, netns }) => name !== PORT && netns !== 'elm');
    const found = root(diagnose({ ...input, coverage: { ...input.coverage, places } }));
    expect(found).toMatchObject({ rule: 'loss-partial' });
    expect(found?.title).not.toContain(PORT);
  });

  it('is none where all were answered, or the others may still be', () => {
    const whole = diagnose(only(input, (_, answered) => answered));
    expect(whole).toMatchObject({ outcome: 'healthy', findings: [] });
    expect(whole.vanished).toBeUndefined();
    const last = only(input, (sequence) => sequence <= FIRST_LOST);
    const probe = last.exchanges.find((exchange) => exchange.kind === 'echo' && exchange.sequence === FIRST_LOST);
    const sentNs = probe?.kind === 'echo' ? (probe.probe?.sentNs ?? 0n) : 0n;
    const soon = { ...last, coverage: { ...last.coverage, untilNs: sentNs + 20_000_000n } };
    expect(diagnose(soon)).toMatchObject({ outcome: 'healthy', findings: [] });
    expect(root(diagnose(last))?.rule).toBe('loss-partial');
  });

  it('is request-lost where none was answered', () => {
    expect(root(diagnose(only(input, (_, answered) => !answered)))?.rule).toBe('request-lost');
  });

  it('is not explained by a state that answered probes have passed', () => {
    expect(root(diagnose(edited(listening, listening)))?.rule).toBe('loss-partial');
    expect(root(diagnose(edited(down, down)))?.rule).toBe('loss-partial');
  });
});

describe('a state that changed meanwhile', () => {
  it('explains it where it stopped the packet before: it has healed', () => {
    const { outcome, findings, changes } = diagnose(edited(listening, asItIs));
    expect(outcome).toBe('fault');
    expect(findings[0]).toMatchObject({ rule: 'bridge-port-not-forwarding', confidence: 'proven' });
    expect(findings[0]?.title).toMatch(/: 5 of 30 probes lost$/);
    expect(changes).toEqual([
      expect.objectContaining({ kind: 'port-state', name: PORT, was: 'listening', is: 'forwarding' }),
    ]);
  });

  it('explains it where it stops the packet afterwards: it has begun', () => {
    const begun = only(edited(asItIs, down), (sequence, answered) => answered === sequence < FIRST_LOST);
    const { findings, changes } = diagnose(begun);
    expect(findings[0]).toMatchObject({ rule: 'link-down', where: { name: PORT } });
    expect(findings[0]?.summary).toContain('the last ones');
    expect(findings[0]?.evidence.map(({ text }) => text)).toContain(`during the trace ${PORT}@oak: it was up, is down`);
    expect(findings[0]?.remedies[0]?.commands).toEqual([`ip -n oak link set ${PORT} up`]);
    expect(changes?.map(({ kind }) => kind)).toContain('link-state');
  });

  it('explains the loss of all, too', () => {
    const all = only(edited(asItIs, down), (_, answered) => !answered);
    expect(root(diagnose(all))?.rule).toBe('link-down');
  });

  it('is no cause where a device is gone: what follows from that is not guessed', () => {
    const { after, ...rest } = only(edited(asItIs, down), (sequence, answered) => answered === sequence < FIRST_LOST);
    const without = after && {
      ...after,
      namespaces: after.namespaces.map((one) => ({ ...one, links: one.links.filter(({ name }) => name !== PORT) })),
    };
    const { findings, changes } = diagnose({ ...rest, ...(without ? { after: without } : {}) });
    expect(findings[0]?.rule).toBe('loss-partial');
    expect(changes?.map(({ text }) => text)).toContain(`${PORT}@oak is gone`);
  });

  it('is told and blamed for nothing where all were answered', () => {
    const whole = only(
      edited(asItIs, (link) => ({ ...link, mtu: 1400 })),
      (_, answered) => answered,
    );
    const { outcome, findings, changes } = diagnose(whole);
    expect([outcome, findings]).toEqual(['healthy', []]);
    expect(changes?.map(({ text }) => text)).toEqual([`${PORT}@oak: its mtu was 1500, is 1400`]);
  });
});

/** A full neighbour table, on a built capture and topology: the limit is the whole machine's, so no lab may fill it. */
import { describe, expect, it } from 'vitest';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { predict } from '../../src/diagnose/predict.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';
import { joinDrops } from '../../src/trace/drop.ts';
import { inputOf, recorded } from './recordings.ts';

const RULE = 'neighbor-table-full';
const LIMIT = 'ipv4.neigh.default.gc_thresh3';
const capture = recorded(RULE);

/** As recorded, with the kernel's drops or without, and the state as it is edited. */
function diagnosedWith(edit: (namespace: Namespace) => Namespace, withDrops: boolean): Diagnosis {
  return diagnose(inputWith(edit, withDrops));
}

function inputWith(edit: (namespace: Namespace) => Namespace, withDrops: boolean): DiagnosisInput {
  const { drops: _, ...input } = inputOf(capture);
  const change = (topology: Topology): Topology => ({ ...topology, namespaces: topology.namespaces.map(edit) });
  const { probes, coverage, drops = [], query } = capture.recording;
  const { exchanges } = input;
  return {
    ...input,
    before: change(input.before),
    ...(input.after ? { after: change(input.after) } : {}),
    ...(withDrops
      ? { drops: joinDrops(drops, { exchanges, probes, start: query.start, places: coverage.places }) }
      : {}),
  };
}

const asItIs = (namespace: Namespace): Namespace => namespace;
const room = (namespace: Namespace): Namespace =>
  LIMIT in namespace.sysctls ? { ...namespace, sysctls: { ...namespace.sysctls, [LIMIT]: 1024 } } : namespace;
const unread = ({ sysctls: { [LIMIT]: _, ...sysctls }, ...namespace }: Namespace): Namespace => ({
  ...namespace,
  sysctls,
});
const rules = ({ findings }: Diagnosis): string[] => findings.map(({ rule }) => rule);

describe('a full neighbour table', () => {
  it('is proven by the drop and cured where the setting is', () => {
    const { findings, outcome } = diagnosedWith(asItIs, true);
    expect(outcome).toBe('fault');
    expect(findings[0]).toMatchObject({ rule: RULE, confidence: 'proven', where: { name: 'lan0' } });
    expect(findings[0]?.remedies[0]?.commands).toEqual(['sysctl -w net.ipv4.neigh.default.gc_thresh3=512']);
    expect(findings[0]?.evidence.map(({ kind }) => kind)).toEqual(['absence', 'probe', 'drop', 'state', 'state']);
  });

  it('is likely where only the refusal and the numbers tell of it', () => {
    expect(diagnosedWith(asItIs, false).findings[0]).toMatchObject({ rule: RULE, confidence: 'likely' });
  });

  it('is told by the drop alone where the table has emptied since, or could not be read', () => {
    expect(rules(diagnosedWith(room, true))).toEqual([RULE]);
    const [found] = diagnosedWith(unread, true).findings;
    expect(found).toMatchObject({ rule: RULE, confidence: 'proven', remedies: [] });
    expect(found?.summary).toContain('in the initial namespace only');
  });

  it.each([
    ['there was room', room],
    ['the limit is not known', unread],
    ['the next hop had its entry', (one: Namespace): Namespace => withEntry(one)],
  ])('is not named without a drop where %s', (_, edit) => {
    expect(rules(diagnosedWith(edit, false))).not.toContain(RULE);
  });

  it('is not named where the kernel sent: its table made room', () => {
    const input = inputWith(asItIs, false);
    const exchanges = input.exchanges.map((exchange) => {
      if (exchange.kind !== 'echo' || !exchange.probe) return exchange;
      const { error: _, ...probe } = exchange.probe;
      return { ...exchange, probe };
    });
    expect(rules(diagnose({ ...input, exchanges }))).not.toContain(RULE);
  });

  it('leaves a check without packets undecided there, not stopped', () => {
    const { before, query } = inputWith(asItIs, false);
    const { path, findings } = predict(query, before);
    const gates = path.legs.flatMap(({ steps }) => steps).flatMap((step) => (step.kind === 'gate' ? [step.gate] : []));
    expect(gates.find(({ kind }) => kind === 'neighbour-table')?.verdict).toBe('unknown');
    expect(findings).toEqual([]);
  });

  it('does not count what was set by hand, nor lo', () => {
    const own = (state: string, device: string) => (namespace: Namespace) => ({
      ...namespace,
      neighbours: namespace.neighbours.map((entry) => ({ ...entry, state, device })),
    });
    expect(rules(diagnosedWith(own('PERMANENT', 'lan0'), false))).not.toContain(RULE);
    expect(rules(diagnosedWith(own('NOARP', 'lo'), false))).not.toContain(RULE);
    expect(rules(diagnosedWith(own('NOARP', 'lan0'), false))).toContain(RULE);
  });
});

function withEntry(namespace: Namespace): Namespace {
  if (!(LIMIT in namespace.sysctls)) return namespace;
  const { destination } = capture.recording.query;
  const waiting = { family: 4, address: destination, device: 'lan0', state: 'FAILED', proxy: false } as const;
  return { ...namespace, neighbours: [...namespace.neighbours, waiting] };
}

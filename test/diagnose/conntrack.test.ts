/** A full table of connections, on a built recording: only the initial namespace can write the limit, so no lab may fill it. */
import { describe, expect, it } from 'vitest';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';
import { joinDrops } from '../../src/trace/drop.ts';
import type { KernelDrop } from '../../src/trace/kernel-life.ts';
import { inputOf, recorded } from './recordings.ts';

const RULE = 'conntrack-full';
const COUNT = 'netfilter.nf_conntrack_count';
const capture = recorded(RULE);

/** As recorded, with the kernel's drops or without, and the state as it is edited. */
function findingsWith(edit: (namespace: Namespace) => Namespace, drops: readonly KernelDrop[] = []) {
  const { drops: _, ...input } = inputOf(capture);
  const change = (topology: Topology): Topology => ({ ...topology, namespaces: topology.namespaces.map(edit) });
  const { probes, coverage, query } = capture.recording;
  const { exchanges } = input;
  const edited: DiagnosisInput = {
    ...input,
    before: change(input.before),
    ...(input.after ? { after: change(input.after) } : {}),
    ...(drops.length > 0
      ? { drops: joinDrops(drops, { exchanges, probes, start: query.start, places: coverage.places }) }
      : {}),
  };
  return diagnose(edited).findings;
}

const asItIs = (namespace: Namespace): Namespace => namespace;
const at = (id: string, edit: (namespace: Namespace) => Namespace) => (namespace: Namespace) =>
  namespace.id === id ? edit(namespace) : namespace;
const withSetting =
  (setting: string, value: number) =>
  (namespace: Namespace): Namespace => ({
    ...namespace,
    sysctls: { ...namespace.sysctls, [setting]: value },
  });

describe('a full table of connections', () => {
  const drops = capture.recording.drops ?? [];

  it('is likely where the numbers tell of it, and proven by the drop', () => {
    expect(findingsWith(asItIs)[0]).toMatchObject({ rule: RULE, confidence: 'likely', where: { name: 'cluster' } });
    expect(drops.length).toBeGreaterThan(0);
    expect(findingsWith(asItIs, drops)[0]).toMatchObject({ rule: RULE, confidence: 'proven' });
  });

  it('is cured where the limit can be written', () => {
    expect(findingsWith(asItIs)[0]?.remedies).toEqual([]);
    // Only the initial namespace has this one too.
    const [found] = findingsWith(at('far', withSetting('ipv4.neigh.default.gc_thresh3', 1024)));
    expect(found?.remedies[0]?.commands).toEqual(['ip netns exec far sysctl -w net.netfilter.nf_conntrack_max=131072']);
  });

  it('is not named with room for one more', () => {
    expect(findingsWith(at('node', withSetting(COUNT, 65_535))).map(({ rule }) => rule)).not.toContain(RULE);
  });

  it('is not named where no rule follows connections', () => {
    const untracked = at('node', (namespace) => ({ ...namespace, filters: { nftables: [] } }));
    expect(findingsWith(untracked).map(({ rule }) => rule)).not.toContain(RULE);
  });

  it('is not named where a rule dropped the packet', () => {
    const byRule = drops.map((drop) => ({ ...drop, function: 'nft_do_chain' }));
    expect(findingsWith(asItIs, byRule).map(({ rule }) => rule)).not.toContain(RULE);
  });
});

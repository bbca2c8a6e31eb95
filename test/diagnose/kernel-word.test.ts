/** The second witness: recorded runs, with a drop that the kernel might have reported. */
import { describe, expect, it } from 'vitest';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { GATE_DROPS, speaks } from '../../src/diagnose/gate-drops.ts';
import type { Drop } from '../../src/trace/drop.ts';
import { isBenign, knownReasons } from '../../src/trace/drop-reason.ts';
import type { EchoExchange } from '../../src/trace/exchange.ts';
import type { Journey } from '../../src/trace/journey.ts';
import { inputOf, recorded, recordedRules } from './recordings.ts';

function firstLost(input: DiagnosisInput): EchoExchange {
  const echo = input.exchanges.find(
    (each): each is EchoExchange => each.kind === 'echo' && each.probe?.replies.length === 0,
  );
  if (!echo) throw new Error('every echo was answered');
  return echo;
}

/** A drop of the request at its last sighting. */
function dropOf(journey: Journey | undefined, reason: string, where: string, more: Partial<Drop> = {}): Drop {
  const after = journey?.sightings.at(-1);
  if (!journey || !after) throw new Error('never sighted');
  return {
    timeNs: after.frame.timeNs + 3000n,
    reason,
    function: where,
    packet: journey.kind,
    journey: journey.id,
    ...(journey.sequence === undefined ? {} : { sequence: journey.sequence }),
    after,
    place: after.frame.place,
    sure: true,
    ...more,
  };
}

function withDrop(rule: string, reason: string, where: string, more: Partial<Drop> = {}): Diagnosis {
  const input = inputOf(recorded(rule));
  return diagnose({ ...input, drops: [dropOf(firstLost(input).request, reason, where, more)] });
}

const kinds = ({ findings }: Diagnosis) => findings[0]?.evidence.map(({ kind }) => kind);

describe('what the kernel can say of a gate', () => {
  it('is what kernels say', () => {
    const known = new Set(knownReasons());
    const said = Object.values(GATE_DROPS).flatMap((drops) => (drops === 'open' ? [] : drops.reasons));
    expect(said.filter((reason) => !known.has(reason))).toEqual([]);
    expect(said.filter((reason) => isBenign(reason, 'any_function'))).toEqual(
      said.filter((one) => one === 'OTHERHOST'),
    );
    expect([speaks('nft_do_chain'), speaks('toString'), speaks('some_new_function')]).toEqual([true, false, false]);
  });
});

describe("the kernel's word", () => {
  it('of where a packet came by is evidence where nobody listened, and no more than that', () => {
    const input = inputOf(recorded('not-captured'));
    const { request } = firstLost(input);
    const last = request?.sightings.at(-1)?.frame;
    if (!last) throw new Error('never sighted');
    const bytes = last.originalLength - (last.linkType === 'raw-ip' ? 0 : 14);
    const hop = (way: 'out' | 'in', device: string, late: bigint, lengthBytes: number) => ({
      way,
      device,
      lengthBytes,
      timeNs: last.timeNs + late,
      own: false,
    });
    const probe = firstLost(input).probe?.sentNs ?? 0n;
    const ends = (device: string) =>
      diagnose({
        ...input,
        lives: [
          {
            hops: [hop('out', last.place.name, 2000n, last.originalLength), hop('in', device, 4000n, bytes)],
            sentNs: probe,
          },
        ],
      }).findings;
    const without = diagnose(input).findings;
    const [root, ...rest] = ends('far0');
    expect(rest).toEqual(without.slice(1));
    expect(root?.evidence.map(({ text }) => text)).toContain(
      'the kernel itself reports the echo request in by far0, where no packet socket listened',
    );
    expect({ ...root, evidence: [] }).toEqual({ ...without[0], evidence: [] });
    // A name that is listened to: nobody knows which device of that name it was.
    expect(ends('lo')).toEqual(without);
  });

  it('confirms the gate it speaks of, and is shown as evidence', () => {
    const diagnosis = withDrop('reverse-path-filter', 'IP_RPFILTER', 'ip_rcv_finish_core');
    expect(diagnosis.findings[0]).toMatchObject({ rule: 'reverse-path-filter', confidence: 'proven' });
    const evidence = diagnosis.findings[0]?.evidence.find(({ kind }) => kind === 'drop');
    expect(evidence?.text).toMatch(
      /^the kernel dropped the echo request at \S+, IP_RPFILTER in ip_rcv_finish_core: reverse path filtering: /,
    );
    expect(evidence).toMatchObject({ journey: expect.any(Number), timeNs: expect.any(BigInt) });
  });

  it('makes sure what the sightings leave open', () => {
    const input = inputOf(recorded('reverse-path-filter'));
    // Nobody listened behind it: then the absence proves nothing, but the drop does.
    const blind = {
      ...input,
      coverage: { ...input.coverage, lost: input.coverage.places.map(({ netns }) => ({ netns, frames: 1 })) },
    };
    expect(diagnose(blind).findings[0]).toMatchObject({ rule: 'reverse-path-filter', confidence: 'likely' });
    const drops = [dropOf(firstLost(input).request, 'IP_RPFILTER', 'ip_rcv_finish_core')];
    expect(diagnose({ ...blind, drops }).findings[0]).toMatchObject({
      rule: 'reverse-path-filter',
      confidence: 'proven',
    });
  });

  it('outranks the model: a gate that cannot have dropped it so is not named', () => {
    const diagnosis = withDrop('reverse-path-filter', 'XFRM_POLICY', 'icmp_rcv');
    expect(diagnosis.findings.map(({ rule }) => rule)).not.toContain('reverse-path-filter');
    expect(diagnosis.findings[0]).toMatchObject({ rule: 'request-lost', confidence: 'proven' });
    expect(diagnosis.findings[0]?.title).toMatch(/^the kernel dropped the echo request at \S+ \(XFRM_POLICY\)$/);
    expect(diagnosis.findings[0]?.summary).toContain('an IPsec policy asks for protection that it does not have');
    expect(diagnosis.findings[0]?.remedies).toEqual([]);
  });

  it('without a reason that says where it comes from leaves the model its say', () => {
    for (const [reason, where] of [
      ['NOT_SPECIFIED', 'some_new_function'],
      ['reason 0x30001', 'some_new_function'],
      ['NEIGH_FAILED', 'neigh_invalidate'],
    ] as const) {
      const diagnosis = withDrop('reverse-path-filter', reason, where);
      expect(diagnosis.findings[0]?.rule).toBe('reverse-path-filter');
      expect(kinds(diagnosis)).toContain('drop');
    }
  });

  it('that may be about another packet changes nothing', () => {
    const expected = diagnose(inputOf(recorded('reverse-path-filter'))).findings;
    expect(withDrop('reverse-path-filter', 'XFRM_POLICY', 'icmp_rcv', { sure: false }).findings).toEqual(expected);
  });

  it('about another probe, or after an earlier place, changes nothing', () => {
    const input = inputOf(recorded('reverse-path-filter'));
    const expected = diagnose(input).findings;
    const { request } = firstLost(input);
    const other = dropOf(request, 'XFRM_POLICY', 'icmp_rcv', { journey: 999 });
    const [first] = request?.sightings ?? [];
    const earlier = dropOf(request, 'XFRM_POLICY', 'icmp_rcv', first ? { after: first } : {});
    expect(request?.sightings.length).toBeGreaterThan(1);
    for (const drop of [other, earlier]) expect(diagnose({ ...input, drops: [drop] }).findings).toEqual(expected);
  });

  it('about another probe tells, where that one was sighted as little', () => {
    const input = inputOf(recorded('reverse-path-filter'));
    const second = input.exchanges.find((each): each is EchoExchange => each.kind === 'echo' && each.sequence === 2);
    const { after: _, journey: __, ...drop } = dropOf(second?.request, 'TC_EGRESS', '__dev_queue_xmit');
    const unsent = (sequences: readonly number[]) =>
      input.exchanges.map((each) => {
        if (each.kind !== 'echo' || !sequences.includes(each.sequence)) return each;
        const { request: ___, ...rest } = each;
        return rest;
      });
    const told = (sequences: readonly number[]) =>
      kinds(diagnose({ ...input, exchanges: unsent(sequences), drops: [drop] }))?.includes('drop');
    expect(told([1, 2, 3])).toBe(true);
    expect(told([1, 3])).toBe(false);
    expect(told([])).toBe(false);
  });

  it('names a loss where nobody listened', () => {
    expect(diagnose(inputOf(recorded('not-captured'))).findings[0]?.rule).toBe('not-captured');
    expect(withDrop('not-captured', 'XFRM_POLICY', 'xfrm_output').findings[0]).toMatchObject({
      rule: 'request-lost',
      confidence: 'proven',
    });
  });

  it('is no evidence where the packet was answered', () => {
    for (const rule of recordedRules()) {
      const input = inputOf(recorded(rule));
      const before = diagnose(input);
      if (before.outcome !== 'healthy') continue;
      const drops = input.exchanges.flatMap(({ request }) =>
        request ? [dropOf(request, 'NETFILTER_DROP', 'nft_do_chain')] : [],
      );
      const after = diagnose({ ...input, drops });
      expect(after.outcome, rule).toBe('healthy');
      expect(after.findings, rule).toEqual(before.findings);
    }
  });
});

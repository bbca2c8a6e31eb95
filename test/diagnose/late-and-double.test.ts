/** reply-slow and reply-duplicated on their recordings, and on the same where one thing is otherwise. */
import { describe, expect, it } from 'vitest';
import { type DiagnosisInput, diagnose } from '../../src/diagnose/engine.ts';
import type { Link, Topology } from '../../src/topology/model.ts';
import type { EchoExchange, Exchange } from '../../src/trace/exchange.ts';
import { inputOf, recorded } from './recordings.ts';

function withEchoes(input: DiagnosisInput, edit: (echo: EchoExchange) => EchoExchange | undefined): DiagnosisInput {
  const exchanges = input.exchanges.flatMap((exchange): Exchange[] =>
    exchange.kind === 'echo' ? [edit(exchange)].filter((echo) => echo !== undefined) : [exchange],
  );
  return { ...input, exchanges };
}

function withLinks(input: DiagnosisInput, edit: (link: Link) => Link): DiagnosisInput {
  const change = (topology: Topology): Topology => ({
    ...topology,
    namespaces: topology.namespaces.map((one) => ({ ...one, links: one.links.map(edit) })),
  });
  return { ...input, before: change(input.before), ...(input.after ? { after: change(input.after) } : {}) };
}

const rules = (input: DiagnosisInput) => diagnose(input).findings.map(({ rule }) => rule);

describe('reply-slow', () => {
  const input = inputOf(recorded('reply-slow'));

  it('names the queue, with the command that takes it away', () => {
    const { outcome, findings, vanished } = diagnose(input);
    expect(outcome).toBe('fault');
    expect(vanished).toBeUndefined();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      rule: 'reply-slow',
      severity: 'warning',
      confidence: 'proven',
      where: { netns: 'abbey', name: 'n3' },
    });
    expect(findings[0]?.blocks).toBeUndefined();
    expect(findings[0]?.title).toMatch(
      /^the echo request waits \d+ ms in the queueing discipline of n3@abbey \(tbf\); the round trip takes \d+ ms$/,
    );
    expect(findings[0]?.remedies[0]?.commands).toEqual(['tc -n abbey qdisc del dev n3 root']);
    expect(findings[0]?.evidence.map(({ kind }) => kind)).toEqual(['sighting', 'sighting', 'state']);
  });

  it('is likely, and without a cure, where no queue is known', () => {
    const plain = withLinks(input, (link) => ({ ...link, data: {} }));
    const [found] = diagnose(plain).findings;
    expect(found).toMatchObject({ rule: 'reply-slow', confidence: 'likely', remedies: [] });
    expect(found?.title).toMatch(/takes \d+ ms from n2@abbey to n3@abbey/);
  });

  it('is silent of two probes, of which the first one was fast', () => {
    expect(rules(withEchoes(input, (echo) => (echo.sequence <= 2 ? echo : undefined)))).toEqual([]);
  });

  it('is silent where most were fast', () => {
    const first = input.exchanges.find((exchange) => exchange.kind === 'echo');
    const fast = first?.kind === 'echo' ? first : undefined;
    // The first one passes with the burst: here five of eight do.
    const most = withEchoes(input, (echo) =>
      fast && echo.sequence <= 5 ? { ...fast, sequence: echo.sequence, resolutions: [] } : echo,
    );
    expect(rules(most)).toEqual([]);
  });
});

describe('reply-duplicated', () => {
  const input = inputOf(recorded('reply-duplicated'));

  it('names where the copy first appears and the filter that makes it', () => {
    const { outcome, findings } = diagnose(input);
    expect(outcome).toBe('fault');
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      rule: 'reply-duplicated',
      severity: 'warning',
      confidence: 'proven',
      where: { netns: 'hall', name: 'm5' },
    });
    expect(findings[0]?.title).toContain('doubled before it comes by m6@hall');
    expect(findings[0]?.remedies[0]?.commands).toEqual([
      'tc -n hall filter del dev m5 ingress protocol ip pref 5 handle 800::800 u32',
    ]);
  });

  it('is likely where nothing is known that makes copies', () => {
    const plain = withLinks(input, (link) => ({ ...link, data: {} }));
    const [found] = diagnose(plain).findings;
    expect(found).toMatchObject({
      rule: 'reply-duplicated',
      confidence: 'likely',
      remedies: [],
      where: { name: 'm6' },
    });
    expect(found?.summary).toContain('second way');
  });

  it('is silent where the copies did not come to the socket', () => {
    const single = withEchoes(input, (echo) =>
      echo.probe ? { ...echo, probe: { ...echo.probe, replies: echo.probe.replies.slice(0, 1) } } : echo,
    );
    expect(rules(single)).toEqual([]);
  });
});

/** Many probes: how many came how far, where the time goes, what was doubled; on a made-up network, so that every fate can be had. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiplied } from '../../src/diagnose/copies.ts';
import { delayOf } from '../../src/diagnose/delay.ts';
import { figuresOf, hopsOf, percentiles } from '../../src/diagnose/hops.ts';
import { numbersText, partialLoss, patternText } from '../../src/diagnose/partial-loss.ts';
import { answered, COVERAGE, echoesOf, type Fate, figuresFor, lost, PATH, WHOLE } from './probes.ts';

const times = (count: number, fate: Fate): Fate[] => Array.from({ length: count }, () => fate);
const none = () => false;

describe('percentiles', () => {
  it('are by nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentiles(values)).toEqual({ p50: 50, p95: 95, p99: 99, max: 100 });
    expect(percentiles([7])).toEqual({ p50: 7, p95: 7, p99: 7, max: 7 });
    expect(percentiles([])).toBeUndefined();
  });

  it('are values of the list, and in order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 }), (values) => {
        const found = percentiles(values);
        expect(found).toBeDefined();
        const { p50 = 0, p95 = 0, p99 = 0, max = 0 } = found ?? {};
        for (const value of [p50, p95, p99, max]) expect(values).toContain(value);
        expect(p50 <= p95 && p95 <= p99 && p99 <= max).toBe(true);
        expect(max).toBe(Math.max(...values));
      }),
    );
  });
});

describe('hops', () => {
  it('count who came by each place, in the order of the way, the socket last', () => {
    const hops = hopsOf(figuresFor([answered, lost(3), answered, lost(6)]));
    expect(hops.map(({ packet, place, direction }) => `${packet} ${direction} ${place.name}@${place.netns}`)).toEqual([
      'echo-request out eth0@c1',
      'echo-request in va@home',
      'echo-request out vb@home',
      'echo-request in eth0@c2',
      'echo-reply out eth0@c2',
      'echo-reply in vb@home',
      'echo-reply out va@home',
      'echo-reply in eth0@c1',
      'echo-reply socket eth0@c1',
    ]);
    expect(hops.map(({ sighted }) => sighted)).toEqual([4, 4, 4, 3, 3, 3, 2, 2, 2]);
    expect(hops.every(({ sent }) => sent === 4)).toBe(true);
    expect(hops[2]?.latencyMs?.p50).toBeCloseTo(0.03);
  });

  it('are those that were sighted where the path does not come to the socket', () => {
    const leaves = { legs: PATH.legs.slice(0, 1), end: 'leaves' as const };
    const hops = hopsOf(figuresOf(leaves, echoesOf([answered, lost(1)]), COVERAGE));
    expect(hops.map(({ sighted }) => sighted)).toEqual([2, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(hops.at(-1)?.direction).toBe('socket');
  });

  it('leave out what was not listened to', () => {
    const places = COVERAGE.places.filter(({ name }) => name !== 'vb');
    const hops = hopsOf(figuresOf(PATH, echoesOf([answered]), { ...COVERAGE, places }));
    expect(hops.map(({ place }) => place.name)).not.toContain('vb');
  });
});

describe('a partial loss', () => {
  const lossOf = (fates: readonly Fate[], intervalMs?: number) => partialLoss(figuresFor(fates, intervalMs), COVERAGE);

  it('is none where all met one fate', () => {
    expect(lossOf(times(5, answered))).toBeUndefined();
    expect(lossOf(times(5, lost(2)))).toBeUndefined();
    expect(lossOf([])).toBeUndefined();
  });

  it('is between the place where most were last sighted and the next', () => {
    const loss = lossOf([lost(2), answered, lost(6), answered, lost(6), answered]);
    expect(loss?.lost.map(({ sequence }) => sequence)).toEqual([1, 3, 5]);
    expect(loss?.here.map(({ sequence }) => sequence)).toEqual([3, 5]);
    expect(loss?.example.sequence).toBe(3);
    expect(loss?.last).toMatchObject({ packet: 'echo-reply', place: { name: 'vb' }, direction: 'in' });
    expect(loss?.next).toMatchObject({ packet: 'echo-reply', place: { name: 'va' }, direction: 'out' });
  });

  it('shows one behind an answered probe, where there is such', () => {
    expect(lossOf([lost(2), answered, lost(2), answered])?.example.sequence).toBe(3);
    expect(lossOf([lost(2), lost(2), answered, answered])?.example.sequence).toBe(1);
  });

  it('has no last place where none was sighted', () => {
    const loss = lossOf([answered, lost(0), answered, lost(0)]);
    expect(loss?.last).toBeUndefined();
    expect(loss?.next).toMatchObject({ place: { name: 'eth0' }, direction: 'out' });
  });

  it.each([
    ['healed', [lost(2), lost(2), answered, answered, answered]],
    ['begun', [answered, answered, lost(2), lost(2)]],
    ['gap', [answered, lost(2), lost(2), answered]],
    ['single', [answered, lost(2), answered]],
    ['single', [lost(2), answered, answered]],
    ['spread', [lost(2), answered, lost(2), answered]],
    // One that is answered is no beginning and no end.
    ['spread', [lost(2), lost(2), answered]],
  ] as const)('is %s', (pattern, fates) => {
    expect(lossOf(fates)?.pattern).toBe(pattern);
  });

  it('says when it turned', () => {
    const loss = lossOf([...times(3, lost(2)), ...times(3, answered)], 500);
    expect(loss?.turned).toEqual({ afterNs: 1_000_000_000n, byNs: 1_500_000_000n });
    expect(loss && patternText(loss)).toBe(
      '3 of 6 probes were lost, the first ones (1 to 3). It healed by itself between 1.0 s and 1.5 s after the first probe: all later ones were answered.',
    );
  });

  it('does not count a probe whose reply may still be under way', () => {
    const slow: Fate = { waits: { 3: 300 } };
    const figures = figuresFor([slow, slow, slow, lost(3)]);
    const sentNs = figures.passages[3]?.sentNs ?? 0n;
    expect(partialLoss(figures, { ...COVERAGE, untilNs: sentNs + 500_000_000n })).toBeUndefined();
    expect(partialLoss(figures, { ...COVERAGE, untilNs: sentNs + 700_000_000n })?.lost).toHaveLength(1);
  });

  it('does not wait for it as long as the first one waited for ARP', () => {
    const figures = figuresFor([{ asks: 900 }, ...times(3, answered), lost(3)]);
    const sentNs = figures.passages[4]?.sentNs ?? 0n;
    expect(partialLoss(figures, { ...COVERAGE, untilNs: sentNs + 1_000_000_000n })?.lost).toHaveLength(1);
  });

  it('is one where more may be under way than have come', () => {
    const slow: Fate = { waits: { 3: 300 } };
    const figures = figuresFor([slow, lost(3), lost(3)]);
    const untilNs = (figures.passages[2]?.sentNs ?? 0n) + 100_000_000n;
    expect(partialLoss(figures, { ...COVERAGE, untilNs })?.lost).toHaveLength(2);
  });

  it('counts every probe once, whatever its fate', () => {
    const fate = fc.integer({ min: 0, max: WHOLE }).map((reach) => ({ reach }));
    fc.assert(
      fc.property(fc.array(fate, { minLength: 1, maxLength: 12 }), (fates) => {
        const whole = fates.filter(({ reach }) => reach === WHOLE).length;
        const loss = lossOf(fates);
        expect(loss === undefined).toBe(whole === 0 || whole === fates.length);
        if (!loss) return;
        expect([loss.answered.length, loss.lost.length, loss.sent]).toEqual([
          whole,
          fates.length - whole,
          fates.length,
        ]);
        expect(loss.lost).toEqual(expect.arrayContaining([...loss.here]));
      }),
      { numRuns: 60 },
    );
  });

  it('numbers probes in few words', () => {
    expect(numbersText([1, 2, 3, 7, 9, 10])).toBe('1 to 3, 7, 9 and 10');
    expect(numbersText([1, 3, 5, 7, 9, 11, 13])).toBe('1, 3, 5, 7, 9, …');
  });
});

describe('a delay', () => {
  it('is at the hop that takes most of the time of most probes', () => {
    const found = delayOf(figuresFor(times(6, { waits: { 2: 40 } })), none);
    expect(found).toMatchObject({ to: { place: { name: 'vb' }, direction: 'out' }, slow: 6, probes: 6, beyond: false });
    expect(found?.medianMs).toBeCloseTo(40, 0);
  });

  it('is none where the way is fast, however unsteady', () => {
    expect(delayOf(figuresFor(times(6, answered)), none)).toBeUndefined();
    expect(delayOf(figuresFor([{ waits: { 2: 4 } }, ...times(5, { waits: { 5: 3 } })]), none)).toBeUndefined();
  });

  it('is none where single probes are late, as on a busy machine', () => {
    expect(delayOf(figuresFor([...times(2, { waits: { 2: 300 } }), ...times(4, answered)]), none)).toBeUndefined();
    const here = { waits: { 1: 15 } };
    const there = { waits: { 5: 15 } };
    expect(delayOf(figuresFor([here, there, here, there, here, there]), none)).toBeUndefined();
  });

  it('is not the time that the first probe waits for ARP', () => {
    expect(delayOf(figuresFor([{ asks: 800 }, answered, answered, answered]), none)).toBeUndefined();
  });

  it('is not the time that several wait for one answer, either', () => {
    expect(delayOf(figuresFor([{ asks: 800 }, { asks: 600 }, { asks: 400 }]), none)).toBeUndefined();
  });

  it('takes more to be believed with three probes, unless a queue explains it', () => {
    const some = [answered, { waits: { 2: 15 } }, { waits: { 2: 15 } }];
    expect(delayOf(figuresFor(some), none)).toBeUndefined();
    expect(delayOf(figuresFor(times(3, { waits: { 2: 15 } })), none)).toBeUndefined();
    expect(delayOf(figuresFor(some), ({ place }) => place.name === 'vb')?.to.place.name).toBe('vb');
    expect(delayOf(figuresFor(times(3, { waits: { 2: 50 } })), none)?.to.place.name).toBe('vb');
  });

  it('lies beyond the machine where the request goes out and the reply comes back by one device', () => {
    const path = { legs: PATH.legs.slice(0, 1), end: 'leaves' as const };
    const places = COVERAGE.places.filter(({ netns }) => netns === 'c1');
    const sighted = echoesOf(times(5, { waits: { 4: 400 } })).map((one) => {
      const only = <T extends { sightings: readonly { frame: { place: { netns: string } } }[] }>(journey: T): T => ({
        ...journey,
        sightings: journey.sightings.filter(({ frame }) => frame.place.netns === 'c1'),
      });
      return { ...one, ...(one.request ? { request: only(one.request) } : {}), replies: one.replies.map(only) };
    });
    const found = delayOf(figuresOf(path, sighted, { ...COVERAGE, places }), none);
    expect(found).toMatchObject({ beyond: true, from: { place: { name: 'eth0' } } });
  });
});

describe('what is doubled', () => {
  it('is nothing where each probe has one reply', () => {
    expect(multiplied(echoesOf(times(3, answered)))).toBeUndefined();
  });

  it('is the request, from where its copy is first sighted', () => {
    const found = multiplied(echoesOf([answered, { copyFrom: 2 }, { copyFrom: 2 }]));
    expect(found).toMatchObject({ what: 'request', further: 2, example: { sequence: 2 } });
    expect(found?.probes.map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect(found?.copy?.frame).toMatchObject({ place: { name: 'vb' }, direction: 'out' });
  });

  it('is the answer, where one request is sighted everywhere and two replies set out', () => {
    const found = multiplied(echoesOf([{ copyFrom: 4 }]));
    expect(found).toMatchObject({ what: 'answer', copy: { frame: { place: { netns: 'c2' } } } });
  });
});

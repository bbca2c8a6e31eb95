import { describe, expect, it } from 'vitest';
import type { ErrorEvent, ExchangeEvent } from '../../src/watch/event.ts';
import { newPair } from '../../src/watch/pairs.ts';
import { Quota } from '../../src/watch/quota.ts';

const PAIR = newPair('echo', '10.9.0.2', '10.9.0.3');
const EVENT: ExchangeEvent = {
  event: 'exchange',
  timeNs: 0n,
  kind: 'echo',
  source: PAIR.source,
  target: PAIR.target,
  outcome: 'answered',
  rttNs: 1000,
  request: [],
  reply: [],
};
const { rttNs: _, ...ANSWERED } = EVENT;
const SILENT: ExchangeEvent = { ...ANSWERED, outcome: 'unanswered' };
const ERROR: ErrorEvent = {
  event: 'icmp-error',
  timeNs: 0n,
  from: '10.9.0.1',
  words: 'host unreachable',
  source: '10.9.0.2',
  target: '10.9.0.3',
  count: 1,
  places: [],
};

describe('what is told one by one', () => {
  it('sums up what one pair has too many of in a second', () => {
    const told: ExchangeEvent[] = [];
    const quota = new Quota((event) => told.push(event));
    for (let count = 0; count < 30; count++) quota.exchange({ ...EVENT, rttNs: 1000 * (count + 1) }, PAIR);
    quota.exchange(SILENT, PAIR);
    expect(told).toHaveLength(10);
    expect(quota.turn(1n, 0, 0)).toEqual([
      {
        event: 'burst',
        timeNs: 1n,
        kind: 'echo',
        source: PAIR.source,
        target: PAIR.target,
        exchanges: 21,
        answered: 20,
        rtt: { count: 20, minNs: 11_000, sumNs: 410_000, maxNs: 30_000 },
      },
    ]);
    quota.exchange(EVENT, PAIR);
    expect(told).toHaveLength(11);
  });

  it('loses none of many pairs: told, summed up, or counted', () => {
    const told: ExchangeEvent[] = [];
    const quota = new Quota((event) => told.push(event));
    for (let pair = 0; pair < 3000; pair++) quota.exchange(EVENT, newPair('echo', '10.9.0.2', `10.9.${pair}`));
    const events = quota.turn(1n, 0, 0);
    const summed = events.reduce((sum, event) => sum + (event.event === 'burst' ? event.exchanges : 0), 0);
    const untold = events.reduce((sum, event) => sum + (event.event === 'skipped' ? event.untold : 0), 0);
    expect(told.length + summed + untold).toBe(3000);
    expect(events.length).toBeLessThanOrEqual(21);
  });

  it('says lost frames, and nothing where nothing was skipped', () => {
    const quota = new Quota(() => undefined);
    expect(quota.turn(1n, 0, 0)).toEqual([]);
    expect(quota.turn(2n, 7, 3)).toEqual([{ event: 'skipped', timeNs: 2n, lost: 7, untold: 3 }]);
  });

  it('counts errors alike', () => {
    const quota = new Quota(() => undefined);
    for (let count = 0; count < 6; count++) quota.error(ERROR);
    quota.error({ ...ERROR, from: '10.9.0.9' });
    expect(quota.turn(1n, 0, 0)).toMatchObject([{ count: 6 }, { count: 1, from: '10.9.0.9' }]);
  });
});

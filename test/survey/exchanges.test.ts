/** Requests find their replies: in any order of the file, once, in time, and where they were asked. */
import { describe, expect, it } from 'vitest';
import { type Asked, type ClosedExchange, ExchangeTable } from '../../src/survey/exchanges.ts';
import { FlowTable } from '../../src/survey/flows.ts';
import { Family } from '../../src/survey/kind.ts';

const SECOND = 1e9;
const ASKER = 3;

class Bench {
  readonly closed: ClosedExchange[] = [];
  readonly flows = new FlowTable();
  readonly table = new ExchangeTable(this.flows, (exchange) => this.closed.push({ ...exchange }));
  #frames = 0;

  #asked(echo: number, source: number): Asked {
    const family = Family.echo;
    return { flow: this.flows.find(source, 2, family), source, target: 2, family, echo };
  }

  ask(ns: number, echo = 1, source = 1): this {
    this.table.ask(this.#asked(echo, source), ns, 7, ASKER, ++this.#frames);
    return this;
  }

  reply(ns: number, echo = 1, places: readonly number[] = [5, ASKER], source = 1): this {
    const times = Float64Array.from(places, (_, index) => ns + index * 1000);
    this.table.reply(this.#asked(echo, source), ns, 8, ++this.#frames, Uint16Array.from(places), times, places.length);
    return this;
  }

  end(): ClosedExchange[] {
    this.table.finish();
    return this.closed;
  }

  get flow() {
    return this.flows.get(this.flows.find(1, 2, Family.echo));
  }
}

describe('an exchange', () => {
  it('ends with its reply, and its round trip is that of the asker', () => {
    const bench = new Bench().ask(1000).reply(51_000);
    expect(bench.end()).toMatchObject([
      { reached: true, replies: 1, requestFrame: 1, replyFrame: 2, requestWay: 7, replyWay: 8 },
    ]);
    expect(bench.flow).toMatchObject({
      requests: 1,
      answered: 1,
      furtherReplies: 0,
      rttNs: { min: 51_000, max: 51_000 },
    });
    expect(bench.table.roundTrips[Family.echo]).toEqual({ answered: 1, sumNs: 51_000 });
  });

  it('has a reply that did not come back to where it was asked', () => {
    const bench = new Bench().ask(0).reply(50_000, 1, [5, 6]);
    expect(bench.end()).toMatchObject([{ reached: false, replies: 1 }]);
    expect(bench.flow).toMatchObject({ requests: 1, answered: 0 });
  });

  it('counts replies beyond the first', () => {
    const bench = new Bench().ask(0).reply(1000).reply(2000).reply(3000);
    expect(bench.end()).toMatchObject([{ reached: true, replies: 3, replyFrame: 2 }]);
    expect(bench.flow).toMatchObject({ answered: 1, furtherReplies: 2 });
    expect(bench.table.orphans).toBe(0);
  });

  it('is answered by a second reply where the first got lost', () => {
    const bench = new Bench().ask(0).reply(1000, 1, [5]).reply(2000);
    expect(bench.end()).toMatchObject([{ reached: true, replies: 2 }]);
    expect(bench.flow).toMatchObject({ answered: 1, rttNs: { min: 3000 } });
  });

  it('finds a reply that stands in the file before its request', () => {
    const bench = new Bench().reply(1_000_000).ask(900_000);
    expect(bench.end()).toMatchObject([{ reached: true }]);
    expect(bench.table.orphans).toBe(0);
    expect(bench.flow.rttNs?.min).toBe(101_000);
  });

  it('does not take a reply that was there long before it', () => {
    const bench = new Bench().reply(0).ask(1 * SECOND);
    expect(bench.end()).toMatchObject([{ reached: false, replies: 0 }]);
    expect(bench.table.orphans).toBe(1);
  });

  it('waits ten seconds, and no longer', () => {
    expect(
      new Bench()
        .ask(0)
        .reply(9.9 * SECOND)
        .end(),
    ).toMatchObject([{ reached: true }]);
    const late = new Bench().ask(0).reply(10.1 * SECOND);
    expect(late.end()).toMatchObject([{ reached: false }]);
    expect(late.table.orphans).toBe(1);
  });

  it('takes the reply to its own number only', () => {
    const bench = new Bench().ask(0, 1).ask(1000, 2).reply(2000, 2);
    expect(bench.end().map(({ echo, reached }) => [echo, reached])).toEqual([
      [1, false],
      [2, true],
    ]);
  });

  it('gives a reply to the newest request that was there before it, when numbers come again', () => {
    const bench = new Bench()
      .ask(0)
      .reply(1000)
      .ask(1 * SECOND)
      .reply(1 * SECOND + 1000);
    expect(bench.end().map(({ replies }) => replies)).toEqual([1, 1]);
    expect(bench.flow).toMatchObject({ requests: 2, answered: 2, furtherReplies: 0 });
  });

  it('gives a reply to the request before it, where one after it stands in the file already', () => {
    const bench = new Bench()
      .ask(0)
      .ask(1 * SECOND)
      .reply(0.5 * SECOND);
    expect(bench.end().map(({ reached }) => reached)).toEqual([true, false]);
  });

  it('counts a reply that nobody asked for', () => {
    const bench = new Bench().reply(0, 9);
    expect(bench.end()).toEqual([]);
    expect(bench.table.orphans).toBe(1);
  });
});

describe('very many exchanges', () => {
  it('are answered although the table grows meanwhile', () => {
    const bench = new Bench();
    const many = 50_000;
    for (let echo = 1; echo <= many; echo++) bench.ask(echo, echo);
    for (let echo = many; echo > 0; echo--) bench.reply(many + echo, echo);
    expect(bench.end().filter(({ reached }) => !reached)).toEqual([]);
    expect(bench.flow).toMatchObject({ requests: many, answered: many });
    expect(bench.table.closedEarly).toBe(0);
  });

  it('are given up, the oldest first, and counted', () => {
    const bench = new Bench();
    const most = 2 ** 19;
    for (let echo = 1; echo <= most + 10; echo++) bench.ask(echo, echo);
    expect(bench.table.closedEarly).toBe(10);
    expect(bench.closed.map(({ echo }) => echo)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('do not keep every reply that nobody asked for', () => {
    const bench = new Bench();
    for (let echo = 1; echo <= 100_000; echo++) bench.reply(echo, echo);
    expect(bench.table.orphans).toBe(100_000);
    // The first ones are gone, the last ones still wait for their request.
    bench.ask(100_000, 1).ask(100_000, 100_000);
    expect(bench.end().map(({ reached }) => reached)).toEqual([false, true]);
  });
});

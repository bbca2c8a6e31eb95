/** The order of places is learnt from all packets of a way together, and a way is known by where it begins and whom it meets. */
import { describe, expect, it } from 'vitest';
import { WayTable } from '../../src/survey/ways.ts';

type Visit = readonly [place: number, ns: number, direction?: number];

class Bench {
  readonly table = new WayTable();
  readonly #scratch = new Uint16Array(4096);

  add(first: number, visits: readonly Visit[], group = false): number {
    return this.table.add(
      Uint16Array.from(visits, ([place]) => place),
      Float64Array.from(visits, ([, ns]) => ns),
      Uint8Array.from(visits, ([, , direction = 0]) => direction),
      visits.length,
      first,
      group,
      this.#scratch,
    );
  }
}

describe('a way', () => {
  it('is known by where it begins and which places it has, in whatever order they saw the packet', () => {
    const bench = new Bench();
    const way = bench.add(4, [
      [4, 0],
      [9, 10],
      [2, 20],
    ]);
    expect(
      bench.add(4, [
        [4, 0],
        [2, 10],
        [9, 20],
      ]),
    ).toBe(way);
    expect(
      bench.add(9, [
        [9, 0],
        [4, 10],
        [2, 20],
      ]),
    ).not.toBe(way);
    expect(
      bench.add(4, [
        [4, 0],
        [9, 10],
      ]),
    ).not.toBe(way);
    expect(
      bench.add(
        4,
        [
          [4, 0],
          [9, 10],
          [2, 20],
        ],
        true,
      ),
    ).not.toBe(way);
    expect(bench.table.packets[way]).toBe(2);
    expect(bench.table.way(way)).toEqual({ id: way, first: 4, places: [2, 4, 9], group: false });
  });

  it('has the order that its packets had on average', () => {
    const bench = new Bench();
    let way = 0;
    // One of four packets has reversed stamps.
    for (let n = 0; n < 8; n++)
      way = bench.add(
        0,
        n % 4 === 0
          ? [
              [0, 0],
              [2, 5],
              [1, 8],
            ]
          : [
              [0, 0],
              [1, 10],
              [2, 20],
            ],
      );
    expect(bench.table.order(way)).toEqual([0, 1, 2]);
  });

  it('begins where it begins, even where the stamps say otherwise', () => {
    const bench = new Bench();
    const way = bench.add(1, [
      [0, 500],
      [1, 1000],
      [2, 2000],
    ]);
    expect(bench.table.order(way)).toEqual([1, 0, 2]);
    expect(bench.table.delay(way, 0)).toEqual({ packets: 1, sum: -500, min: -500, max: -500 });
    expect(bench.table.delay(way, 2)).toMatchObject({ sum: 1000 });
  });

  it('with equal stamps has the place that sends before the one that receives', () => {
    const bench = new Bench();
    // Out of port 3 and into the device behind it, all at the same nanosecond.
    const way = bench.add(1, [
      [1, 0, 2],
      [5, 100, 1],
      [3, 100, 2],
    ]);
    expect(bench.table.order(way)).toEqual([1, 3, 5]);
    expect(bench.table.direction(way, 3)).toEqual({ inward: 0, outward: 1 });
  });

  it('sums the time of its packets by place', () => {
    const bench = new Bench();
    const way = bench.add(0, [
      [0, 1000],
      [1, 1010],
      [2, 1040],
    ]);
    bench.add(0, [
      [0, 5000],
      [1, 5020],
      [2, 5080],
    ]);
    expect(bench.table.delay(way, 1)).toEqual({ packets: 2, sum: 30, min: 10, max: 20 });
    expect(bench.table.delay(way, 2)).toEqual({ packets: 2, sum: 120, min: 40, max: 80 });
    expect(bench.table.hop(way, 2)).toEqual({ packets: 2, sum: 90, min: 30, max: 60 });
  });

  it('is part of one that has all its places and more, from the same beginning', () => {
    const bench = new Bench();
    const part = bench.add(0, [
      [0, 0],
      [1, 1],
    ]);
    const whole = bench.add(0, [
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    const elsewhere = bench.add(2, [
      [2, 0],
      [1, 1],
      [0, 2],
    ]);
    expect([bench.table.isPart(part, whole), bench.table.isPart(whole, part)]).toEqual([true, false]);
    expect([bench.table.isPart(part, part), bench.table.isPart(part, elsewhere)]).toEqual([false, false]);
  });

  it('tells how many begin at one place and come to another', () => {
    const bench = new Bench();
    bench.add(0, [
      [0, 0],
      [1, 1],
    ]);
    bench.add(0, [
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    bench.add(1, [
      [1, 0],
      [0, 1],
    ]);
    expect([
      bench.table.begun(0, 1),
      bench.table.begun(1, 0),
      bench.table.begun(0, 2),
      bench.table.begun(2, 0),
    ]).toEqual([2, 1, 1, 0]);
  });
});

describe('very many ways', () => {
  it('are taken together as number 0, those known before are still known', () => {
    const bench = new Bench();
    const ways = new Set<number>();
    for (let place = 1; place <= 10_000; place++)
      ways.add(
        bench.add(place % 4000, [
          [place % 4000, 0],
          [4000 + (place >> 7), 1],
        ]),
      );
    expect(ways.size).toBe(2 ** 13);
    expect(ways).toContain(0);
    expect(
      bench.add(1, [
        [1, 0],
        [4000, 1],
      ]),
    ).toBe(1);
    expect(bench.table.packets[0]).toBe(10_000 - 2 ** 13 + 1);
  });
});

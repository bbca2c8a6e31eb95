/** Frames of one packet become one packet, at whatever places, in whatever order, and however many are under way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Glance } from '../../src/survey/glance.ts';
import { Kind } from '../../src/survey/kind.ts';
import { PacketTable } from '../../src/survey/packets.ts';

interface Closed {
  readonly id: number;
  readonly frame: number;
  readonly visits: readonly (readonly [place: number, ns: number, direction: number])[];
  readonly repeats: number;
  readonly circles: number;
}

const MS = 1e6;

/** A table, packets by number, and what was closed. */
class Bench {
  readonly closed: Closed[] = [];
  readonly table: PacketTable;
  readonly #glance = new Glance();
  #frames = 0;

  constructor(places = 4096) {
    this.table = new PacketTable(({ source, frame, count, places: at, times, directions, repeats, circles }) => {
      const visits = Array.from(
        { length: count },
        (_, i) => [at[i] ?? -1, times[i] ?? -1, directions[i] ?? -1] as const,
      );
      this.closed.push({ id: source, frame, visits, repeats, circles });
    }, places);
  }

  see(id: number, place: number, ns: number, { ttl = 64, direction = 0, kind = Kind.other as number } = {}): this {
    const glance = this.#glance;
    glance.kind = kind;
    glance.ttl = ttl;
    glance.hashHigh = Math.imul(id, 0x9e3779b1);
    glance.hashLow = Math.imul(id, 0x85ebca6b);
    if (this.table.add(glance, place, direction, ns, ++this.#frames)) this.table.name(id, 0);
    return this;
  }

  end(): Closed[] {
    this.table.finish();
    return this.closed;
  }
}

describe('a packet', () => {
  it('is joined from all its places, in order of time', () => {
    const [packet, ...more] = new Bench().see(7, 2, 100).see(7, 0, 300).see(7, 1, 200, { direction: 2 }).end();
    expect(more).toEqual([]);
    expect(packet).toEqual({
      id: 7,
      frame: 1,
      visits: [
        [2, 100, 0],
        [1, 200, 2],
        [0, 300, 0],
      ],
      repeats: 0,
      circles: 0,
    });
  });

  it('keeps the order of the file where stamps are equal, and stamps where they are reversed', () => {
    expect(
      new Bench()
        .see(1, 5, 100)
        .see(1, 4, 100)
        .see(1, 3, 100)
        .end()[0]
        ?.visits.map(([place]) => place),
    ).toEqual([5, 4, 3]);
    expect(
      new Bench()
        .see(1, 5, 1000)
        .see(1, 4, 500)
        .end()[0]
        ?.visits.map(([place]) => place),
    ).toEqual([4, 5]);
  });

  it('that passes a place in and out is there once, at the first time', () => {
    const [packet] = new Bench().see(1, 0, 10, { direction: 1 }).see(1, 0, 20, { direction: 2 }).end();
    expect(packet?.visits).toEqual([[0, 10, 1]]);
    expect(packet?.repeats).toBe(0);
    const reversed = new Bench().see(1, 0, 20, { direction: 1 }).see(1, 0, 10, { direction: 2 }).end();
    expect(reversed[0]?.visits).toEqual([[0, 10, 2]]);
  });

  it('that comes back is counted, with and without a smaller TTL', () => {
    const table = new Bench().see(1, 0, 0).see(1, 0, 1000).see(1, 0, 2000, { ttl: 63 }).see(1, 0, 3000, { ttl: 62 });
    expect(table.end()).toMatchObject([{ repeats: 3, circles: 2 }]);
  });

  it('that comes again after 80 ms is another one, and one with a number only where it has been', () => {
    expect(
      new Bench()
        .see(1, 0, 0)
        .see(1, 0, 79 * MS)
        .end(),
    ).toHaveLength(1);
    expect(
      new Bench()
        .see(1, 0, 0)
        .see(1, 0, 81 * MS)
        .end(),
    ).toHaveLength(2);
    expect(
      new Bench()
        .see(1, 0, 0)
        .see(1, 1, 81 * MS)
        .end(),
    ).toHaveLength(2);
    const echo = { kind: Kind.echoRequest };
    expect(
      new Bench()
        .see(1, 0, 0, echo)
        .see(1, 1, 900 * MS, echo)
        .end(),
    ).toHaveLength(1);
    expect(
      new Bench()
        .see(1, 0, 0, echo)
        .see(1, 0, 900 * MS, echo)
        .end(),
    ).toHaveLength(2);
  });

  it('is closed when no more of it is awaited, the oldest first', () => {
    const table = new Bench();
    table.see(1, 0, 0).see(2, 0, 1).see(3, 0, 11e9);
    expect(table.closed.map(({ id }) => id)).toEqual([1, 2]);
  });
});

describe('very many packets', () => {
  it('under way are joined although the table grows between their places', () => {
    const table = new Bench();
    const many = 100_000;
    // So many have gone before that the rings are past their ends.
    const before = 150_000;
    for (let id = 1; id <= before; id++) table.see(many + id, 0, id * 25_000 - before * 25_000 - 1e10);
    for (let id = 1; id <= many; id++) table.see(id, 0, id);
    for (let id = many; id > 0; id--) table.see(id, 1, many + id);
    for (let id = 1; id <= many; id++) table.see(id, 2, 3 * many + id);
    const closed = table.end().filter(({ id }) => id <= many);
    expect(table.table.closedEarly).toBe(0);
    expect(closed).toHaveLength(many);
    expect(
      closed.filter(({ id, visits }) => visits.map(([place]) => place).join() !== '0,1,2' || visits[0]?.[1] !== id),
    ).toEqual([]);
  });

  it('are given up, the oldest first, and counted, when more are under way than memory is spent on', () => {
    const table = new Bench();
    const most = 2 ** 19;
    for (let id = 1; id <= most + 1000; id++) table.see(id, 0, id);
    expect(table.table.closedEarly).toBe(1000);
    expect(table.closed.at(-1)?.id).toBe(1000);
    expect(table.end()).toHaveLength(most + 1000);
  });

  it('at thousands of places are given up rather than mixed', () => {
    const table = new Bench();
    const [packets, places] = [40, 4096];
    const nsOf = (id: number, place: number) => id * 5000 + place;
    for (let id = 1; id <= packets; id++)
      for (let place = 0; place < places; place++) table.see(id, place, nsOf(id, place));
    const closed = table.end();
    expect(table.table.closedEarly).toBeGreaterThan(0);
    // Whatever was given up, nobody has a visit of another's, and none is missing.
    const foreign = closed.flatMap(({ id, visits }) => visits.filter(([place, ns]) => ns !== nsOf(id, place)));
    expect(foreign).toEqual([]);
    expect(closed.reduce((sum, { visits }) => sum + visits.length, 0)).toBe(packets * places);
  });
});

describe('any frames', () => {
  const frames = fc.array(
    fc.record({
      id: fc.integer({ min: 1, max: 4 }),
      place: fc.nat(5),
      later: fc.nat(60),
      ttl: fc.integer({ min: 60, max: 64 }),
    }),
    { maxLength: 60 },
  );

  it('are joined as a plain list would join them', () => {
    fc.assert(
      fc.property(frames, (seen) => {
        const table = new Bench();
        const packets: {
          id: number;
          firstNs: number;
          ttl: number;
          visits: Map<number, number>;
          repeats: number;
          circles: number;
        }[] = [];
        let ns = 0;
        for (const { id, place, later, ttl } of seen) {
          ns += later * MS;
          table.see(id, place, ns, { ttl });
          const known = packets.findLast((packet) => packet.id === id && ns - packet.firstNs <= 80 * MS);
          if (!known) packets.push({ id, firstNs: ns, ttl, visits: new Map([[place, ns]]), repeats: 0, circles: 0 });
          else if (!known.visits.has(place)) known.visits.set(place, ns);
          else {
            known.repeats++;
            if (ttl < known.ttl) {
              known.ttl = ttl;
              known.circles++;
            }
          }
        }
        const found = table.end().map(({ id, visits, repeats, circles }) => ({
          id,
          visits: visits.map(([place, at]) => `${place}@${at}`).sort(),
          repeats,
          circles,
        }));
        expect(found).toEqual(
          packets.map(({ id, visits, repeats, circles }) => ({
            id,
            visits: [...visits].map(([place, at]) => `${place}@${at}`).sort(),
            repeats,
            circles,
          })),
        );
      }),
      { numRuns: 200 },
    );
  });
});

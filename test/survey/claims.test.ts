/** Who says to own an address: one owner, two, one that moved, and whoever asks whether it is free. */
import { describe, expect, it } from 'vitest';
import { ClaimTable, macText } from '../../src/survey/claims.ts';

const [ADDRESS, OTHER] = [5, 2000];
const [A, B, C] = [0x0200_0000_000a, 0x0200_0000_000b, 0x0200_0000_000c];
const SECOND = 1e9;

function claims(...macs: readonly number[]): ClaimTable {
  const table = new ClaimTable();
  for (const [index, mac] of macs.entries()) table.add(ADDRESS, mac, mac, index + 1, 0, index * SECOND, true);
  table.finish();
  return table;
}

describe('the owner of an address', () => {
  it('is the only one who says so', () => {
    const table = claims(A, A, A);
    expect(table.owner(ADDRESS)).toBe(A);
    expect(table.owner(OTHER)).toBeUndefined();
    expect(table.contests.size).toBe(0);
  });

  it('is contested by whoever else says so', () => {
    const table = claims(A, B, A, B);
    expect(table.owner(ADDRESS)).toBeUndefined();
    expect(table.contests.get(ADDRESS)).toMatchObject({
      changes: 3,
      conflicts: 0,
      claimants: [
        { mac: A, packets: 2, frame: 1 },
        { mac: B, packets: 2, frame: 2 },
      ],
    });
  });

  it('that moved once has changed once', () => {
    expect(claims(A, A, B, B).contests.get(ADDRESS)?.changes).toBe(1);
  });

  it('may have many rivals, and not without end', () => {
    const table = claims(...Array.from({ length: 40 }, (_, n) => A + n));
    expect(table.contests.get(ADDRESS)?.claimants).toHaveLength(8);
    expect(table.contests.get(ADDRESS)?.changes).toBe(39);
  });

  it('of an address with a large number is kept as well', () => {
    const table = new ClaimTable();
    table.add(200_000, A, A, 1, 0, 0, true);
    table.add(OTHER, B, B, 2, 0, 0, true);
    expect([table.owner(200_000), table.owner(OTHER)]).toEqual([A, B]);
  });
});

describe('a probe for an address', () => {
  function probed(answer: (table: ClaimTable) => void): ClaimTable {
    const table = new ClaimTable();
    table.probe(ADDRESS, B, 0, 1, 3);
    answer(table);
    table.finish();
    return table;
  }

  it('that nobody answers is no conflict', () => {
    expect(probed(() => {}).contests.size).toBe(0);
  });

  it('that somebody else answers is one, whoever spoke before', () => {
    const expected = { conflicts: 1, claimants: [{ mac: A }, { mac: B, frame: 1, place: 3 }] };
    expect(probed((table) => table.add(ADDRESS, A, A, 2, 0, SECOND, true)).contests.get(ADDRESS)).toMatchObject(
      expected,
    );
  });

  it('is no conflict when its own asker announces the address then', () => {
    expect(probed((table) => table.add(ADDRESS, B, B, 2, 0, SECOND, true)).contests.size).toBe(0);
  });

  it('is no conflict when somebody only asks for others in that name, or answers much later', () => {
    expect(probed((table) => table.add(ADDRESS, A, A, 2, 0, SECOND, false)).contests.size).toBe(0);
    expect(probed((table) => table.add(ADDRESS, A, A, 2, 0, 4 * SECOND, true)).contests.size).toBe(0);
  });
});

describe('a sender', () => {
  it('that writes another hardware address into the message than into the frame is told', () => {
    const table = new ClaimTable();
    table.add(ADDRESS, A, B, 1, 4, 0, true);
    table.add(ADDRESS, A, B, 2, 4, 0, true);
    table.add(ADDRESS, A, A, 3, 4, 0, true);
    expect([...table.mismatches.values()]).toEqual([
      { address: ADDRESS, claimed: A, ethernet: B, packets: 2, frame: 1, place: 4 },
    ]);
  });

  it('without an Ethernet header is not', () => {
    const table = new ClaimTable();
    table.add(ADDRESS, A, Number.NaN, 1, 0, 0, true);
    expect(table.mismatches.size).toBe(0);
  });

  it('that makes up addresses without end is not remembered without end', () => {
    const table = new ClaimTable();
    for (let n = 1; n < 5000; n++) {
      table.probe(n, C + n, n, n, 0);
      table.add(n, A + n, B, n, 0, n, true);
      table.add(n, B + n, C, n, 0, n, true);
    }
    expect(table.contests.size).toBe(1024);
    expect(table.mismatches.size).toBe(256);
  });
});

it('a hardware address is written as it is everywhere', () => {
  expect([A, 0xffff_ffff_ffff, 1].map(macText)).toEqual([
    '02:00:00:00:00:0a',
    'ff:ff:ff:ff:ff:ff',
    '00:00:00:00:00:01',
  ]);
});

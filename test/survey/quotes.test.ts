/** An ICMP error belongs to one request, although identifiers and sequence numbers come again. */
import { describe, expect, it } from 'vitest';
import type { IcmpError } from '../../src/survey/errors.ts';
import { QuoteTable } from '../../src/survey/quotes.ts';

const SECOND = 1e9;

function error(from: number): IcmpError {
  return { from, source: 2, target: 3, version: 4, type: 3, code: 1, mtu: 0, packets: 1, frame: 1, place: 0 };
}

describe('the error that quotes a request', () => {
  it('is found once', () => {
    const quotes = new QuoteTable();
    quotes.add(1, 7, error(9), 3 * SECOND);
    expect(quotes.take(1, 8, 0)).toBeUndefined();
    expect(quotes.take(2, 7, 0)).toBeUndefined();
    expect(quotes.take(1, 7, 0)?.from).toBe(9);
    expect(quotes.take(1, 7, 0)).toBeUndefined();
  });

  it('comes after it, and soon', () => {
    const quotes = new QuoteTable();
    quotes.add(1, 7, error(9), 100 * SECOND);
    expect(quotes.take(1, 7, 80 * SECOND)).toBeUndefined();
    expect(quotes.take(1, 7, 101 * SECOND)).toBeUndefined();
    // Stamped a little before it.
    expect(quotes.take(1, 7, 100 * SECOND + 1000)?.from).toBe(9);
  });

  it('is the first one after it, when the same number was asked before', () => {
    const quotes = new QuoteTable();
    quotes.add(1, 7, error(4), 3 * SECOND);
    quotes.add(1, 7, error(5), 63 * SECOND);
    expect(quotes.take(1, 7, 0)?.from).toBe(4);
    expect(quotes.take(1, 7, 60 * SECOND)?.from).toBe(5);
  });

  it('is not kept without end', () => {
    const quotes = new QuoteTable();
    for (let echo = 0; echo < 100_000; echo++) quotes.add(1, echo, error(1), echo);
    expect(quotes.take(1, 99_999, 99_999)).toBeUndefined();
    expect(quotes.take(1, 16_383, 16_383)).toBeDefined();
    // There is room for one again.
    quotes.add(1, 99_999, error(1), 99_999);
    expect(quotes.take(1, 99_999, 99_999)).toBeDefined();
  });
});

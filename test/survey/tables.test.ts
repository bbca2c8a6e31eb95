/** Addresses and flows as small numbers: the same number for the same one, however many there are, and an end to it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressTable } from '../../src/survey/addresses.ts';
import { FlowTable } from '../../src/survey/flows.ts';
import { Family } from '../../src/survey/kind.ts';
import { anyIpv4, anyIpv6 } from '../wire/vectors.ts';

function ipv4(number: number): DataView {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, number);
  return view;
}

describe('addresses', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyIpv4, anyIpv6), { maxLength: 50 }), (texts) => {
        const table = new AddressTable();
        const ids = texts.map((text) => table.internText(text) ?? -1);
        expect(texts.map((text) => table.internText(text))).toEqual(ids);
        expect(new Set(ids).size).toBe(new Set(texts.map((_, index) => table.text(ids[index] ?? 0))).size);
        // The IPv4-mapped address is the IPv4 address.
        for (const [index, text] of texts.entries())
          if (!text.startsWith('::ffff:')) expect(table.text(ids[index] ?? 0)).toBe(text);
      }),
    );
  });

  it('keep their numbers while the table grows', () => {
    const table = new AddressTable();
    const many = 20_000;
    const numbers = () => Array.from({ length: many }, (_, n) => table.intern(ipv4(n * 7919 + 1), 0, 4));
    const first = numbers();
    expect(first).toEqual(Array.from({ length: many }, (_, n) => n + 1));
    expect(numbers()).toEqual(first);
    expect(table.size).toBe(many + 1);
  });

  it('beyond a quarter of a million share one number', () => {
    const table = new AddressTable();
    const most = 2 ** 18;
    for (let n = 1; n < most; n++) table.intern(ipv4(n), 0, 4);
    expect(table.intern(ipv4(most + 5), 0, 4)).toBe(0);
    expect(table.text(0)).toBe('other addresses');
    // Those that were there before are still told apart.
    expect(table.text(table.intern(ipv4(0x00010203), 0, 4))).toBe('0.1.2.3');
    expect(table.size).toBe(most);
  });

  it.each([
    ['0.0.0.0', true, true],
    ['::', false, true],
    ['10.0.0.1', true, false],
    ['fe80::1', false, false],
    ['::1', false, false],
    ['fe80::', false, false],
  ])('%s: IPv4 %s, unspecified %s', (text, v4, unspecified) => {
    const table = new AddressTable();
    const id = table.internText(text) ?? -1;
    expect([table.isV4(id), table.isUnspecified(id)]).toEqual([v4, unspecified]);
  });

  it('in text that is none has no number', () => {
    expect(new AddressTable().internText('example')).toBeUndefined();
  });
});

describe('flows', () => {
  it('are found again by who speaks to whom with what, while the table grows', () => {
    const table = new FlowTable();
    const flows: number[] = [];
    for (let n = 0; n < 20_000; n++) flows.push(table.find(n % 71, n, Family.echo), table.find(n, n % 71, Family.arp));
    for (let n = 0; n < 20_000; n += 7) {
      expect(table.find(n % 71, n, Family.echo)).toBe(flows[2 * n]);
      expect(table.known(n, n % 71, Family.arp)).toBe(flows[2 * n + 1]);
      expect(table.get(flows[2 * n] ?? 0)).toMatchObject({ source: n % 71, target: n, family: Family.echo });
    }
    expect(new Set(flows).size).toBe(40_000);
    expect(table.known(1, 2, Family.other)).toBe(-1);
  });

  it('keep their counts while the table grows', () => {
    const table = new FlowTable();
    const flow = table.find(1, 2, Family.echo);
    table.ask(flow);
    table.ask(flow);
    table.answer(flow, 100);
    table.answerAgain(flow);
    for (let n = 0; n < 40_000; n++) table.find(n, n + 1, Family.arp);
    table.answer(flow, 300);
    const last = table.find(39_999, 40_000, Family.arp);
    table.answer(last, 70);
    expect(table.get(last).rttNs).toEqual({ min: 70, avg: 70, max: 70 });
    expect(table.get(flow)).toMatchObject({
      requests: 2,
      answered: 2,
      furtherReplies: 1,
      rttNs: { min: 100, avg: 200, max: 300 },
    });
  });

  it('beyond half a million are taken together', () => {
    const table = new FlowTable();
    for (let n = 1; n < 2 ** 19; n++) table.find(n, 1, Family.other);
    expect(table.find(2 ** 19, 1, Family.other)).toBe(0);
    expect(table.find(7, 1, Family.other)).toBe(7);
    expect(table.size).toBe(2 ** 19);
  });
});

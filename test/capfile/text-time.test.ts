/** Time stamps of every kind, and what the sections say of them. */
import { describe, expect, it } from 'vitest';
import {
  readTextClock,
  readTextTally,
  TEXT_CLOCKS,
  textClockComment,
  textTallyComment,
} from '../../src/capfile/text-comment.ts';
import { readText } from './text.ts';

const PACKET = 'ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28';

async function times(...stamps: string[]): Promise<[bigint[], readonly string[]]> {
  const { frames, clocks } = await readText(stamps.map((stamp) => `${stamp}${PACKET}`).join('\n'));
  return [frames.map(({ frame }) => frame.timeNs), clocks];
}

const S = 1_000_000_000n;

describe('time stamps', () => {
  it('by default are of 1970-01-01', async () => {
    expect(await times('17:54:05.464764 ', '17:54:06.465922123 ')).toEqual([
      [64445n * S + 464_764_000n, 64446n * S + 465_922_123n],
      ['time-of-day'],
    ]);
  });

  it('go over midnight, and are not put out by a small step back', async () => {
    const [found] = await times(
      '23:59:59.900000 ',
      '00:00:00.100000 ',
      '00:00:00.099000 ',
      '23:59:59.000000 ',
      '00:00:01.000000 ',
    );
    const day = 86400n * S;
    expect(found).toEqual([day - 100_000_000n, day + 100_000_000n, day + 99_000_000n, 2n * day - S, 2n * day + S]);
  });

  it('with -tt are exact', async () => {
    expect(await times('1795219142.447874 ', '1795219142.447881000 ')).toEqual([
      [1795219142447874000n, 1795219142447881000n],
      ['absolute'],
    ]);
  });

  it('with -tttt have a date', async () => {
    expect(await times('2026-11-20 23:59:02.447874 ')).toEqual([[1795219142447874000n], ['absolute']]);
  });

  it('with -t are a microsecond apart, in order of lines', async () => {
    expect(await times('', '', '')).toEqual([[1000n, 2000n, 3000n], ['none']]);
  });

  it('with -ttt are deltas to the line before', async () => {
    expect(await times(' 00:00:00.000000 ', ' 00:00:00.500000 ', ' 00:00:01.000000 ', ' 00:00:00.250000 ')).toEqual([
      [0n, S / 2n, (S * 3n) / 2n, (S * 7n) / 4n],
      ['relative'],
    ]);
    expect((await times(' 00:00:00.000000 ', ' 00:00:01.000000 ', '-00:00:00.000003 '))[0]).toEqual([0n, S, S - 3000n]);
  });

  it('with -ttttt are offsets from the first line', async () => {
    expect(await times(' 00:00:00.000000 ', ' 00:00:00.500000 ', ' 00:00:01.000000 ', ' 00:00:01.250000 ')).toEqual([
      [0n, S / 2n, S, (S * 5n) / 4n],
      ['relative'],
    ]);
  });

  it('are what the command says, where the stamps alone cannot tell', async () => {
    const { frames } = await readText(
      [
        '# tcpdump -ttt -ni veth0',
        ` 00:00:00.000000 ${PACKET}`,
        ` 00:00:01.000000 ${PACKET}`,
        ` 00:00:01.000001 ${PACKET}`,
      ].join('\n'),
    );
    expect(frames.map(({ frame }) => frame.timeNs)).toEqual([0n, S, 2n * S + 1000n]);
  });

  it('of every capture start anew, and other kinds get a section of their own', async () => {
    const { frames, clocks, summary } = await readText(
      [
        'listening on veth0, link-type EN10MB (Ethernet)',
        ` 00:00:00.000000 ${PACKET}`,
        ` 00:00:01.000000 ${PACKET}`,
        'listening on br0, link-type EN10MB (Ethernet)',
        ` 00:00:00.000000 ${PACKET}`,
        'listening on veth1, link-type EN10MB (Ethernet)',
        `1795219142.447874 ${PACKET}`,
      ].join('\n'),
    );
    expect(frames.map(({ frame }) => [frame.place.name, frame.timeNs])).toEqual([
      ['veth0', 0n],
      ['veth0', S],
      ['br0', 0n],
      ['veth1', 1795219142447874000n],
    ]);
    expect(clocks).toEqual(['relative', 'absolute']);
    expect(summary.interfaces.map(({ name, section }) => [name, section])).toEqual([
      ['veth0', 0],
      ['br0', 0],
      ['veth1', 1],
    ]);
  });

  it('come in the order of lines while it is not known which deltas they are', async () => {
    const rising = Array.from({ length: 2500 }, (_, index) => ` 00:00:00.${String(index).padStart(6, '0')} ${PACKET}`);
    const { frames } = await readText(rising.join('\n'));
    expect(frames.map(({ line }) => line)).toEqual(rising.map((_, index) => index + 1));
    expect(frames.at(-1)?.frame.timeNs).toBe(2_499_000n);
  });
});

describe('comments of the sections', () => {
  it('are read back', () => {
    for (const clock of TEXT_CLOCKS) expect(readTextClock(textClockComment(clock))).toBe(clock);
    const tally = { packets: 12, left: { names: 3, unclear: 2, other: 1 } };
    expect(readTextTally(textTallyComment(tally))).toEqual(tally);
    expect(readTextClock(textTallyComment(tally))).toBeUndefined();
    expect(readTextTally('from tcpdump text; end: many packets')).toBeUndefined();
    expect(readTextClock('bridge-port-owns-ip: clock: none')).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { JsonValue } from '../../src/capfile/json-value.ts';
import { readKernelDrop, readKernelLife } from '../../src/capfile/recorded-drop.ts';
import { decimalsForBigints } from '../../src/capfile/recording.ts';
import type { KernelDrop } from '../../src/trace/kernel-life.ts';

const hop = { way: 'in', device: 'vA', lengthBytes: 84, timeNs: 1_700_000_000_000_000_001n, own: true } as const;
const DROP: KernelDrop = {
  timeNs: 1_700_000_000_000_000_002n,
  reason: 'IP_RPFILTER',
  function: 'ip_rcv_finish_core',
  protocol: 0x0800,
  hops: [hop],
  own: false,
  rivals: [[hop, hop], []],
  parent: [hop],
  resolving: '10.9.0.3',
  doubtful: true,
};
const written = (drop: unknown): JsonValue =>
  new JsonValue(JSON.parse(JSON.stringify(drop, decimalsForBigints)), 'drops[0]');

describe('a recorded drop', () => {
  it('comes back as it was', () => {
    const { parent: _, resolving: __, ...bare } = DROP;
    for (const drop of [DROP, bare]) expect(readKernelDrop(written(drop))).toEqual(drop);
  });

  it('has beside it the ways of packets that were not dropped', () => {
    for (const life of [{ hops: [hop], sentNs: 1n, afterNs: 2n }, { hops: [] }])
      expect(readKernelLife(written(life))).toEqual(life);
    expect(() => readKernelLife(written({ hops: [hop], sentNs: 'soon' }))).toThrow('drops[0].sentNs');
  });

  it.each([
    ['own', 'yes'],
    ['hops', [{ ...hop, way: 'up' }]],
    ['timeNs', 1],
    ['rivals', [hop]],
    ['protocol', -1],
  ])('with a wrong %s is refused by that name', (field, value) => {
    expect(() => readKernelDrop(written({ ...DROP, [field]: value }))).toThrow(`drops[0].${field}`);
  });
});

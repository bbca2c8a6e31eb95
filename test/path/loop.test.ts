import { describe, expect, it } from 'vitest';
import { cables, isLooped, loopThrough } from '../../src/path/loop.ts';
import { at } from '../trace/frames.ts';
import { type LinkSketch, topology } from './topology.ts';

/** Bridges of one namespace, and the veth pairs between them: `a: one two` is a0 in one and a1 in two. */
function joined(pairs: Readonly<Record<string, string>>, more: Readonly<Record<string, LinkSketch>> = {}) {
  const links: Record<string, LinkSketch> = {};
  for (const bridges of Object.values(pairs)) for (const name of bridges.split(' ')) links[name] ??= { kind: 'bridge' };
  for (const [pair, bridges] of Object.entries(pairs)) {
    const [one = '', two = ''] = bridges.split(' ');
    links[`${pair}0`] = { peer: `${pair}1@home`, master: one };
    links[`${pair}1`] = { peer: `${pair}0@home`, master: two };
  }
  for (const [name, sketch] of Object.entries(more)) links[name] = { ...links[name], ...sketch };
  return topology({ home: { links } });
}

const loop = (...given: Parameters<typeof joined>) =>
  loopThrough(cables(joined(...given)), at('one')).map(({ from }) => from.link.name);

describe('bridges', () => {
  it('in a row form no loop', () => {
    expect(isLooped(joined({ a: 'one two', b: 'two three' }), at('one'))).toBe(false);
  });

  it('joined twice, in a ring, or to themselves do', () => {
    expect(loop({ a: 'one two', b: 'one two' })).toEqual(['a0', 'b0']);
    expect(loop({ a: 'one two', b: 'two three', c: 'three one', d: 'three four' })).toEqual(['a0', 'b0', 'c0']);
    expect(loop({ a: 'one one' })).toEqual(['a0']);
  });

  it('with a way that is down do not', () => {
    expect(loop({ a: 'one two', b: 'one two' }, { b1: { down: true } })).toEqual([]);
  });

  it('are not looped where the loop is on another segment', () => {
    expect(loop({ a: 'one two', b: 'three four', c: 'three four' })).toEqual([]);
  });
});

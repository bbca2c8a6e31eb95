/** Queues and filters as tc lists them, and what is said where it cannot. */
import { describe, expect, it } from 'vitest';
import type { NetnsHandle } from '../../src/linux/netns.ts';
import type { Link } from '../../src/topology/model.ts';
import type { Outcome, RunProgram } from '../../src/topology/program.ts';
import { readTrafficControl, xdpOf } from '../../src/topology/traffic-control.ts';

const at = { id: 'box', inode: 1, names: ['box'], path: '/run/netns/box', pids: [] } as NetnsHandle;
const ok = (json: unknown): Outcome => ({ kind: 'ok', stdout: JSON.stringify(json) });
const QDISCS = [
  { kind: 'noqueue', dev: 'eth0', root: true, options: {} },
  { kind: 'tbf', dev: 'eth1', root: true, options: { rate: 1 }, drops: 7 },
  { kind: 'clsact', dev: 'eth1', parent: 'ffff:fff1', options: {} },
];

async function read(answer: (args: readonly string[]) => Outcome) {
  const gaps: string[] = [];
  const run: RunProgram = async (_at, _program, args) => answer(args);
  return { found: await readTrafficControl(run, at, (gap) => gaps.push(gap)), gaps };
}

describe('traffic control', () => {
  it('is read: what may drop on purpose, and filters at both hooks', async () => {
    const { found, gaps } = await read((args) => {
      if (args.includes('qdisc')) return ok(QDISCS);
      return ok([{ protocol: 'all', pref: 7, kind: 'u32', options: { fh: '800::800' } }]);
    });
    expect(gaps).toEqual([]);
    expect([...found.keys()]).toEqual(['eth1']);
    expect(found.get('eth1')).toMatchObject({
      queues: [{ kind: 'tbf', drops: 7 }],
      classifiers: [
        { hook: 'ingress', kind: 'u32', preference: 7, handle: '800::800' },
        { hook: 'egress', kind: 'u32' },
      ],
    });
  });

  it('is a gap, not silence, where there is no tc', async () => {
    const { found, gaps } = await read(() => ({ kind: 'missing', reason: 'not installed' }));
    expect(found.size).toBe(0);
    expect(gaps).toEqual(['tc: not installed, queues and traffic control of box unknown']);
  });

  it('is a gap for each hook whose filters could not be listed', async () => {
    const { found, gaps } = await read((args) =>
      args.includes('qdisc') ? ok(QDISCS) : { kind: 'failed', reason: 'no' },
    );
    expect(found.get('eth1')).toMatchObject({ queues: [{ kind: 'tbf' }], classifiers: [] });
    expect(gaps).toEqual([
      'tc: no, filters at ingress of eth1 in box unknown',
      'tc: no, filters at egress of eth1 in box unknown',
    ]);
  });
});

describe('XDP programs', () => {
  const linkWith = (xdp: unknown) => ({ data: xdp === undefined ? {} : { xdp } }) as unknown as Link;
  it.each([
    ['none', undefined, undefined],
    ['one of the driver', { mode: 1, prog: { id: 5 } }, { modes: ['xdp'], id: 5 }],
    ['a generic one', { mode: 2, prog: { id: 6 } }, { modes: ['xdpgeneric'], id: 6 }],
    ['of a mode that nobody knows', { mode: 9 }, { modes: [], id: undefined }],
    ['two', { mode: 4, attached: [{ mode: 1 }, { mode: 2 }] }, { modes: ['xdp', 'xdpgeneric'], id: undefined }],
  ])('%s', (_, xdp, expected) => {
    expect(xdpOf(linkWith(xdp))).toEqual(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { expectPath } from '../../src/path/expect.ts';
import type { Gate } from '../../src/path/gate.ts';
import { type LinkSketch, topology } from './topology.ts';

/** Gates of traffic control on the way from eth0@home to eth0@far: `kind verdict place`. */
function gates(near: LinkSketch['data'], far: LinkSketch['data'] = {}, sizeBytes = 56): string[] {
  const built = topology({
    home: { links: { eth0: { peer: 'eth0@far', addresses: ['10.9.0.2/24'], data: near ?? {} } } },
    far: { links: { eth0: { peer: 'eth0@home', addresses: ['10.9.0.3/24'], data: far ?? {} } } },
  });
  const path = expectPath(built, { start: { netns: 'home', name: 'eth0' }, destination: '10.9.0.3', sizeBytes });
  const about = (gate: Gate) => `${gate.kind} ${gate.verdict} ${gate.place.netns}`;
  const all = path.legs.flatMap(({ kind, steps }) =>
    steps.flatMap((step) =>
      step.kind === 'gate' && /^(queue|classifier|xdp)$/.test(step.gate.kind) ? [`${kind}: ${about(step.gate)}`] : [],
    ),
  );
  return [...new Set(all)];
}

const queue = (kind: string, options: object = {}) => ({ queues: [{ kind, options }] });
const shot = (k: number) => ({ 'direct-action': true, bytecode: { length: 1, insns: [{ code: 6, jt: 0, jf: 0, k }] } });
const filter = (options: object, more: object = {}) => ({
  hook: 'ingress',
  kind: 'bpf',
  protocol: 'ip',
  preference: 10,
  handle: '0x1',
  options,
  ...more,
});
const u32 = (value: string, mask: string, off: number, actions: object[] = []) =>
  filter({ match: { value, mask, offmask: '', off }, actions }, { kind: 'u32', preference: 5 });
const drop = { order: 1, kind: 'gact', control_action: { type: 'drop' } };

describe('a queueing discipline', () => {
  it.each([
    [queue('blackhole'), 'stop'],
    [queue('pfifo', { limit: 0 }), 'stop'],
    [queue('pfifo', { limit: 10 }), 'unknown'],
    [queue('netem', { 'loss-random': { loss: 1 } }), 'stop'],
    [queue('netem', { 'loss-random': { loss: 0.5 } }), 'unknown'],
    [queue('tbf', { burst: 20 }), 'stop'],
    [queue('tbf', { burst: 3000 }), 'unknown'],
    [queue('htb'), 'unknown'],
  ])('%j: %s', (data, verdict) => {
    expect(gates(data)).toContain(`echo-request: queue ${verdict} home`);
  });

  it('of its own kind is no gate', () => expect(gates({})).toEqual([]));
});

describe('a filter at ingress', () => {
  const seen = (...classifiers: object[]) => gates({}, { classifiers });

  it('that returns "shot" drops what it is for, and nothing else', () => {
    expect(seen(filter(shot(2)))).toEqual(['echo-request: classifier stop far']);
    expect(seen(filter(shot(2), { protocol: 'arp' }))).toEqual(['arp-request: classifier stop far']);
    expect(seen(filter(shot(2), { protocol: 'ipv6' }))).toEqual([]);
    expect(seen(filter(shot(0)))).toEqual([]);
    expect(seen(filter(shot(0xffffffff)))).toEqual([]);
  });

  it('ends the list where it matches', () => {
    expect(seen(filter(shot(0), { preference: 1 }), filter(shot(2)))).toEqual([]);
    expect(seen(filter(shot(0xffffffff), { preference: 1 }), filter(shot(2)))).toEqual([
      'echo-request: classifier stop far',
    ]);
  });

  it('that sends a copy elsewhere lets the packet pass, unless a further action does not', () => {
    const mirror = {
      order: 1,
      kind: 'mirred',
      mirred_action: 'mirror',
      to_dev: 'spy0',
      control_action: { type: 'pipe' },
    };
    expect(seen(u32('0a090003', 'ffffffff', 16, [mirror]))).toEqual([]);
    expect(seen(u32('0a090003', 'ffffffff', 16, [mirror, drop]))).toEqual(['echo-request: classifier unknown far']);
    const taken = { ...mirror, mirred_action: 'redirect', control_action: { type: 'stolen' } };
    expect(seen(u32('0a090003', 'ffffffff', 16, [taken]))).toEqual(['echo-request: classifier unknown far']);
  });

  it('for another address is passed over', () => {
    expect(seen(u32('0a090004', 'ffffffff', 16, [drop]))).toEqual([]);
    expect(seen(u32('0a090003', 'ffffffff', 16, [drop]))).toEqual(['echo-request: classifier unknown far']);
    expect(seen(u32('0a090000', 'ffffff00', 12, [drop]))).toEqual(['echo-request: classifier unknown far']);
  });

  it('that nobody can read may drop', () => {
    expect(seen(filter({ 'direct-action': true, prog: { id: 7 } }, { protocol: 'all' }))).toContain(
      'echo-request: classifier unknown far',
    );
    // It may match first, and let it pass.
    expect(seen(u32('0a090003', 'ffffffff', 16), filter(shot(2)))).toEqual(['echo-request: classifier unknown far']);
  });
});

it('nobody knows what an XDP program does', () => {
  expect(gates({}, { xdp: { mode: 1, prog: { id: 5 } } })).toContain('echo-request: xdp unknown far');
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectPath } from '../../src/path/expect.ts';
import { echoLength, longestFragment } from '../../src/path/mtu.ts';
import type { Topology } from '../../src/topology/model.ts';
import { type LinkSketch, type NamespaceSketch, topology } from './topology.ts';

//   home: eth0 10.9.0.2 ─── va ┐
//                              br0 (mid)
//   far:  eth0 10.9.0.3 ─── vb ┘
function bridged(links: Readonly<Record<string, LinkSketch>> = {}, mid: NamespaceSketch = {}): Topology {
  const { eth0 = {}, va = {}, vb = {}, far = {} } = links;
  return topology({
    home: { links: { eth0: { peer: 'va@mid', addresses: ['10.9.0.2/24'], ...eth0 } } },
    mid: {
      links: {
        br0: { kind: 'bridge' },
        va: { peer: 'eth0@home', master: 'br0', ...va },
        vb: { peer: 'eth0@far', master: 'br0', ...vb },
      },
      ...mid,
    },
    far: { links: { eth0: { peer: 'vb@mid', addresses: ['10.9.0.3/24'], ...far } } },
  });
}

/** `by place mtu`, of those that stop an echo with so many data bytes. */
function stops(built: Topology, sizeBytes: number, dontFragment: 'do' | 'want' | 'dont' = 'want'): string[] {
  const start = { netns: 'home', name: 'eth0' };
  return expectPath(built, { start, destination: '10.9.0.3', sizeBytes, dontFragment })
    .legs.flatMap(({ steps }) => steps)
    .flatMap((step) =>
      step.kind === 'gate' && step.gate.kind === 'mtu' && step.gate.verdict === 'stop'
        ? [`${step.gate.by} ${step.gate.place.name}@${step.gate.place.netns} ${step.gate.mtu}`]
        : [],
    );
}

describe('a packet that is longer than an MTU on its way', () => {
  it.each([
    [1372, []],
    [1376, []],
    [1377, ['peer va@mid 1400', 'bridge va@mid 1400']],
  ])('of %i data bytes meets 4 bytes of slack', (size, expected) => {
    expect(stops(bridged({ va: { mtu: 1400 } }), size)).toEqual(expected);
  });

  it('is dropped by the port that should send it', () => {
    expect(stops(bridged({ vb: { mtu: 1400 } }), 1400)).toEqual(['bridge vb@mid 1400', 'peer vb@mid 1400']);
  });

  it('is cut by its own sender', () => {
    expect(
      stops(bridged({ eth0: { mtu: 1300 }, va: { mtu: 1300 }, vb: { mtu: 1300 }, far: { mtu: 1300 } }), 4000),
    ).toEqual([]);
  });

  it('is not sent where its sender may not cut it', () => {
    expect(stops(bridged({ eth0: { mtu: 1300 } }), 1400, 'do')[0]).toBe('sender eth0@home 1300');
    expect(stops(bridged({ eth0: { mtu: 1300 } }), 1400, 'want')).not.toContain('sender eth0@home 1300');
  });

  it('may be cut by a bridge whose IP goes through netfilter, if it has no don’t-fragment bit', () => {
    const netfilter = { sysctls: { 'bridge.bridge-nf-call-iptables': 1 } };
    const small = { vb: { mtu: 1400 }, far: { mtu: 1400 } };
    expect(stops(bridged(small, netfilter), 1400, 'dont')).toEqual([]);
    expect(stops(bridged(small, netfilter), 1373)).toEqual(['bridge vb@mid 1400']);
    expect(stops(bridged(small), 1373)).toEqual([]);
  });
});

describe('the longest fragment', () => {
  it('fits, and carries a multiple of 8 bytes unless nothing is cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65507 }), fc.integer({ min: 68, max: 65535 }), (size, mtu) => {
        const whole = echoLength(size);
        const longest = longestFragment(whole, mtu);
        expect(longest).toBeLessThanOrEqual(Math.min(whole, mtu));
        if (whole > mtu) expect((longest - 20) % 8).toBe(0);
        else expect(longest).toBe(whole);
      }),
    );
  });
});

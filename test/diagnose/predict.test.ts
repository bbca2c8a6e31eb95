/** The model alone: what a trace proved, the state before it already told. */
import { describe, expect, it } from 'vitest';
import { predict } from '../../src/diagnose/predict.ts';
import { topology } from '../path/topology.ts';
import { recorded } from './recordings.ts';

const predicted = (rule: string) => {
  const { recording } = recorded(rule);
  return predict(recording.query, recording.before);
};

describe('without a packet', () => {
  it.each([
    'address-duplicate',
    'address-prefix-wrong',
    'arp-filtered',
    'arp-ignored',
    'arp-proxy-missing',
    'bridge-port-detached',
    'bridge-port-owns-ip',
    'container-no-network',
    'echo-ignored',
    'forwarding-off',
    'link-arp-off',
    'link-down',
    'link-mac-duplicate',
    'link-mtu-smaller',
    'link-qdisc-drop',
    'link-tc-drop',
    'loopback-down',
    'neighbor-wrong-mac',
    'reverse-path-filter',
    'source-is-local',
  ])('%s is named from the state', (rule) => {
    const { outcome, findings, exchanges } = predicted(rule);
    expect(findings[0]).toMatchObject({ rule, confidence: 'likely' });
    expect(findings.every(({ confidence }) => confidence !== 'proven')).toBe(true);
    expect(outcome).toBe('fault');
    expect(exchanges).toEqual([]);
  });

  it('what only sightings tell is not named', () => {
    const { outcome, findings } = predicted('link-xdp-drop');
    expect(findings).toEqual([]);
    expect(outcome).toBe('inconclusive');
  });

  it('a path without a gate that stops is healthy', () => {
    const built = topology({
      home: { links: { eth0: { peer: 'eth0@far', addresses: ['10.9.0.2/24'] } } },
      far: { links: { eth0: { peer: 'eth0@home', addresses: ['10.9.0.3/24'] } } },
    });
    const query = { start: { netns: 'home', name: 'eth0' }, destination: '10.9.0.3' };
    expect(predict(query, built)).toMatchObject({ outcome: 'healthy', findings: [], path: { end: 'delivered' } });
  });

  it('a path that leaves this machine is not known', () => {
    const built = topology({ home: { links: { eth0: { addresses: ['10.9.0.2/24'] } } } });
    const query = { start: { netns: 'home', name: 'eth0' }, destination: '10.9.0.3' };
    expect(predict(query, built)).toMatchObject({ outcome: 'inconclusive', findings: [] });
  });
});

import { describe, expect, it } from 'vitest';
import { predict } from '../../src/diagnose/predict.ts';
import { checkText } from '../../src/report/check-text.ts';
import type { Report } from '../../src/report/report.ts';
import { type NamespaceSketch, topology } from '../path/topology.ts';

function report(far: NamespaceSketch = {}): Report {
  const built = topology({
    home: { links: { eth0: { peer: 'eth0@far', addresses: ['10.9.0.2/24'] } } },
    far: { links: { eth0: { peer: 'eth0@home', addresses: ['10.9.0.3/24'] } }, ...far },
  });
  const query = { start: { netns: 'home', name: 'eth0' }, destination: '10.9.0.3' };
  return {
    version: '0',
    command: 'check',
    target: { interface: 'eth0', address: '10.9.0.3', netns: 'home' },
    probes: { sent: 0, received: 0, duplicates: 0, sizeBytes: 56 },
    diagnosis: predict(query, built),
  };
}
const terminal = { width: 100, color: false, unicode: false };
const ignored = report({ sysctls: { 'ipv4.icmp_echo_ignore_all': 1 } });

describe('a check', () => {
  it('that finds nothing says so, and every gate', () => {
    const text = checkText(report(), terminal);
    expect(text).toMatch(/^vdiag check: eth0 -> 10.9.0.3, no packet sent\n\nOK nothing stops eth0 -> 10.9.0.3\n/);
    expect(text).toContain('\nARP request for 10.9.0.3\n');
    expect(text).toContain('\n  eth0 out\n  eth0@far in\n    pass  arp-answer: eth0@far has ARP on\n');
    expect(text).toContain('\n  eth0, the socket\n');
    expect(text).not.toMatch(/STOP|cure|sysctl/);
    // One leg, although its reply had to be routed before it was sent.
    expect(text.match(/^echo reply 10.9.0.3 -> 10.9.0.2$/gm)).toHaveLength(1);
  });

  it('names the gate that stops, how to look at it, and the cure', () => {
    const text = checkText(ignored, terminal);
    expect(text).toContain('FAULT far ignores all echo requests (icmp_echo_ignore_all=1) [echo-ignored, likely]');
    expect(text).toContain(
      '    STOP  echo: icmp_echo_ignore_all is 1 where eth0@far is\n          ip netns exec far sysctl net.ipv4.icmp_echo_ignore_all\n',
    );
    expect(text).toMatch(
      /\ncure: let it answer\n {2}ip netns exec far sysctl -w net.ipv4.icmp_echo_ignore_all=0\nthen: /,
    );
  });

  it('is one headline when quiet, and has every command when verbose', () => {
    expect(checkText(ignored, terminal, { quiet: true }).trimEnd().split('\n')).toHaveLength(1);
    expect(checkText(report(), terminal, { verbose: true })).toContain('ip -n far link show eth0');
  });

  it('says when it does not know', () => {
    const text = checkText(
      report({
        nftables: [
          { chain: { family: 'ip', table: 'f', name: 'i', hook: 'input', policy: 'accept' } },
          { rule: { family: 'ip', table: 'f', chain: 'i', handle: 3, expr: [{ future: {} }, { drop: null }] } },
        ],
      }),
      terminal,
    );
    expect(text).toContain('nothing is known to stop eth0 -> 10.9.0.3, but not every gate is decided');
    expect(text).toMatch(/\n {4}\? {5}filter: /);
  });

  it('has no line that is wider than the terminal', () => {
    for (const line of checkText(ignored, { ...terminal, width: 60 })
      .split('\n')
      .filter((each) => !each.endsWith('\\')))
      expect(line.length, line).toBeLessThanOrEqual(64);
  });

  it('lets no control character through', () => {
    const hostile = report({ links: { 'e\u001b[31m': { peer: 'eth0@home', addresses: ['10.9.0.3/24'] } } });
    expect(checkText(hostile, terminal)).not.toContain('\u001b');
  });
});

import { describe, expect, it } from 'vitest';
import { reportJson } from '../../src/report/json.ts';
import type { Report } from '../../src/report/report.ts';
import { schemaOf } from '../schema.ts';
import {
  coverage,
  echo,
  echoExchange,
  finding,
  journey,
  link,
  namespace,
  place,
  report,
  START,
  topology,
  ZERO_NS,
} from './fixture.ts';
import { healthy, longWay, lostOnBridge, portOwnsIp } from './scenes.ts';

const validate = schemaOf('report');

/** As a reader gets it: what JSON cannot hold is gone or has thrown. */
function published(from: Report) {
  return JSON.parse(JSON.stringify(reportJson(from)));
}

/** Every optional field there is, at least once. */
function everything(): Report {
  const base = portOwnsIp();
  const example = echoExchange('10.0.0.1', '10.0.0.2', {
    request: {
      ...journey(7, 'echo-request', [{ at: 'eth0', ms: 0, packet: echo(8, '10.0.0.1', '10.0.0.2') }]),
      sequence: 1,
      fragments: journey(7, 'echo-request', [{ at: 'eth0', ms: 0, packet: echo(8, '10.0.0.1', '10.0.0.2') }]).sightings,
    },
    errors: [
      journey(8, 'icmp-error', [
        {
          at: 'eth0',
          ms: 1,
          packet: { ...echo(8, '10.0.0.9', '10.0.0.1'), icmp: { version: 4, type: 3, code: 4, mtu: 1400 } },
        },
      ]),
    ],
    probe: {
      sequence: 1,
      sentNs: ZERO_NS,
      error: { errno: 'EMSGSIZE', at: 'queue', icmp: { type: 3, code: 4, from: '10.0.0.9', mtu: 1400 } },
      replies: [{ timeNs: ZERO_NS + 1n, source: '10.0.0.2', ttl: 64, lengthBytes: 64 }],
    },
  });
  const full = namespace(START, [
    link('br0', 2, {
      kind: 'bridge',
      bridge: {
        stp: false,
        forwardDelay: 1500,
        ageingTime: 30000,
        vlanFiltering: false,
        mcastSnooping: true,
        nfCallIptables: false,
        nfCallArptables: false,
        groupAddress: '01:80:c2:00:00:00',
      },
      data: { vlan_protocol: '802.1Q', deep: { list: [1, null] } },
    }),
    link('vA', 3, {
      master: 2,
      peer: { index: 9 },
      port: {
        state: 'forwarding',
        hairpin: false,
        isolated: false,
        locked: false,
        learning: true,
        flood: true,
        mcastFlood: true,
        bcastFlood: true,
        neighSuppress: false,
        proxyArp: false,
        vlans: [{ id: 1, pvid: true, untagged: true }],
      },
      addresses: [
        { family: 4, address: '10.0.0.1', prefixLength: 32, scope: 'global', peer: '10.0.0.2', flags: ['secondary'] },
      ],
    }),
  ]);
  return {
    ...base,
    diagnosis: {
      ...base.diagnosis,
      example,
      exchanges: [example, ...base.diagnosis.exchanges, ...(base.diagnosis.example?.resolutions ?? [])],
      vanished: { last: place('eth0'), missing: place('vA@host'), leg: 0 },
      path: {
        ...base.diagnosis.path,
        legs: [
          {
            kind: 'echo-reply',
            source: '10.0.0.2',
            destination: '10.0.0.1',
            steps: [{ kind: 'socket', place: place('eth0') }],
          },
        ],
      },
      coverage: coverage(['eth0'], {
        lost: [
          { netns: 'host', frames: 3 },
          { netns: START, frames: 4 },
        ],
        gaps: ['x'],
      }),
      before: topology([
        {
          ...full,
          routes: [
            {
              family: 4,
              table: 'main',
              type: 'unicast',
              destination: '0.0.0.0/0',
              metric: 0,
              scope: 'global',
              protocol: 'boot',
              source: '10.0.0.1',
              nextHops: [{ gateway: '10.0.0.9', device: 'br0', flags: ['onlink'] }],
            },
          ],
          rules: [
            {
              family: 4,
              priority: 100,
              from: '10.0.0.0/24',
              to: '10.0.1.0/24',
              inputInterface: 'vA',
              outputInterface: 'br0',
              mark: 1,
              markMask: 255,
              action: 'lookup',
              table: 'main',
              undecidable: ['uidrange'],
            },
          ],
          neighbours: [
            {
              family: 4,
              address: '10.0.0.2',
              device: 'br0',
              mac: '0a:00:00:00:00:02',
              state: 'REACHABLE',
              proxy: false,
            },
          ],
          fdb: [
            {
              mac: '0a:00:00:00:00:02',
              device: 'vA',
              master: 'br0',
              vlan: 1,
              state: '',
              flags: ['self'],
              remote: '192.0.2.1',
            },
          ],
          filters: { nftables: [{ metainfo: {} }], iptablesLegacy: '*filter' },
        },
      ]),
    },
  };
}

describe('report as JSON', () => {
  it.each([
    ['a fault', portOwnsIp()],
    ['a healthy network', healthy()],
    ['an inconclusive one', lostOnBridge()],
    ['a long way', longWay(12)],
    ['every optional field', everything()],
    ['nothing sighted', report({})],
  ])('%s validates', (_, from) => {
    validate(published(from));
    expect(validate.errors ?? []).toEqual([]);
  });

  it('allows more fields at the top level, and nowhere else', () => {
    const document = published(everything());
    expect(validate({ ...document, addedLater: 1 })).toBe(true);
    for (const field of ['target', 'probes', 'path', 'coverage', 'topology', 'vanished'])
      expect(validate({ ...document, [field]: { ...document[field], addedLater: 1 } }), field).toBe(false);
    for (const field of ['findings', 'exchanges'])
      expect(validate({ ...document, [field]: [{ ...document[field][0], addedLater: 1 }] }), field).toBe(false);
  });

  it.each([
    'schema',
    'version',
    'command',
    'target',
    'outcome',
    'probes',
    'findings',
    'path',
    'exchanges',
    'coverage',
    'topology',
  ])('is not valid without %s', (field) => {
    const { [field]: _, ...document } = published(portOwnsIp());
    expect(validate(document)).toBe(false);
  });

  it('has the contract’s shape', () => {
    const document = published(portOwnsIp());
    expect(document).toMatchObject({
      schema: 'vdiag.report/1',
      version: '0.1.0',
      command: 'ping-trace',
      target: { interface: 'veth0', address: '1.2.3.102', netns: 'c1' },
      outcome: 'fault',
      probes: { sent: 3, received: 0, lossPercent: 100 },
      coverage: { framesCaptured: 12, framesLost: 0 },
    });
    expect(document.findings[0]).toMatchObject({
      rule: 'bridge-port-owns-ip',
      where: { netns: 'c1', interface: 'veth0' },
      blocks: 'now',
      remedy: [{ commands: ['ip addr del 1.2.3.101/24 dev veth0', 'ip addr add 1.2.3.101/24 dev br0'] }],
    });
    expect(document.exchanges[0].resolutions[0].request.sightings[1]).toEqual({
      netns: 'c1',
      interface: 'veth1',
      direction: 'in',
      timeNs: '1700000000000003000',
      packetType: 'host',
      text: 'ARP, Request who-has 1.2.3.102 tell 1.2.3.101, length 28',
    });
  });

  it('publishes no field of a gate that the schema does not know', () => {
    const steps = published(portOwnsIp()).path.legs[1].steps;
    expect(Object.keys(steps.at(-1))).toEqual(['kind', 'gate', 'place', 'verdict', 'facts']);
  });

  it('adds the frames lost and rounds the loss', () => {
    const document = published({ ...everything(), probes: { sent: 3, received: 2, duplicates: 1, sizeBytes: 56 } });
    expect(document.coverage.framesLost).toBe(7);
    expect(document.probes).toEqual({ sent: 3, received: 2, duplicates: 1, lossPercent: 33.3333, sizeBytes: 56 });
  });

  it('leaves hostile strings as they are', () => {
    const title = '\u001b[2J\u202eevil\n';
    const document = published(
      report({ findings: [finding('request-lost', { title, where: place('\u001b]0;x\u0007@c1') })] }),
    );
    expect(document.findings[0].title).toBe(title);
    expect(document.findings[0].where.interface).toBe('\u001b]0;x\u0007');
    expect(JSON.stringify(reportJson(report({ findings: [finding('request-lost', { title })] })))).not.toContain(
      '\u001b',
    );
    validate(document);
    expect(validate.errors ?? []).toEqual([]);
  });
});

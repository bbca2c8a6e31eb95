/** The networks the golden texts are drawn from. */
import type { Leg } from '../../src/path/model.ts';
import type { Report } from '../../src/report/report.ts';
import {
  along,
  arp,
  arpExchange,
  coverage,
  echo,
  echoExchange,
  finding,
  leg,
  link,
  namespace,
  place,
  report,
  START,
  topology,
} from './fixture.ts';

/** veth0 1.2.3.101 and veth1 1.2.3.102 in one namespace, veth0 a port of br0: the reply ends on br0. */
export function portOwnsIp(): Report {
  const [from, to] = ['1.2.3.101', '1.2.3.102'];
  const ask = (id: number, ms: number) => along(id, 'arp-request', ms, ['veth0', 'veth1'], arp(1, from, to), 0.003);
  const answer = (id: number, ms: number) =>
    along(id, 'arp-reply', ms, ['veth1', 'veth0', 'br0'], arp(2, to, from), 0.003);
  const example = echoExchange(from, to, {
    resolutions: [
      arpExchange(ask(1, 0), [answer(2, 0.012)]),
      arpExchange(ask(3, 1023.8), [answer(4, 1023.815)]),
      arpExchange(ask(5, 2047.8), [answer(6, 2047.811)]),
    ],
  });
  return report(
    {
      findings: [
        finding('bridge-port-owns-ip', {
          title: '1.2.3.101/24 is on veth0, a port of br0: what comes in on veth0 goes to br0',
          summary:
            'veth1 answered, and the answer came in on veth0. A bridge port hands what it receives to its bridge, so the answer went up on br0 and the stack never saw it on veth0, where it was waited for.',
          where: place('veth0'),
          evidence: [
            {
              kind: 'sighting',
              text: 'arp reply came in on veth0',
              place: place('veth0'),
              timeNs: 1_700_000_000_000_015_000n,
              journey: 2,
            },
            { kind: 'absence', text: 'no echo request left', place: place('veth0') },
            { kind: 'state', text: 'veth0 has master br0 and address 1.2.3.101/24', look: 'ip -d addr show dev veth0' },
          ],
          remedies: [
            {
              why: 'move the address from the port to the bridge',
              commands: ['ip addr del 1.2.3.101/24 dev veth0', 'ip addr add 1.2.3.101/24 dev br0'],
              verify: 'vdiag ping-trace br0 1.2.3.102',
            },
          ],
          blocks: 'now',
        }),
        finding('source-is-local', {
          confidence: 'likely',
          title: '1.2.3.101 is local where veth1 receives it, and accept_local is 0',
          remedies: [{ why: 'accept it', commands: ['sysctl -w net.ipv4.conf.veth1.accept_local=1'], verify: '' }],
          blocks: 'next',
        }),
        finding('checksum-offloaded', {
          severity: 'note',
          title: 'checksums are unfinished at veth0, as they should be',
        }),
      ],
      path: {
        end: 'stopped',
        legs: [
          leg('arp-request', from, to, ['veth0', 'veth1']),
          {
            ...leg('arp-reply', from, to, ['veth1', 'veth0', 'br0']),
            steps: [
              ...leg('arp-reply', from, to, ['veth1', 'veth0', 'br0']).steps,
              {
                kind: 'gate',
                gate: {
                  kind: 'stack',
                  place: place('br0'),
                  verdict: 'stop',
                  waiting: place('veth0'),
                  arrived: place('br0'),
                  awaits: 'neighbour',
                  address: from,
                  facts: [
                    { text: 'the entry waits on veth0', look: 'ip neigh show dev veth0' },
                    { text: 'br0 has no address' },
                  ],
                },
              },
            ],
          },
          leg('echo-request', from, to, ['veth0', 'veth1']),
        ],
      },
      example,
      exchanges: [example],
      vanished: { last: place('br0'), missing: place('veth0'), leg: 2 },
      coverage: coverage(['veth0', 'veth1', 'br0', 'lo']),
      before: topology([
        namespace(START, [
          link('veth0', 2, {
            master: 4,
            peer: { netns: START, index: 3 },
            addresses: [{ family: 4, address: from, prefixLength: 24, scope: 'global', flags: [] }],
          }),
          link('veth1', 3, { peer: { netns: START, index: 2 } }),
          link('br0', 4, { kind: 'bridge' }),
        ]),
      ]),
    },
    { target: { interface: 'veth0', address: to, netns: START } },
  );
}

const CONTAINERS = ['eth0', 'vA@host', 'br0@host', 'vB@host', 'eth0@c2'];

/** Two containers behind a bridge, everything well. */
export function healthy(): Report {
  const [from, to] = ['10.9.0.2', '10.9.0.3'];
  const back = [...CONTAINERS].reverse();
  return report(
    {
      outcome: 'healthy',
      path: { end: 'delivered', legs: containerLegs(from, to) },
      example: echoExchange(from, to, {
        resolutions: [
          arpExchange(along(1, 'arp-request', 0, CONTAINERS, arp(1, from, to)), [
            along(2, 'arp-reply', 0.021, back, arp(2, to, from)),
          ]),
        ],
        request: along(3, 'echo-request', 0.04, CONTAINERS, echo(8, from, to)),
        replies: [along(4, 'echo-reply', 0.062, back, echo(0, to, from))],
      }),
      coverage: coverage(CONTAINERS),
      before: topology([namespace(START, [link('eth0', 2)])]),
    },
    { probes: { sent: 3, received: 3, duplicates: 0, sizeBytes: 56, rttMs: { min: 0.041, avg: 0.0551, max: 0.08 } } },
  );
}

function containerLegs(from: string, to: string): Leg[] {
  const back = [...CONTAINERS].reverse();
  return [
    leg('arp-request', from, to, CONTAINERS),
    leg('arp-reply', from, to, back),
    leg('echo-request', from, to, CONTAINERS),
    leg('echo-reply', to, from, back),
  ];
}

/** The same, the request never leaves the bridge; the copy for a third container is beside the path. */
export function lostOnBridge(): Report {
  const [from, to] = ['10.9.0.2', '10.9.0.3'];
  const asked = along(1, 'arp-request', 0, ['eth0', 'vA@host', 'br0@host', 'vC@host'], arp(1, from, to));
  return report({
    outcome: 'inconclusive',
    findings: [
      finding('request-lost', {
        confidence: 'possible',
        title: 'the arp request was seen on br0@host and never on vB@host',
        summary: 'Nothing known explains it.',
        where: place('br0@host'),
        blocks: 'now',
      }),
    ],
    path: { end: 'unknown', legs: containerLegs(from, to) },
    example: echoExchange(from, to, { resolutions: [arpExchange(asked)] }),
    vanished: { last: place('br0@host'), missing: place('vB@host'), leg: 0 },
    coverage: coverage(['eth0', 'vA@host', 'br0@host', 'vB@host'], {
      gaps: ['eth0@c2: permission denied'],
      lost: [{ netns: 'host', frames: 12 }],
    }),
    before: topology([], ['nft: not installed, filter rules of host unknown']),
  });
}

/** A way over so many places, each in a namespace of its own but the first. */
export function longWay(places: number): Report {
  const names = Array.from({ length: places }, (_, index) => (index === 0 ? 'eth0' : `veth${index}@space${index}`));
  const [from, to] = ['10.0.0.1', '10.0.12.2'];
  const far = names.slice(0, Math.max(1, places - 1));
  return report({
    findings: [finding('forwarding-off', { title: 'nothing is forwarded', summary: 'It stops.', blocks: 'now' })],
    path: { end: 'stopped', legs: [leg('echo-request', from, to, names)] },
    example: echoExchange(from, to, { request: along(1, 'echo-request', 0, far, echo(8, from, to)) }),
    vanished: { last: place(far.at(-1) ?? ''), missing: place(names.at(-1) ?? ''), leg: 0 },
    coverage: coverage(names),
  });
}

/** From a container through its host to a router that does not answer: NAT on the way, and an error comes back. */
export function routed(): Report {
  const [from, to] = ['10.9.0.2', '192.0.2.2'];
  const out = ['eth0', 'vA@host', 'br0@host', 'up0@host', 'eth0@e'];
  const inside = along(5, 'echo-request', 0.3, ['eth0', 'vA@host', 'br0@host'], echo(8, from, to));
  const outside = along(5, 'echo-request', 0.33, ['up0@host', 'eth0@e'], echo(8, '192.0.2.1', to, 1, 63));
  const refusal = { ...echo(8, to, '192.0.2.1'), icmp: { version: 4, type: 3, code: 13 } as const };
  return report(
    {
      findings: [
        finding('filter-rejected', {
          title: 'eth0@e rejects the echo request: administratively prohibited',
          summary: 'A rule at 192.0.2.2 answers with an ICMP error.',
          where: place('eth0@e'),
          evidence: [{ kind: 'sighting', text: 'ICMP administratively prohibited', place: place('eth0@e') }],
          remedies: [
            {
              why: 'accept echo before the rule that rejects it, in the namespace e',
              commands: [
                "ip netns exec e nft insert rule inet filter input ip saddr 192.0.2.1 icmp type echo-request counter accept comment 'let ping in'",
              ],
              verify: 'vdiag ping-trace eth0 192.0.2.2',
            },
          ],
          blocks: 'now',
        }),
      ],
      path: {
        end: 'stopped',
        legs: [
          leg('arp-request', from, '10.9.0.1', out.slice(0, 3)),
          leg('arp-reply', from, '10.9.0.1', out.slice(0, 3).reverse()),
          leg('echo-request', from, to, out),
          leg('echo-reply', to, from, [...out].reverse()),
        ],
      },
      example: echoExchange(from, to, {
        resolutions: [
          arpExchange(along(1, 'arp-request', 0, out.slice(0, 3), arp(1, from, '10.9.0.1')), [
            along(2, 'arp-reply', 0.05, out.slice(0, 3).reverse(), arp(2, '10.9.0.1', from)),
          ]),
        ],
        request: { ...inside, sightings: [...inside.sightings, ...outside.sightings] },
        errors: [along(6, 'icmp-error', 0.4, [...out].reverse(), refusal)],
      }),
      vanished: { last: place('eth0@e'), missing: place('eth0@e'), leg: 3 },
      coverage: coverage(out),
    },
    { target: { interface: 'eth0', address: to, netns: START } },
  );
}

/** What changed between two states, and what is no change: what a probe brings about by itself. */
import { describe, expect, it } from 'vitest';
import { differences } from '../../src/topology/difference.ts';
import type { Link, Namespace, Topology } from '../../src/topology/model.ts';
import { recorded } from '../diagnose/recordings.ts';

const { before } = recorded('reply-slow').recording;
const ID = 'abbey';

function inAbbey(edit: (namespace: Namespace) => Namespace): Topology {
  return { ...before, namespaces: before.namespaces.map((one) => (one.id === ID ? edit(one) : one)) };
}
const linkTo = (name: string, edit: (link: Link) => Link) =>
  inAbbey((one) => ({ ...one, links: one.links.map((link) => (link.name === name ? edit(link) : link)) }));
const texts = (after: Topology) => differences(before, after).map(({ text }) => text);
const route = {
  family: 4 as const,
  table: 'main',
  type: 'unicast',
  destination: '198.51.100.0/24',
  metric: 0,
  scope: 'global',
  protocol: 'static',
  nextHops: [{ gateway: '10.146.5.9', device: 'nave', flags: [] }],
};

describe('differences', () => {
  it('are none where nothing changed', () => {
    expect(differences(before, before)).toEqual([]);
  });

  it.each<[string, Topology, string]>([
    ['a device set down', linkTo('n3', (link) => ({ ...link, flags: ['BROADCAST'] })), 'n3@abbey: it was up, is down'],
    ['a new name', linkTo('n3', (link) => ({ ...link, name: 'n9' })), 'n3@abbey: its name was n3, is n9'],
    ['an MTU', linkTo('nave', (link) => ({ ...link, mtu: 1280 })), 'nave@abbey: its mtu was 1500, is 1280'],
    [
      'a port state',
      linkTo('n2', (link) => (link.port ? { ...link, port: { ...link.port, state: 'blocking' } } : link)),
      'n2@abbey: its state as a port was forwarding, is blocking',
    ],
    [
      'a port flag',
      linkTo('n2', (link) => (link.port ? { ...link, port: { ...link.port, isolated: true } } : link)),
      'n2@abbey: isolated was off, is on',
    ],
    ['another bridge', linkTo('n2', ({ master: _, ...link }) => link), 'n2@abbey: its bridge was nave, is none'],
    [
      'a queue',
      linkTo('n3', (link) => ({ ...link, data: {} })),
      'n3@abbey: its queueing discipline was tbf, is the ordinary one',
    ],
    [
      'an address',
      linkTo('nave', (link) => ({
        ...link,
        addresses: [
          { family: 4, address: '10.146.5.1', prefixLength: 24, scope: 'global', flags: [] },
          ...link.addresses,
        ],
      })),
      'nave@abbey: it has got 10.146.5.1/24',
    ],
    [
      'a carrier',
      linkTo('n3', (link) => ({ ...link, flags: [...link.flags.filter((flag) => flag !== 'LOWER_UP'), 'NO-CARRIER'] })),
      'n3@abbey: it has lost its carrier',
    ],
    [
      'a device gone',
      inAbbey((one) => ({ ...one, links: one.links.filter(({ name }) => name !== 'n3') })),
      'n3@abbey is gone',
    ],
    [
      'a route',
      inAbbey((one) => ({ ...one, routes: [...one.routes, route] })),
      'the route 198.51.100.0/24 via 10.146.5.9 dev nave is new in namespace abbey',
    ],
    [
      'a setting',
      inAbbey((one) => ({ ...one, sysctls: { ...one.sysctls, 'ipv4.ip_forward': 1 } })),
      'net.ipv4.ip_forward was 0, is 1 in namespace abbey',
    ],
    [
      'a namespace',
      { ...before, namespaces: before.namespaces.filter(({ id }) => id !== ID) },
      'namespace abbey has vanished',
    ],
  ])('tell of %s', (_, after, text) => {
    expect(texts(after)).toEqual([text]);
  });

  it('are typed, with what it was and what it is', () => {
    expect(
      differences(
        before,
        linkTo('nave', (link) => ({ ...link, mtu: 1280 })),
      ),
    ).toEqual([
      {
        kind: 'link-mtu',
        netns: ID,
        name: 'nave',
        what: 'its mtu',
        was: '1500',
        is: '1280',
        text: 'nave@abbey: its mtu was 1500, is 1280',
      },
    ]);
  });

  it('tell of filter rules, and not of their counters', () => {
    const rule = (packets: number, verdict: 'drop' | 'accept') => ({
      rule: {
        family: 'ip',
        table: 't',
        chain: 'c',
        handle: 4,
        expr: [{ counter: { packets, bytes: 9 } }, { [verdict]: null }],
      },
    });
    const state = (packets: number, verdict: 'drop' | 'accept') =>
      inAbbey((one) => ({ ...one, filters: { ...one.filters, nftables: [rule(packets, verdict)] } }));
    expect(differences(state(1, 'drop'), state(7, 'drop'))).toEqual([]);
    expect(differences(state(1, 'drop'), state(7, 'accept')).map(({ kind }) => kind)).toEqual(['filter-rules']);
  });

  it('are not what the probe learns, nor what the kernel counts', () => {
    const learnt = inAbbey((one) => ({
      ...one,
      fdb: [],
      neighbours: [
        {
          family: 4,
          address: '10.146.5.2',
          device: 'nave',
          mac: '02:00:00:00:00:01',
          state: 'REACHABLE',
          proxy: false,
        },
      ],
      sysctls: { ...one.sysctls, 'netfilter.nf_conntrack_count': 99 },
    }));
    const counted = linkTo('n3', (link) => ({
      ...link,
      data: { ...link.data, queues: [{ kind: 'tbf', options: {}, drops: 12 }] },
    }));
    expect([...texts(learnt), ...texts(counted)]).toEqual([]);
  });
});

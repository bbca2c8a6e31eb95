/** The bridge rules on their recordings, with the state that proves them taken away: what was sighted stays, the rule is silent. */
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose/engine.ts';
import type { Diagnosis } from '../../src/diagnose/finding.ts';
import { editLink } from '../../src/topology/edit.ts';
import type { BridgePort, BridgeSettings, Link, Namespace, Topology } from '../../src/topology/model.ts';
import { inputOf, recorded } from './recordings.ts';

type Edit = (namespace: Namespace) => Namespace;

/** The recording of a rule, diagnosed as if the kernel's state had been another one, before and after. */
function edited(rule: string, edit: Edit): Diagnosis {
  const input = inputOf(recorded(rule));
  const change = (topology: Topology): Topology => ({ ...topology, namespaces: topology.namespaces.map(edit) });
  return diagnose({
    ...input,
    before: change(input.before),
    ...(input.after ? { after: change(input.after) } : {}),
  });
}

const links =
  (edit: (link: Link) => Link): Edit =>
  (namespace) => ({ ...namespace, links: namespace.links.map(edit) });
const ports = (more: Partial<BridgePort>, only?: string): Edit =>
  links((link) =>
    link.port && (only ?? link.name) === link.name ? { ...link, port: { ...link.port, ...more } } : link,
  );
const bridges = (more: Partial<BridgeSettings>): Edit =>
  links((link) => (link.bridge ? { ...link, bridge: { ...link.bridge, ...more } } : link));
const sysctl =
  (name: string, value: number): Edit =>
  (namespace) => ({ ...namespace, sysctls: { ...namespace.sysctls, [name]: value } });
/** A rule that may accept everything stands before all others. */
const doubtful: Edit = (namespace) => ({
  ...namespace,
  filters: {
    ...namespace.filters,
    nftables: (namespace.filters.nftables ?? []).flatMap((entry) => {
      const chain = (entry as { chain?: { family: string; table: string; name: string; hook?: string } }).chain;
      if (!chain?.hook) return [entry];
      const { family, table, name } = chain;
      const expr = [{ limit: { rate: 9, per: 'second' } }, { accept: null }];
      return [entry, { rule: { family, table, chain: name, handle: 99, expr } }];
    }),
  },
});

const SILENT: readonly (readonly [rule: string, what: string, edit: Edit])[] = [
  ['bridge-port-isolated', 'one port alone is isolated', ports({ isolated: false }, 'd1')],
  ['bridge-port-isolated', 'no port is', ports({ isolated: false })],
  ['bridge-port-not-forwarding', 'all ports forward', ports({ state: 'forwarding' })],
  ['bridge-broadcast-flood-off', 'broadcasts are flooded', ports({ bcastFlood: true })],
  ['bridge-unicast-flood-off', 'what is not known is flooded', ports({ flood: true })],
  ['bridge-unicast-flood-off', 'the address is learnt', ports({ learning: true })],
  [
    'bridge-fdb-wrong-port',
    'the entry is not sticky',
    (namespace) => ({ ...namespace, fdb: namespace.fdb.map((entry) => ({ ...entry, flags: [] })) }),
  ],
  ['bridge-fdb-wrong-port', 'there is no entry', (namespace) => ({ ...namespace, fdb: [] })],
  ['bridge-hairpin-off', 'hairpin is on', ports({ hairpin: true })],
  ['bridge-port-locked', 'no port is locked', ports({ locked: false })],
  [
    'bridge-port-locked',
    'the sender is known there',
    (namespace) => ({
      ...namespace,
      fdb: recorded('bridge-port-locked')
        .recording.before.namespaces.flatMap((one) => one.links)
        .filter(({ name }) => name === 'eth0')
        .map(({ mac }) => ({ mac, device: 'wall', master: 'lan8', state: 'static', flags: [] })),
    }),
  ],
  ['bridge-vlan-mismatch', 'the bridge does not filter by VLAN', bridges({ vlanFiltering: false })],
  ['bridge-vlan-mismatch', 'all ports are in one', ports({ vlans: [{ id: 1, pvid: true, untagged: true }] })],
  [
    'bridge-vlan-mismatch',
    'the VLANs were not read',
    (namespace) => bridges({ vlans: [] })(ports({ vlans: [] })(namespace)),
  ],
  ['bridge-netfilter-drop', 'bridge-nf-call-iptables is 0', sysctl('bridge.bridge-nf-call-iptables', 0)],
  ['bridge-netfilter-drop', 'a rule before the policy may accept it', doubtful],
  ['bridge-filter-drop', 'a rule before may accept it', doubtful],
  ['bridge-filter-drop', 'there are no rules', (namespace) => ({ ...namespace, filters: { nftables: [] } })],
  [
    'bridge-mac-changed',
    "the bridge's address is its own",
    (namespace) => editLink(namespace, 'cbr', (link) => ({ ...link, mac: '02:00:00:00:00:77' })),
  ],
  [
    'bridge-mac-changed',
    "the entry's address is nobody's, and was set by hand",
    (namespace) => ({
      ...namespace,
      neighbours: namespace.neighbours.map((entry) => ({ ...entry, mac: '02:00:00:00:00:78', state: 'PERMANENT' })),
    }),
  ],
  ['bridge-loop', 'one of the ways is closed', ports({ state: 'blocking' }, 'b0')],
];

const rulesOf = ({ findings }: Diagnosis) => findings.map(({ rule }) => rule);

describe('a rule of the bridge', () => {
  it.each([...new Set(SILENT.map(([rule]) => rule))])('%s fires on its recording as it is', (rule) => {
    expect(rulesOf(edited(rule, (namespace) => namespace))).toContain(rule);
  });

  it.each(SILENT)('%s is silent where %s', (rule, _, edit) => {
    expect(rulesOf(edited(rule, edit))).not.toContain(rule);
  });
});

describe('the remedy', () => {
  const commands = (rule: string, edit: Edit = (namespace) => namespace) =>
    edited(rule, edit).findings[0]?.remedies.flatMap(({ commands }) => commands) ?? [];
  it('turns no STP off where a port is blocking', () => {
    const blocked =
      (stp: boolean): Edit =>
      (namespace) =>
        bridges({ stp })(ports({ state: 'blocking' })(namespace));
    expect(commands('bridge-port-not-forwarding', blocked(true))).toEqual([]);
    expect(commands('bridge-port-not-forwarding', blocked(false))).toEqual([
      'bridge -n hub link set dev sw7 state forwarding',
    ]);
  });

  it("goes to DOCKER-USER where Docker's chains are, else to the chain at the hook", () => {
    expect(commands('bridge-netfilter-drop')).toEqual([
      'ip netns exec dock iptables-nft -I DOCKER-USER -i app-net -o app-net -j ACCEPT',
    ]);
    const plain: Edit = (namespace) => ({
      ...namespace,
      filters: {
        nftables: [
          { chain: { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', prio: 0, policy: 'drop' } },
        ],
      },
    });
    expect(commands('bridge-netfilter-drop', plain)).toEqual([
      `ip netns exec dock nft insert rule ip filter FORWARD 'iifname "app-net" oifname "app-net" accept'`,
    ]);
  });

  it('deletes a rule that asks for something, and leaves a policy alone', () => {
    expect(commands('bridge-filter-drop')).toEqual([
      'ip netns exec hyper nft delete rule bridge vmfilter pass handle 4',
    ]);
    const policy: Edit = (namespace) => ({
      ...namespace,
      filters: {
        nftables: [{ chain: { family: 'bridge', table: 'f', name: 'c', hook: 'forward', prio: 0, policy: 'drop' } }],
      },
    });
    expect(commands('bridge-filter-drop', policy)).toEqual([
      `ip netns exec hyper nft insert rule bridge f c 'iifname { "l1", "l2" } oifname { "l1", "l2" } accept'`,
    ]);
  });
});

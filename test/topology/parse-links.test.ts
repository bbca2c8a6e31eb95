import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLinks, parseVlans } from '../../src/topology/parse-links.ts';

/** As iproute2 6.1 prints them on Linux 6.18, what no test looks at left out. */
const bridge = {
  ifindex: 2,
  ifname: 'br0',
  flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
  mtu: 1500,
  qdisc: 'noqueue',
  operstate: 'UP',
  link_type: 'ether',
  address: '6A:CB:27:a2:59:4c',
  promiscuity: 0,
  linkinfo: {
    info_kind: 'bridge',
    info_data: {
      forward_delay: 1500,
      ageing_time: 30000,
      stp_state: 1,
      vlan_filtering: 0,
      gc_timer: 0.04,
      group_addr: '01:80:c2:00:00:00',
      mcast_snooping: 1,
      priority: 32768,
      nf_call_iptables: 1,
      nf_call_arptables: 0,
    },
  },
  addr_info: [
    { family: 'inet', local: '10.9.0.1', prefixlen: 24, scope: 'global', label: 'br0', secondary: true },
    { family: 'inet', local: '10.7.0.1', address: '10.7.0.2', prefixlen: 32, scope: 'global' },
    { family: 'inet6', local: 'FE80::0:1', prefixlen: 64, scope: 'link', tentative: true, dadfailed: true },
    { family: 'mpls', local: '7' },
  ],
};

const port = {
  ifindex: 3,
  link_index: 2,
  ifname: 'v1',
  flags: ['BROADCAST', 'UP'],
  mtu: 1400,
  master: 'br0',
  operstate: 'LOWERLAYERDOWN',
  link_type: 'ether',
  address: '6a:cb:27:a2:59:4d',
  link_netnsid: 0,
  linkinfo: {
    info_kind: 'veth',
    info_slave_kind: 'bridge',
    info_slave_data: {
      state: 'blocking',
      hairpin: true,
      learning: false,
      flood: true,
      isolated: true,
      bcast_flood: false,
    },
  },
  addr_info: [],
};

const near = { ifindex: 5, ifname: 'p1', link: 'p0', link_type: 'ether', linkinfo: { info_kind: 'veth' } };
const far = { ifindex: 6, ifname: 'p0', link: 'p1', link_type: 'ether', linkinfo: { info_kind: 'veth' } };

const parsed = (...entries: unknown[]) => parseLinks(entries);
const first = (...entries: unknown[]) => parsed(...entries)[0]?.link;

describe('links', () => {
  it('are read with their settings', () => {
    expect(first(bridge)).toEqual({
      index: 2,
      name: 'br0',
      kind: 'bridge',
      mac: '6a:cb:27:a2:59:4c',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      operstate: 'up',
      mtu: 1500,
      addresses: [
        { family: 4, address: '10.9.0.1', prefixLength: 24, scope: 'global', flags: ['secondary'] },
        { family: 4, address: '10.7.0.1', peer: '10.7.0.2', prefixLength: 32, scope: 'global', flags: [] },
        { family: 6, address: 'fe80::1', prefixLength: 64, scope: 'link', flags: ['tentative', 'dadfailed'] },
      ],
      bridge: {
        stp: true,
        forwardDelay: 1500,
        ageingTime: 30000,
        vlanFiltering: false,
        mcastSnooping: true,
        nfCallIptables: true,
        nfCallArptables: false,
        groupAddress: '01:80:c2:00:00:00',
      },
      ipv4: {},
      ipv6: {},
      data: { priority: 32768, qdisc: 'noqueue', promiscuity: 0 },
    });
  });

  it('know their bridge by number, and what their port may do', () => {
    const link = parsed(bridge, port)[1]?.link;
    expect(link).toMatchObject({ master: 2, operstate: 'lowerlayerdown', mtu: 1400 });
    expect(link?.port).toEqual({
      state: 'blocking',
      hairpin: true,
      isolated: true,
      locked: false,
      learning: false,
      flood: true,
      mcastFlood: true,
      bcastFlood: false,
      neighSuppress: false,
      proxyArp: false,
      vlans: [],
    });
  });

  it('have a master only where it is among them', () => {
    expect(first(port)).not.toHaveProperty('master');
  });

  it('keep a peer in another namespace apart from one in the same', () => {
    expect(parsed(port)).toMatchObject([{ link: { peer: { index: 2 } }, linkNetnsid: 0, peerIsHere: false }]);
    const [a, b] = parsed(near, far);
    expect(a).toMatchObject({ link: { peer: { index: 6 } }, peerIsHere: true });
    expect(b).toMatchObject({ link: { peer: { index: 5 } }, peerIsHere: true });
    expect(a).not.toHaveProperty('linkNetnsid');
  });

  it('have a peer in no known namespace when the kernel knows none', () => {
    const [link] = parsed({ ...port, link_netnsid: null });
    expect(link).toMatchObject({ link: { peer: { index: 2 } }, peerIsHere: false });
    expect(link).not.toHaveProperty('linkNetnsid');
  });

  it('have no peer in their own number, unless they are of a kind that can', () => {
    const own = { ifindex: 10, link_index: 10, link_netnsid: 0, ifname: 'x' };
    expect(first({ ...own, linkinfo: { info_kind: 'vxlan' } })).not.toHaveProperty('peer');
    expect(first({ ...own, linkinfo: { info_kind: 'veth' } })).toHaveProperty('peer.index', 10);
    // It still leads to another namespace: that of its socket.
    expect(parsed({ ...own, linkinfo: { info_kind: 'vxlan' } })[0]).toHaveProperty('linkNetnsid', 0);
  });

  it('keep an XDP program and the settings of other kinds', () => {
    const link = first({
      ifindex: 7,
      ifname: 'vx',
      xdp: { mode: 1 },
      linkinfo: { info_kind: 'vxlan', info_data: { id: 42 } },
    });
    expect(link).toMatchObject({ kind: 'vxlan', data: { id: 42, xdp: { mode: 1 } } });
  });

  it.each([
    [
      { ifindex: 1, ifname: 'lo', link_type: 'loopback', address: '00:00:00:00:00:00' },
      'loopback',
      '00:00:00:00:00:00',
    ],
    [{ ifindex: 2, ifname: 'eth0', link_type: 'ether', address: '02:00:00:00:00:01' }, 'physical', '02:00:00:00:00:01'],
    [{ ifindex: 3, ifname: 'gre0', link_type: 'gre', address: '10.0.0.1', linkinfo: { info_kind: 'gre' } }, 'gre', ''],
  ])('%j is of kind %s with MAC %j', (entry, kind, mac) => {
    expect(first(entry)).toMatchObject({ kind, mac, operstate: 'unknown', flags: [], addresses: [], data: {} });
  });

  it('without a number or a name, or with a repeated number, are left out', () => {
    expect(parsed({}, null, 7, 'x', { ifindex: 1 }, { ifname: 'a' }, near, { ...far, ifindex: 5 })).toHaveLength(1);
  });

  it('are read from any JSON without throwing', () => {
    const fields = fc.constantFrom(
      ...Object.keys(port),
      'link',
      'info_data',
      'local',
      'family',
      '__proto__',
      'constructor',
    );
    const any = fc.jsonValue();
    const entry = fc.oneof(
      fc.dictionary(fields, any).map((noise) => ({ ...bridge, ...noise })),
      fc.record({ ifindex: any, ifname: any, linkinfo: any, addr_info: fc.array(any) }, { requiredKeys: [] }),
      any,
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        for (const { link } of parseLinks(entries)) {
          expect(Number.isSafeInteger(link.index)).toBe(true);
          expect(Number.isSafeInteger(link.mtu)).toBe(true);
          for (const own of link.addresses) expect(own.prefixLength).toBeLessThanOrEqual(own.family === 4 ? 32 : 128);
        }
        parseVlans(entries);
      }),
    );
    fc.assert(fc.property(any, (json) => void [parseLinks(json), parseVlans(json)]));
  });
});

describe('VLANs of ports', () => {
  it('are read with ranges written out', () => {
    const vlans = parseVlans([
      {
        ifname: 'v1',
        vlans: [
          { vlan: 1, flags: ['PVID', 'Egress Untagged'] },
          { vlan: 10, vlanEnd: 12 },
        ],
      },
      { ifname: 'v2' },
    ]);
    expect(vlans.get('v1')).toEqual([
      { id: 1, pvid: true, untagged: true },
      { id: 10, pvid: false, untagged: false },
      { id: 11, pvid: false, untagged: false },
      { id: 12, pvid: false, untagged: false },
    ]);
    expect(vlans.get('v2')).toEqual([]);
  });

  it('of a range without end stay within 4094', () => {
    const range = { ifname: 'v1', vlans: [{ vlan: 4000, vlanEnd: 1e15 }] };
    expect(parseVlans([range]).get('v1')).toHaveLength(95);
  });
});

/** Small right answers of other programs, as they print them (iproute2 6.1, Docker's Engine API, crictl, Incus): what is then made wrong. */

const id = '0123456789abcdef'.repeat(4);

export const IPROUTE2: readonly unknown[] = [
  [
    {
      ifindex: 2,
      ifname: 'br0',
      flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
      mtu: 1500,
      operstate: 'UP',
      link_type: 'ether',
      address: '6a:cb:27:a2:59:4c',
      linkinfo: {
        info_kind: 'bridge',
        info_data: {
          forward_delay: 1500,
          stp_state: 1,
          vlan_filtering: 0,
          group_addr: '01:80:c2:00:00:00',
          mcast_snooping: 1,
        },
      },
      addr_info: [
        { family: 'inet', local: '10.9.0.1', prefixlen: 24, scope: 'global', secondary: true },
        { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link', tentative: true },
      ],
    },
    {
      ifindex: 3,
      link_index: 2,
      link_netnsid: 0,
      ifname: 'v1',
      mtu: 1400,
      master: 'br0',
      link_type: 'ether',
      linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { state: 'blocking', hairpin: true } },
      addr_info: [],
    },
  ],
  [
    { type: 'unicast', dst: 'default', gateway: '10.9.0.2', dev: 'br0', table: '100', protocol: 'boot', flags: [] },
    {
      dst: '10.67.0.1',
      nexthops: [
        { gateway: '10.9.0.2', dev: 'a' },
        { via: { family: 'inet6', host: 'fe80::1' }, dev: 'b' },
      ],
    },
    { dst: '10.1.0.0/16', dev: 'a', metrics: [{ mtu: 1400 }], cache: ['redirected'], prefsrc: '10.1.0.1' },
  ],
  [
    { priority: 0, src: 'all', table: 'local' },
    { priority: 32765, src: '10.1.7.0', srclen: 16, fwmark: '0x10', fwmask: '0xff', iif: 'p0', table: '100' },
    { priority: 1, src: 'all', ipproto: 'tcp', dport: 80, table: '1', not: null },
  ],
  [
    { dst: '10.9.0.77', dev: 'br0', lladdr: '02:00:00:00:00:4d', state: ['PERMANENT'] },
    { dst: 'fe80::2', dev: 'br0', state: ['FAILED'], proxy: null },
  ],
  [
    { mac: 'e6:b0:70:72:aa:c3', ifname: 'v1', flags: [], master: 'br0', vlan: 10, state: 'permanent' },
    { mac: '00:00:00:00:00:00', ifname: 'vx0', dst: '10.9.0.3', port: 4789, vni: 7, flags: ['self'], state: '' },
  ],
  [
    {
      mdb: [
        { index: 2, dev: 'br0', port: 'py', grp: '239.1.2.3', vid: 7, src: '10.0.0.9', state: 'permanent', flags: [] },
      ],
      router: { br0: [{ port: 'pq', timer: ' 252.86', type: 'temp' }] },
    },
  ],
  [
    {
      ifname: 'v1',
      vlans: [
        { vlan: 1, flags: ['PVID', 'Egress Untagged'] },
        { vlan: 10, vlanEnd: 20 },
      ],
    },
  ],
];

export const CONTAINERS: readonly unknown[] = [
  [
    {
      Id: id,
      Names: ['/web/alias', '/web'],
      Image: 'nginx',
      Command: 'sh',
      State: 'running',
      Labels: {
        'io.kubernetes.pod.name': 'web-1',
        'io.kubernetes.pod.namespace': 'shop',
        'io.kubernetes.docker.type': 'podsandbox',
      },
      HostConfig: { NetworkMode: 'container:abc' },
      NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.2', GlobalIPv6Address: '' } } },
    },
  ],
  { State: { Pid: 4711 }, NetworkSettings: { SandboxKey: '/var/run/docker/netns/0123456789ab' } },
  [
    {
      Name: 'back',
      Id: id,
      Driver: 'bridge',
      Internal: true,
      IPAM: { Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }] },
      Options: { 'com.docker.network.bridge.name': 'docker0' },
    },
  ],
  { items: [{ id, metadata: { name: 'web-1', uid: 'u-1', namespace: 'shop' }, state: 'SANDBOX_READY' }] },
  {
    containers: [
      { id, podSandboxId: id, metadata: { name: 'app' }, image: { image: 'x' }, state: 'CONTAINER_RUNNING' },
    ],
  },
  [
    {
      name: 'c1',
      type: 'container',
      project: 'default',
      status: 'Running',
      state: { pid: 12, network: { eth0: { addresses: [{ scope: 'global', address: '10.0.0.2' }] } } },
    },
  ],
  {
    annotations: {
      'io.kubernetes.cri.sandbox-name': 'web-1',
      'io.kubernetes.cri.container-type': 'sandbox',
      'nerdctl/name': 'x',
    },
  },
  [{ id, names: ['c'], metadata: '{"pod-name":"p","name":"n","image-name":"i"}' }],
];

/** A host's ruleset with an address translation, sets, maps and a verdict map; `nft -j list ruleset`. */
export const NFTABLES: readonly unknown[] = [
  { metainfo: { version: '1.0.6', json_schema_version: 1 } },
  { table: { family: 'inet', name: 'f', handle: 1 } },
  {
    set: {
      family: 'inet',
      name: 's',
      table: 'f',
      type: 'ipv4_addr',
      elem: ['10.0.0.1', { prefix: { addr: '10.1.0.0', len: 16 } }, { range: ['10.2.0.1', '10.2.0.9'] }],
      flags: ['interval'],
    },
  },
  {
    map: {
      family: 'inet',
      name: 'm',
      table: 'f',
      type: 'ipv4_addr',
      map: 'verdict',
      elem: [
        ['10.0.0.1', { drop: null }],
        [{ elem: { val: '10.0.0.2', timeout: 7 } }, { jump: { target: 'sub' } }],
      ],
    },
  },
  { chain: { family: 'inet', table: 'f', name: 'forward', type: 'filter', hook: 'forward', prio: 0, policy: 'drop' } },
  { chain: { family: 'inet', table: 'f', name: 'input', type: 'filter', hook: 'input', prio: 0, policy: 'accept' } },
  {
    chain: { family: 'inet', table: 'f', name: 'post', type: 'nat', hook: 'postrouting', prio: 100, policy: 'accept' },
  },
  { chain: { family: 'inet', table: 'f', name: 'sub' } },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'forward',
      handle: 2,
      expr: [
        { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '@s' } },
        { counter: { packets: 1, bytes: 84 } },
        { jump: { target: 'sub' } },
      ],
    },
  },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'forward',
      handle: 3,
      expr: [{ vmap: { key: { payload: { protocol: 'ip', field: 'daddr' } }, data: '@m' } }],
    },
  },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'sub',
      handle: 4,
      expr: [
        { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } },
        { mangle: { key: { meta: { key: 'mark' } }, value: 5 } },
        { accept: null },
      ],
    },
  },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'sub',
      handle: 5,
      expr: [
        {
          match: { op: '!=', left: { '&': [{ meta: { key: 'mark' } }, 255] }, right: { set: [1, { range: [3, 9] }] } },
        },
        { reject: { type: 'icmpx', expr: 'admin-prohibited' } },
      ],
    },
  },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'post',
      handle: 6,
      expr: [
        { match: { op: '==', left: { meta: { key: 'oifname' } }, right: 'eth*' } },
        { snat: { family: 'ip', addr: { range: ['10.0.0.1', '10.0.0.9'] }, port: 4000 } },
      ],
    },
  },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'post',
      handle: 7,
      expr: [
        { match: { op: '==', left: { fib: { result: 'type', flags: ['daddr'] } }, right: 'local' } },
        { masquerade: null },
      ],
    },
  },
  {
    rule: {
      family: 'inet',
      table: 'f',
      chain: 'input',
      handle: 8,
      expr: [
        { match: { op: '==', left: { payload: { base: 'nh', offset: 96, len: 32 } }, right: '10.0.0.1' } },
        { goto: { target: 'input' } },
      ],
    },
  },
];

export const LISTING = `*nat
:PREROUTING ACCEPT [3:252]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
[1:84] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [9:756]
:KUBE-FIREWALL - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m set --match-set s src,dst -m comment --comment "a \\"quoted\\" word" -j DROP
-A FORWARD -i br+ -p icmp -m icmp --icmp-type 8/0 -m limit --limit 3/min -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -m mark --mark 0x1/0xff -m physdev --physdev-is-bridged -j KUBE-FIREWALL
-A KUBE-FIREWALL ! -s 10.0.0.0-10.0.0.9 -m iprange --src-range 10.0.0.1-10.0.0.9 -g INPUT
COMMIT
`;

export const BRIDGE_LISTING = `*filter
:INPUT ACCEPT
:FORWARD DROP
-A FORWARD -p IPv4 -s 02:0:0:0:0:1/ff:ff:ff:ff:ff:ff --ip-proto 1 -j DROP
-A FORWARD -p ARP --arp-op Request --arp-ip-dst 10.0.0.0/24 -i v+ -j CONTINUE
-A INPUT -p 0x8100 --vlan-id 5 -j mark --mark-set 0x1 --mark-target ACCEPT
`;

/** What is read of the kernel's tables by netlink, held against what iproute2 prints of the same namespaces. */
import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listNetns, type NetnsHandle } from '../../src/linux/netns.ts';
import { insideNetns } from '../../src/linux/setns.ts';
import { dumpLinksInFull } from '../../src/topology/links-by-netlink.ts';
import { parseFdb } from '../../src/topology/parse-fdb.ts';
import { parseLinks } from '../../src/topology/parse-links.ts';
import { parseMdb } from '../../src/topology/parse-mdb.ts';
import { parseNeighbours } from '../../src/topology/parse-neighbours.ts';
import { lockedAt, parsePathMtus } from '../../src/topology/parse-path-mtus.ts';
import { parseRoutes } from '../../src/topology/parse-routes.ts';
import { parseRules } from '../../src/topology/parse-rules.ts';
import { readTables, withTables } from '../../src/topology/tables-by-netlink.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

/*
 *  sw                                  rich                    odd
 *  br0 10.9.0.1 (a router) ── p1 ───── eth0 10.9.0.11          vxlan, a rule, a table, a queue, a table of nftables
 *   └─ p2 ─── eth0 of far 10.9.0.12    va ── vb, M-DOWN
 */
const SCRIPT = `
for n in sw rich far odd bare; do ip netns add $n; done
ip -n sw link add br0 type bridge priority 4096 mcast_querier 1
ip -n sw link set br0 address 02:0f:00:0a:01:07
ip -n sw addr add 10.9.0.1/24 dev br0
ip -n sw link set br0 up
ip -n sw link add p1 type veth peer name eth0 netns rich
ip -n sw link add p2 type veth peer name eth0 netns far
ip -n sw link set p1 master br0 up
ip -n sw link set p2 master br0 up
ip -n sw link set p2 type bridge_slave hairpin on isolated on mcast_flood off learning off mcast_router 2
ip netns exec sw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip netns exec sw bridge fdb add 02:00:00:00:00:05 dev p1 master static
ip netns exec sw bridge fdb add 02:00:00:00:00:06 dev p1 master sticky static
ip netns exec sw bridge fdb add 02:00:00:00:00:07 dev p2 self permanent
for n in rich far; do ip -n $n link set lo up; ip -n $n link set eth0 up; done
ip -n far addr add 10.9.0.12/24 dev eth0
ip -n rich link add va type veth peer name vb
ip -n rich link set va up
ip -n rich link add du0 type bridge mcast_snooping 0 stp_state 1 forward_delay 400
ip -n rich link property add dev du0 altname second altname third-name
ip -n rich link set du0 mtu 1400 up
ip -n rich addr add 10.9.0.11/24 dev eth0
ip -n rich addr add 10.9.0.21/24 dev eth0 valid_lft 3000 preferred_lft 2000
ip -n rich addr add 10.8.0.1 peer 10.8.0.2/32 dev du0
ip -n rich addr add fd00:9::11/64 dev eth0 nodad
ip -n rich addr add fd00:9::12/64 dev eth0 noprefixroute
ip -n rich route add default via 10.9.0.1 metric 20 mtu 1300
ip -n rich route add 192.0.2.0/24 via 10.9.0.1 src 10.9.0.21 mtu lock 1280
ip -n rich route add 198.51.100.0/24 nexthop via 10.9.0.1 weight 2 nexthop via 203.0.113.1 dev du0 onlink
ip -n rich route add 198.51.100.64/26 via inet6 fd00:9::1 dev eth0
ip -n rich route add blackhole 203.0.113.64/26
ip -n rich route add unreachable 203.0.113.128/26 metric 7
ip -n rich route add prohibit 203.0.113.0/28
ip -n rich route add 10.77.0.0/16 dev du0 scope link proto static
ip -n rich route add 10.78.0.0/16 dev du0 tos 0x10
ip -n rich nexthop add id 12 via 10.9.0.1 dev eth0
ip -n rich route add 10.79.0.0/16 nhid 12
ip -n rich -6 route add default via fd00:9::1 pref high
ip -n rich -6 route add 2001:db8:1::/48 nexthop via fd00:9::1 nexthop via fd00:9::2
ip -n rich -6 route add 2001:db8:2::/48 via fd00:9::1 dev eth0 mtu lock 1400 pref low
ip -n rich -6 route add blackhole 2001:db8:3::/48
ip -n rich neigh add 10.9.0.99 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
ip -n rich neigh add 10.9.0.98 lladdr 02:00:00:00:00:98 dev eth0 nud stale
ip -n rich neigh add fd00:9::99 lladdr 02:00:00:00:00:99 dev eth0 nud noarp
ip -n rich neigh add proxy 10.9.0.50 dev eth0
ip -n rich neigh add proxy fd00:9::50 dev eth0
for n in 1 2 3 4 5 6 7 8 9; do ip -n sw link show p2 | grep -q 'state UP' && break; sleep 0.1; done
ip netns exec sw bridge mdb add dev br0 port p1 grp 239.1.2.3 permanent
ip netns exec sw bridge mdb add dev br0 port p2 grp 239.1.2.4 src 10.9.0.11 temp
ip netns exec sw bridge mdb add dev br0 port p2 grp ff05::99
ip netns exec far iptables-nft -A INPUT -p udp -j DROP 2>/dev/null || true
ip netns exec rich ping -q -c 1 -W 1 10.9.0.12 >/dev/null
ip netns exec rich ping -q -c 1 -W 0.1 10.9.0.77 >/dev/null || true
ip -n odd link add vx0 type vxlan id 7 remote 192.0.2.1 dstport 4789
ip -n odd rule add from 10.0.0.0/8 lookup 77
ip -n odd link set lo up
ip -n odd -6 route add 2001:db8::/32 dev lo table 77
`;

describe.skipIf(!mayMakeNamespaces)('tables by netlink', () => {
  let machine: OwnMachine;
  beforeAll(async () => {
    machine = ownMachine(SCRIPT);
    // Addresses that are tentative change by themselves for a second or two.
    for (let tries = 0; tries < 60 && /tentative/.test(states()); tries++)
      await new Promise((resolve) => setTimeout(resolve, 200));
  }, 60_000);
  afterAll(() => machine?.close());

  const states = (): string => ['sw', 'rich', 'far'].map((name) => machine.run(`ip -n ${name} addr show`)).join();

  function namespace(name: string): NetnsHandle {
    const handle = listNetns().find(({ names }) => names.includes(name));
    if (!handle) throw new Error(`no namespace ${name}`);
    return handle;
  }

  /** What programs print in a namespace. */
  function programs(at: NetnsHandle) {
    const text = (line: string): string =>
      insideNetns(at, () => execFileSync(line.split(' ')[0] ?? '', line.split(' ').slice(1), { encoding: 'utf8' }));
    const json = (line: string): unknown => JSON.parse(text(line).trim() || '[]');
    const family = (version: 4 | 6) => {
      const [routes, cache] = ['route show table all', 'route show cache'];
      return {
        ...parseRoutes(json(`ip -${version} -j -d ${routes}`), version, lockedAt(text(`ip -${version} -o ${routes}`))),
        rules: parseRules(json(`ip -${version} -j -d rule show`), version),
        neighbours: ['nud all', 'proxy'].flatMap((of) =>
          parseNeighbours(json(`ip -${version} -j -d neigh show ${of}`)),
        ),
        pathMtus: parsePathMtus(
          json(`ip -${version} -j -d ${cache}`),
          version,
          lockedAt(text(`ip -${version} -o ${cache}`)),
        ),
      };
    };
    const links = parseLinks(json('ip -j -d addr show'));
    return {
      links,
      names: new Map(links.map(({ link }) => [link.index, link.name])),
      ipv4: family(4),
      ipv6: family(6),
      fdb: parseFdb(json('bridge -j fdb show')),
      mdb: parseMdb(json('bridge -j -d mdb show')),
    };
  }

  it.each(['sw', 'rich', 'far', 'bare'])('say of %s what the programs print', (name) => {
    const at = namespace(name);
    // A neighbour may grow stale meanwhile: what counts is what the programs print before and after alike.
    let printed = programs(at);
    for (let tries = 0; tries < 20; tries++) {
      const links = withTables(at, dumpLinksInFull);
      const { hasTrafficControl, hasNftables, ...tables } = readTables(at, printed.names);
      const before = printed;
      printed = programs(at);
      if (!isDeepStrictEqual(before, printed)) continue;
      expect({ links, names: printed.names, ...tables }).toEqual(printed);
      expect(hasTrafficControl).toBe(false);
      expect(hasNftables).toBe(machine.run(`ip netns exec ${name} nft list tables`) !== '');
      return;
    }
    throw new Error(`${name} does not come to rest`);
  });

  it('have seen what they are to be held against', () => {
    const rich = programs(namespace('rich'));
    expect(rich.links.some(({ link }) => link.flags.includes('M-DOWN'))).toBe(true);
    expect(rich.ipv4.skipped).toBe(1);
    expect(rich.ipv4.routes.filter(({ mtuLocked }) => mtuLocked)).toHaveLength(1);
    expect(rich.ipv6.routes.map(({ preference }) => preference)).toEqual(expect.arrayContaining(['high', 'low']));
    expect(rich.ipv4.neighbours.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['PERMANENT', 'STALE', 'NONE']),
    );
    const sw = programs(namespace('sw'));
    expect(sw.mdb.get('br0')?.groups.length).toBeGreaterThan(2);
    expect(sw.mdb.get('br0')?.routers).toContain('p2');
    expect(sw.fdb.map(({ state }) => state)).toEqual(expect.arrayContaining(['static', 'permanent', '']));
  });

  it('leave to the programs what has names or settings that only those know', () => {
    const at = namespace('odd');
    expect(withTables(at, dumpLinksInFull)).toBeUndefined();
    const { ipv4, ipv6, fdb } = readTables(at, programs(at).names);
    expect(ipv4, 'a rule with a selector').toBeUndefined();
    expect(ipv6, 'a table without a name').toBeUndefined();
    expect(fdb, 'where a VXLAN device sends to').toBeUndefined();
  });

  it('leave to the programs what belongs to an interface whose name is not known', () => {
    const { ipv4, ipv6, fdb, mdb } = readTables(namespace('sw'), new Map());
    expect([ipv4, ipv6, fdb, mdb]).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('tell queues and filters that tc has to describe from those that are everywhere', () => {
    const has = (): boolean => readTables(namespace('bare'), new Map([[1, 'lo']])).hasTrafficControl;
    machine.run(
      'ip -n bare link set lo up; ip netns exec bare tc qdisc add dev lo root pfifo_fast 2>/dev/null || true',
    );
    expect(has()).toBe(false);
    machine.run('ip netns exec bare tc qdisc replace dev lo root tbf rate 1mbit burst 10k latency 10ms');
    expect(has()).toBe(true);
    machine.run('ip netns exec bare tc qdisc del dev lo root');
    expect(has()).toBe(false);
    machine.run('ip netns exec bare tc qdisc add dev lo ingress');
    expect(has()).toBe(true);
  });

  it('know nothing of a namespace that has gone', () => {
    const gone = { id: 'gone', inode: 7, names: ['gone'], path: '/run/netns/gone', pids: [] };
    expect(withTables(gone, dumpLinksInFull)).toBeUndefined();
    expect(readTables(gone, new Map())).toMatchObject({ ipv4: undefined, hasTrafficControl: true, hasNftables: true });
  });
});

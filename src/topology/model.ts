/**
 * The topology: what the kernel says about the networks of this machine, in one serialisable model.
 * Everything here is plain data (JSON in, JSON out): a saved topology gives the same diagnosis as the live kernel.
 */

/**
 * A network namespace: its name under /run/netns, or `net:[INODE]` (as `readlink /proc/PID/ns/net` prints it) when it has none.
 * Interface numbers and names repeat across namespaces; a NetnsId never does.
 */
export type NetnsId = string;

export interface Topology {
  readonly schema: 'vdiag.topology/1';
  /** When it was taken, Unix nanoseconds, decimal. */
  readonly takenNs: string;
  /** `uname -r`. */
  readonly kernel: string;
  /** The namespace vdiag was started in: names and commands are relative to it. */
  readonly home: NetnsId;
  /** The namespace the trace starts in. */
  readonly start: NetnsId;
  /** The namespaces that matter, the starting one first. */
  readonly namespaces: readonly Namespace[];
  /** What could not be read, one line each ("nft: not installed, filter rules of newns unknown"). */
  readonly gaps: readonly string[];
}

export interface Namespace {
  readonly id: NetnsId;
  readonly inode: number;
  /** Names under /run/netns; empty for one that lives by its processes alone. */
  readonly names: readonly string[];
  /** A path that opens it (`/run/netns/newns`, `/proc/1234/ns/net`), for `nsenter --net=PATH`. */
  readonly path: string;
  /** Processes that live in it, lowest first, at most 8. */
  readonly pids: readonly number[];
  /** The containers that live in it, its owner first; absent where none is known. Those of the host's namespace are left out. */
  readonly containers?: readonly ContainerName[];
  /** `full`: everything below was read. `links`: only links and addresses (a namespace off the path). */
  readonly detail: 'full' | 'links';
  readonly links: readonly Link[];
  readonly routes: readonly Route[];
  readonly rules: readonly PolicyRule[];
  readonly neighbours: readonly Neighbour[];
  /** What ICMP errors have taught it of paths; absent where that was not read. */
  readonly pathMtus?: readonly PathMtu[];
  readonly fdb: readonly FdbEntry[];
  /** Namespace-wide sysctls, by name below net. ("ipv4.ip_forward", "ipv4.icmp_echo_ignore_all"); absent: not readable. */
  readonly sysctls: Readonly<Record<string, number>>;
  readonly filters: Filters;
}

/** A container as its runtime calls it. */
export interface ContainerName {
  /** docker, podman, containerd, cri-o, lxc, incus, nspawn, unknown. */
  readonly runtime: string;
  readonly name: string;
  readonly id: string;
  /** "namespace/name" of its Kubernetes pod. */
  readonly pod?: string;
}

/** One network interface (ip-link(8)). */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, `macvlan`, `vxlan`, `tun`, `dummy` …; `loopback` for lo, `physical` where the kernel names no kind. */
  readonly kind: string;
  /** Hardware address, lower case with colons; empty where the device has none. */
  readonly mac: string;
  /** As `ip link` prints them: UP, LOWER_UP, NO-CARRIER, NOARP, PROMISC … */
  readonly flags: readonly string[];
  /** RFC 2863 operational state in lower case: up, down, lowerlayerdown, unknown, dormant … */
  readonly operstate: string;
  readonly mtu: number;
  readonly addresses: readonly Address[];
  /** Interface number of the master (bridge, VRF, bond) in the same namespace. */
  readonly master?: number;
  /** The other end of a veth pair, or the lower device of a macvlan, vlan …; `netns` is absent when it could not be found. */
  readonly peer?: { readonly netns?: NetnsId; readonly index: number };
  /** VXLAN: the namespace of its UDP socket, where that is another one; empty where it could not be found. */
  readonly socketNetns?: NetnsId;
  /** Present on a bridge. */
  readonly bridge?: BridgeSettings;
  /** Present on a port of a bridge. */
  readonly port?: BridgePort;
  /** net.ipv4.conf.NAME.* (its own values: combine with `all` through `ipv4Setting`). */
  readonly ipv4: Readonly<Record<string, number>>;
  /** net.ipv6.conf.NAME.* that gates read. */
  readonly ipv6: Readonly<Record<string, number>>;
  /** Everything of `linkinfo.info_data` that has no field above, as iproute2's JSON names it (vxlan id, macvlan mode …). */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Address {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: string;
  /** The peer's address of a point-to-point address; then `prefixLength` belongs to it. */
  readonly peer?: string;
  /** tentative, dadfailed, deprecated, noprefixroute, secondary … */
  readonly flags: readonly string[];
}

/** A bridge's own settings (`ip -d link`). */
export interface BridgeSettings {
  readonly stp: boolean;
  /** Centiseconds, as the kernel keeps it. */
  readonly forwardDelay: number;
  readonly ageingTime: number;
  readonly vlanFiltering: boolean;
  readonly mcastSnooping: boolean;
  readonly nfCallIptables: boolean;
  readonly nfCallArptables: boolean;
  readonly groupAddress?: string;
  /** What multicast snooping has heard; absent where it is off or was not read. */
  readonly snooping?: BridgeSnooping;
  /** The VLANs of the bridge's own stack, where it filters by VLAN. */
  readonly vlans?: BridgePort['vlans'];
}

/** What a bridge that snoops knows of multicast (`bridge mdb`). */
export interface BridgeSnooping {
  /**
   * Another than the bridge itself asks for members of IPv6 groups, and at which port; absent where none was heard. The
   * bridge's own setting is `mcast_querier` of the link's `data`.
   */
  readonly otherQuerier?: { readonly port?: string };
  /** Ports that get every group. */
  readonly routers: readonly string[];
  readonly groups: readonly GroupEntry[];
}

/** A port, or the bridge itself by its name, where somebody listens to a group. */
export interface GroupEntry {
  readonly group: string;
  readonly port: string;
  readonly vlan?: number;
  /** Only what this sender sends. */
  readonly source?: string;
}

export type PortState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';

/** A bridge port's state and flags (bridge(8)). */
export interface BridgePort {
  readonly state: PortState;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly locked: boolean;
  readonly learning: boolean;
  readonly flood: boolean;
  readonly mcastFlood: boolean;
  readonly bcastFlood: boolean;
  readonly neighSuppress: boolean;
  readonly proxyArp: boolean;
  readonly vlans: readonly { readonly id: number; readonly pvid: boolean; readonly untagged: boolean }[];
}

/** ip-route(8). */
export interface Route {
  readonly family: 4 | 6;
  /** `main`, `local`, `default` or a number or name as iproute2 prints it. */
  readonly table: string;
  /** unicast, local, broadcast, multicast, blackhole, unreachable, prohibit, throw … */
  readonly type: string;
  /** Canonical prefix: "10.9.0.0/24"; the default route is "0.0.0.0/0" or "::/0". */
  readonly destination: string;
  readonly metric: number;
  readonly scope: string;
  readonly protocol: string;
  readonly source?: string;
  /** The route's own MTU, bytes. */
  readonly mtu?: number;
  /** That MTU holds whatever is learnt of the path, and what is sent by it may be cut (`mtu lock`). */
  readonly mtuLocked?: boolean;
  /** IPv6: of equal routes those of high preference come first (RFC 4191); absent: medium. */
  readonly preference?: 'low' | 'high';
  /** Of a route by a nexthop object: its number (ip-nexthop(8)). */
  readonly nexthopId?: number;
  /** One, or several for a multipath route. */
  readonly nextHops: readonly {
    readonly gateway?: string;
    readonly device?: string;
    readonly flags: readonly string[];
  }[];
}

/** The MTU of the path to one address, as a fragmentation-needed or packet-too-big told it (`ip route show cache`; RFC 1191, RFC 8201). */
export interface PathMtu {
  readonly family: 4 | 6;
  readonly destination: string;
  readonly device?: string;
  /** Bytes. */
  readonly mtu: number;
  /** Smaller than the kernel believes (net.ipv4.route.min_pmtu): what is sent may be cut. */
  readonly locked: boolean;
}

/** ip-rule(8). */
export interface PolicyRule {
  readonly family: 4 | 6;
  readonly priority: number;
  /** Canonical prefixes; absent: any. */
  readonly from?: string;
  readonly to?: string;
  readonly inputInterface?: string;
  readonly outputInterface?: string;
  readonly mark?: number;
  readonly markMask?: number;
  /** It is for what its selectors do not fit. */
  readonly inverted?: boolean;
  /** Type of service, hexadecimal; IP protocol by name or number. */
  readonly tos?: string;
  readonly ipProtocol?: string;
  /** For what comes in or goes out by a device of a VRF; such a rule names no table. */
  readonly l3mdev?: boolean;
  /** `lookup` with a table, or unreachable, prohibit, blackhole, goto, nop. */
  readonly action: string;
  readonly table?: string;
  /** `goto`: the priority of the rule to go on with. */
  readonly goto?: number;
  /** What the table has with a prefix of this length or shorter does not count (`suppress_prefixlength`). */
  readonly suppressPrefixLength?: number;
  /** For what sockets of these users send (`uidrange`); what the kernel sends or passes on counts as root's. */
  readonly uids?: { readonly first: number; readonly last: number };
  /** What is left of a rule this model has no field for; a rule with any of these is decided as unknown. */
  readonly undecidable: readonly string[];
}

/** ip-neighbour(8). */
export interface Neighbour {
  readonly family: 4 | 6;
  readonly address: string;
  readonly device: string;
  readonly mac?: string;
  /** REACHABLE, STALE, DELAY, PROBE, INCOMPLETE, FAILED, PERMANENT, NOARP. */
  readonly state: string;
  readonly proxy: boolean;
}

/** bridge(8), `bridge fdb`. */
export interface FdbEntry {
  readonly mac: string;
  /** The port, or the bridge itself for a local entry. */
  readonly device: string;
  readonly master?: string;
  readonly vlan?: number;
  /** permanent (local), static, or empty for a learnt one. */
  readonly state: string;
  readonly flags: readonly string[];
  /** VXLAN: the remote VTEP. */
  readonly remote?: string;
  /** VXLAN: the UDP port and the identifier there, where they are others than the device's own. */
  readonly port?: number;
  readonly vni?: number;
  /** VXLAN: the device it goes out by; `ifN` for the one with number N in another namespace. */
  readonly via?: string;
  /** VXLAN: a nexthop object says where it goes (ip-nexthop(8)). */
  readonly nexthop?: number;
}

/** Packet filter rulesets, as their own programs list them. */
export interface Filters {
  /** The `nftables` array of `nft -j list ruleset`; absent: not readable. */
  readonly nftables?: readonly unknown[];
  /** `iptables-legacy-save -c` where legacy tables are loaded. */
  readonly iptablesLegacy?: string;
  /** `ip6tables-legacy-save -c`, likewise. */
  readonly ip6tablesLegacy?: string;
  /** `iptables-nft-save -c` and `ip6tables-nft-save -c`, where `nftables` has chains that these programs make. */
  readonly iptablesNft?: string;
  readonly ip6tablesNft?: string;
  /** `ebtables-nft-save`, where `nftables` has expressions that nft cannot print (`xt`). */
  readonly ebtablesNft?: string;
  /** Numbers of the queues that programs listen to (NFQUEUE), where the kernel tells. */
  readonly queues?: readonly number[];
}

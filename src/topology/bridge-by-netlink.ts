/** Bridges and their ports in RTM_NEWLINK (include/uapi/linux/if_link.h, IFLA_BR_* and IFLA_BRPORT_*). */
import { type Attributes, u8, u16, u32 } from '../linux/rtnetlink.ts';
import { macText } from './link-data-by-netlink.ts';
import type { BridgePort, BridgeSettings, PortState } from './model.ts';

const BRIDGE = {
  forwardDelay: 1,
  ageing: 4,
  stp: 5,
  vlanFiltering: 7,
  groupAddress: 20,
  snooping: 23,
  ipt: 36,
  arpt: 38,
};
const PORT = {
  state: 1,
  hairpin: 4,
  learning: 8,
  flood: 9,
  proxyArp: 10,
  mcastFlood: 27,
  bcastFlood: 30,
  neighSuppress: 32,
  isolated: 33,
  locked: 39,
};
const portStates: readonly PortState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

/** What `ip -j -d link` prints of a bridge beside {@link BridgeSettings}, with the names it has there. */
const NUMBERS: readonly (readonly [number, string])[] = [
  [2, 'hello_time'],
  [3, 'max_age'],
  [6, 'priority'],
  [12, 'root_port'],
  [13, 'root_path_cost'],
  [14, 'topology_change'],
  [15, 'topology_change_detected'],
  [22, 'mcast_router'],
  [24, 'mcast_query_use_ifaddr'],
  [25, 'mcast_querier'],
  [26, 'mcast_hash_elasticity'],
  [27, 'mcast_hash_max'],
  [28, 'mcast_last_member_cnt'],
  [29, 'mcast_startup_query_cnt'],
  [30, 'mcast_last_member_intvl'],
  [31, 'mcast_membership_intvl'],
  [32, 'mcast_querier_intvl'],
  [33, 'mcast_query_intvl'],
  [34, 'mcast_query_response_intvl'],
  [35, 'mcast_startup_query_intvl'],
  [37, 'nf_call_ip6tables'],
  [39, 'vlan_default_pvid'],
  [41, 'vlan_stats_enabled'],
  [42, 'mcast_stats_enabled'],
  [43, 'mcast_igmp_version'],
  [44, 'mcast_mld_version'],
  [45, 'vlan_stats_per_port'],
];
const IDENTIFIERS: readonly (readonly [number, string])[] = [
  [10, 'root_id'],
  [11, 'bridge_id'],
];
const VLAN_PROTOCOL = 8;
const GROUP_FORWARD_MASK = 9;
/** struct br_boolopt_multi: values, and which of them there are. */
const BOOLEAN_OPTIONS = 46;
const BOOLEANS: readonly (readonly [number, string])[] = [
  [1, 'no_linklocal_learn'],
  [2, 'mcast_vlan_snooping'],
];

/** @param data IFLA_INFO_DATA */
export function bridgeSettings(data: Attributes): BridgeSettings {
  const groupAddress = macText(data.get(BRIDGE.groupAddress));
  return {
    stp: (u32(data.get(BRIDGE.stp)) ?? 0) !== 0,
    forwardDelay: u32(data.get(BRIDGE.forwardDelay)) ?? 1500,
    ageingTime: u32(data.get(BRIDGE.ageing)) ?? 30000,
    vlanFiltering: u8(data.get(BRIDGE.vlanFiltering)) === 1,
    mcastSnooping: u8(data.get(BRIDGE.snooping)) === 1,
    nfCallIptables: u8(data.get(BRIDGE.ipt)) === 1,
    nfCallArptables: u8(data.get(BRIDGE.arpt)) === 1,
    ...(groupAddress !== '' && { groupAddress }),
  };
}

/** @param data IFLA_INFO_SLAVE_DATA */
export function bridgePort(data: Attributes): BridgePort {
  const flag = (number: number, otherwise: boolean): boolean => (u8(data.get(number)) ?? Number(otherwise)) !== 0;
  return {
    state: portStates[u8(data.get(PORT.state)) ?? 3] ?? 'forwarding',
    hairpin: flag(PORT.hairpin, false),
    isolated: flag(PORT.isolated, false),
    locked: flag(PORT.locked, false),
    learning: flag(PORT.learning, true),
    flood: flag(PORT.flood, true),
    mcastFlood: flag(PORT.mcastFlood, true),
    bcastFlood: flag(PORT.bcastFlood, true),
    neighSuppress: flag(PORT.neighSuppress, false),
    proxyArp: flag(PORT.proxyArp, false),
    vlans: [],
  };
}

/** The other settings, under the names that iproute2's JSON has. @param data IFLA_INFO_DATA */
export function bridgeData(data: Attributes): Record<string, unknown> {
  const numbers = NUMBERS.map(([number, name]) => [name, numberIn(data.get(number))] as const);
  const identifiers = IDENTIFIERS.map(([number, name]) => [name, identifierIn(data.get(number))] as const);
  const options = data.get(BOOLEAN_OPTIONS);
  const booleans = BOOLEANS.map(([bit, name]) => [name, booleanIn(options, bit)] as const);
  const mask = u16(data.get(GROUP_FORWARD_MASK));
  const protocol = data.get(VLAN_PROTOCOL);
  const all = [
    ...numbers,
    ...identifiers,
    ...booleans,
    ['group_fwd_mask', mask?.toString(16)] as const,
    ['vlan_protocol', protocol && vlanProtocol(protocol)] as const,
  ];
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/** Of 1, 2, 4 or 8 bytes, in the host's byte order. */
function numberIn(bytes: Uint8Array | undefined): number | undefined {
  switch (bytes?.length) {
    case 1:
      return u8(bytes);
    case 2:
      return u16(bytes);
    case 8:
      return (u32(bytes) ?? 0) + (u32(bytes, 4) ?? 0) * 2 ** 32;
    default:
      return u32(bytes);
  }
}

/** struct ifla_bridge_id: two bytes of priority, six of a hardware address, which ether_ntoa(3) writes without zeros. */
function identifierIn(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length !== 8) return undefined;
  const address = [...bytes.subarray(2)].map((byte) => byte.toString(16)).join(':');
  return `${Buffer.from(bytes.subarray(0, 2)).toString('hex')}.${address}`;
}

function booleanIn(options: Uint8Array | undefined, bit: number): number | undefined {
  if (((u32(options, 4) ?? 0) & bit) === 0) return undefined;
  return ((u32(options) ?? 0) & bit) === 0 ? 0 : 1;
}

/** In network byte order. */
function vlanProtocol(bytes: Uint8Array): string {
  const number = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
  return number === 0x8100 ? '802.1Q' : number === 0x88a8 ? '802.1ad' : `[${number}]`;
}

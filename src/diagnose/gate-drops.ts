/** What the kernel can have said when a gate stopped a packet: by kind of gate, so that a new kind is not forgotten. */
import type { Gate } from '../path/gate.ts';

/** `open`: not decided by the model, so whatever the kernel says may come from it. */
export type GateDrops =
  | 'open'
  | {
      /** Names of drop reasons. */
      readonly reasons: readonly string[];
      /** Kernel functions that give no reason (NOT_SPECIFIED). */
      readonly functions: readonly string[];
    };

/** The packet ends without a drop event, or it is no packet that the kernel would have to drop. */
const SILENT: GateDrops = { reasons: [], functions: [] };

const BRIDGE = ['br_handle_frame', 'br_handle_frame_finish', 'br_forward', '__br_forward'];
const TOO_LONG = ['__dev_forward_skb2', 'br_nf_dev_queue_xmit', 'br_dev_queue_push_xmit'];
const FILTERED = ['nft_do_chain', 'nf_hook_slow', 'nf_queue'];
const DISCARDED = ['dst_discard', 'dst_discard_out'];

export const GATE_DROPS: Readonly<Record<Gate['kind'], GateDrops>> = {
  device: {
    // A bridge that nothing can leave by has no carrier; a veth whose other end is down takes nothing.
    reasons: ['NO_TX_TARGET', 'QDISC_DROP', 'DEV_READY', 'IP_OUTNOROUTES', 'IP_INNOROUTES'],
    functions: [...BRIDGE, ...TOO_LONG, 'ip_error'],
  },
  loopback: { reasons: ['QDISC_DROP', 'DEV_READY', 'IP_LOCAL_SOURCE', 'IP_INADDRERRORS'], functions: [] },
  sender: { reasons: ['IP_OUTNOROUTES'], functions: [] },
  route: {
    reasons: ['IP_INADDRERRORS', 'IP_INNOROUTES', 'IP_OUTNOROUTES', 'BLACKHOLE'],
    functions: ['ip_error', ...DISCARDED],
  },
  'port-state': { reasons: ['BRIDGE_INGRESS_STP_STATE', 'NO_TX_TARGET', 'QDISC_DROP'], functions: BRIDGE },
  'port-flag': { reasons: ['NO_TX_TARGET'], functions: BRIDGE },
  // A group without members here goes to nobody: freed as any copy is.
  snooping: { reasons: ['NO_TX_TARGET'], functions: ['br_multicast_flood', ...BRIDGE] },
  fdb: { reasons: ['NO_TX_TARGET', 'OTHERHOST'], functions: BRIDGE },
  twin: { reasons: ['NO_TX_TARGET', 'OTHERHOST', 'IP_INADDRERRORS'], functions: BRIDGE },
  // A tag that no VLAN device takes off makes the frame another host's (__netif_receive_skb_core).
  vlan: {
    reasons: ['NO_TX_TARGET', 'OTHERHOST'],
    functions: [...BRIDGE, '__allowed_ingress', 'br_allowed_ingress', 'br_handle_vlan'],
  },
  'bridge-filter': { reasons: ['NETFILTER_DROP', 'NO_TX_TARGET'], functions: [...BRIDGE, ...FILTERED] },
  filter: { reasons: ['NETFILTER_DROP'], functions: FILTERED },
  'arp-filter': { reasons: ['NETFILTER_DROP'], functions: FILTERED },
  translation: { reasons: ['NETFILTER_DROP', 'NO_SOCKET'], functions: FILTERED },
  conntrack: { reasons: ['NETFILTER_DROP'], functions: ['nf_hook_slow'] },
  classifier: { reasons: ['TC_INGRESS', 'TC_EGRESS'], functions: [] },
  queue: {
    reasons: [
      'QDISC_DROP',
      'QDISC_OVERLIMIT',
      'QDISC_CONGESTED',
      'CAKE_FLOOD',
      'FQ_BAND_LIMIT',
      'FQ_HORIZON_LIMIT',
      'FQ_FLOW_LIMIT',
      'DUALPI2_STEP_DROP',
    ],
    functions: [],
  },
  xdp: { reasons: ['XDP'], functions: [] },
  mtu: { reasons: ['PKT_TOO_BIG'], functions: [...TOO_LONG, 'ip_do_fragment', 'ip_fragment', 'ip6_fragment'] },
  'path-mtu': SILENT,
  // Who would answer does not listen.
  owner: { reasons: ['NO_TX_TARGET', 'IPV6DISABLED'], functions: [] },
  'arp-answer': SILENT,
  advertise: SILENT,
  ipv6: { reasons: ['IPV6DISABLED'], functions: [] },
  source: { reasons: ['IP_RPFILTER', 'IP_LOCAL_SOURCE', 'IP_INVALID_SOURCE', 'IP_LOCALNET'], functions: [] },
  stack: { reasons: ['OTHERHOST'], functions: [] },
  neighbour: {
    // The wrong hardware address may be one that the bridge knows on the port the frame came in by.
    reasons: ['NO_TX_TARGET', 'OTHERHOST', 'IP_INADDRERRORS'],
    functions: ['br_handle_frame_finish', 'br_forward', '__br_forward'],
  },
  'neighbour-table': { reasons: ['NEIGH_CREATEFAIL'], functions: [] },
  forwarding: { reasons: ['IP_INADDRERRORS'], functions: ['ip_error'] },
  ttl: { reasons: ['IP_INHDR'], functions: [] },
  echo: SILENT,
  // A frame that a macvlan does not get is another host's to whoever gets it, or nobody's.
  macvlan: { reasons: ['OTHERHOST'], functions: [] },
  vxlan: {
    reasons: [
      'NO_TX_TARGET',
      'VXLAN_VNI_NOT_FOUND',
      'VXLAN_ENTRY_EXISTS',
      'VXLAN_NO_REMOTE',
      'NO_SOCKET',
      'IP_OUTNOROUTES',
      'OTHERHOST',
    ],
    functions: ['vxlan_xmit', 'vxlan_xmit_one', 'vxlan_rcv', 'arp_reduce', 'neigh_reduce', 'udp_queue_rcv_one_skb'],
  },
  unmodelled: 'open',
};

const speaking: ReadonlySet<string> = new Set(
  Object.values(GATE_DROPS).flatMap((drops) => (drops === 'open' ? [] : drops.functions)),
);

/** True for a function whose NOT_SPECIFIED tells something of the gate. */
export function speaks(kernelFunction: string): boolean {
  return speaking.has(kernelFunction);
}

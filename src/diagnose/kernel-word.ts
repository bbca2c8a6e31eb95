/**
 * What the kernel said of the packet that vanished: the second witness. A drop confirms the gates its reason speaks of;
 * where none of those stops the packet, the model is wrong, and the kernel is believed.
 */
import type { Gate } from '../path/gate.ts';
import { isAsk } from '../path/model.ts';
import type { Topology } from '../topology/model.ts';
import { placeName } from '../topology/naming.ts';
import { type Drop, isAfter } from '../trace/drop.ts';
import { meaningOf } from '../trace/drop-reason.ts';
import type { EchoExchange, Exchange } from '../trace/exchange.ts';
import type { Evidence } from './finding.ts';
import { journeysOf, type Progress } from './walk.ts';

type Kinds = readonly Gate['kind'][];

const FILTERS: Kinds = ['filter', 'bridge-filter', 'arp-filter'];
const SIZES: Kinds = ['mtu', 'device'];
const BRIDGE: Kinds = ['port-state', 'port-flag', 'fdb', 'twin', 'vlan', 'bridge-filter', 'device'];

/** A wrong hardware address may be one that the bridge knows on the port the frame came in by. */
const SWITCHED: Kinds = [...BRIDGE, 'neighbour'];

/** The decisions a reason can come from. */
const REASONS: Readonly<Record<string, Kinds>> = {
  BRIDGE_INGRESS_STP_STATE: ['port-state'],
  NO_TX_TARGET: ['fdb', 'port-flag', 'port-state', 'device', 'vlan', 'neighbour', 'owner', 'bridge-filter'],
  NETFILTER_DROP: FILTERS,
  IP_RPFILTER: ['source'],
  // Who would answer does not listen.
  IPV6DISABLED: ['ipv6', 'owner'],
  IP_LOCAL_SOURCE: ['source'],
  IP_INVALID_SOURCE: ['source'],
  IP_LOCALNET: ['source'],
  IP_INADDRERRORS: ['forwarding', 'route', 'neighbour', 'twin'],
  IP_INNOROUTES: ['route', 'device'],
  IP_OUTNOROUTES: ['route', 'sender', 'device'],
  BLACKHOLE: ['route'],
  IP_INHDR: ['ttl'],
  OTHERHOST: ['neighbour', 'stack'],
  // A bridge of which no port forwards has no carrier.
  QDISC_DROP: ['device', 'loopback', 'port-state', 'queue'],
  QDISC_OVERLIMIT: ['queue'],
  QDISC_CONGESTED: ['queue'],
  TC_INGRESS: ['classifier'],
  TC_EGRESS: ['classifier'],
  XDP: ['xdp'],
  DEV_READY: ['device', 'loopback'],
  PKT_TOO_BIG: ['mtu'],
};

/** Where the reason is NOT_SPECIFIED, the function speaks. */
const FUNCTIONS: Readonly<Record<string, Kinds>> = {
  __dev_forward_skb2: SIZES,
  br_handle_frame: BRIDGE,
  br_handle_frame_finish: SWITCHED,
  br_forward: SWITCHED,
  __br_forward: SWITCHED,
  br_nf_dev_queue_xmit: SIZES,
  br_dev_queue_push_xmit: SIZES,
  ip_do_fragment: ['mtu'],
  ip_error: ['route', 'forwarding', 'device'],
  dst_discard: ['route'],
  dst_discard_out: ['route'],
  nft_do_chain: FILTERS,
  nf_hook_slow: FILTERS,
};

/** Decisions that end a packet without a word, or that are not made by the kernel at all. */
const SILENT: Kinds = ['owner', 'arp-answer', 'advertise', 'echo'];
/** A gate of a kind that no table names may speak with any reason. */
const KNOWN: ReadonlySet<string> = new Set([...Object.values(REASONS), ...Object.values(FUNCTIONS), SILENT].flat());

/** These tell that nobody answered, not why. */
// Hosts whose addresses end alike listen to one group: each throws away what is for the other.
const CONSEQUENCES = new Set([
  'IPV6_NDISC_NS_OTHERHOST',
  'NEIGH_FAILED',
  'NEIGH_QUEUEFULL',
  'NEIGH_DEAD',
  'NO_SOCKET',
  'SOCKET_RCVBUFF',
]);

/**
 * `yes`: this gate can have dropped it so. `no`: something else did.
 * `open`: the kernel's word says nothing about where it comes from.
 */
export function confirms({ reason, function: where }: Drop, gate: Gate): 'yes' | 'no' | 'open' {
  if (!KNOWN.has(gate.kind)) return 'open';
  if (reason === 'NOT_SPECIFIED') {
    const kinds = Object.hasOwn(FUNCTIONS, where) ? FUNCTIONS[where] : undefined;
    return kinds === undefined ? 'open' : kinds.includes(gate.kind) ? 'yes' : 'no';
  }
  if (CONSEQUENCES.has(reason) || reason.startsWith('reason ')) return 'open';
  return Object.hasOwn(REASONS, reason) && REASONS[reason]?.includes(gate.kind) === true ? 'yes' : 'no';
}

/** The drop that ended the packet between its last sighting and the place it never came to; only what is sure. */
export function kernelWord(
  drops: readonly Drop[],
  progress: Progress,
  example: EchoExchange | undefined,
  exchanges: readonly Exchange[],
): Drop | undefined {
  const last = progress.steps[progress.reached];
  const missing = progress.missing === undefined ? undefined : progress.steps[progress.missing];
  return drops.find((drop) => {
    if (!drop.sure) return false;
    if (!drop.after) {
      // Dropped in the system call that sent it: it was sighted nowhere.
      const sent = example?.request === undefined && drop.sequence === example?.sequence;
      return missing !== undefined && missing.leg.kind === drop.packet && (sent || isAsk(drop.packet));
    }
    if (last?.step.kind !== 'place' || !isAfter(drop, last.step.place, last.step.direction)) return false;
    return journeysOf(last.leg, example, exchanges).some(({ id }) => id === drop.journey);
  });
}

const PACKETS: Readonly<Record<Drop['packet'], string>> = {
  'arp-request': 'ARP request',
  'arp-reply': 'ARP reply',
  'echo-request': 'echo request',
  'echo-reply': 'echo reply',
  'icmp-error': 'ICMP error',
  'neighbour-solicitation': 'neighbour solicitation',
  'neighbour-advertisement': 'neighbour advertisement',
  other: 'packet',
};

/** "the ARP request for 10.9.0.3" */
export function droppedPacket({ packet, target }: Drop): string {
  return `${PACKETS[packet]}${target === undefined ? '' : ` for ${target}`}`;
}

/** "IP_RPFILTER in ip_rcv_finish_core: reverse path filtering: …" */
export function droppedHow({ reason, function: where }: Drop): string {
  const meaning = meaningOf(reason, where);
  return `${reason} in ${where}${meaning === undefined ? '' : `: ${meaning}`}`;
}

export function dropEvidence(drop: Drop, topology: Topology): Evidence {
  return {
    kind: 'drop',
    text: `the kernel dropped the ${droppedPacket(drop)} at ${placeName(topology, drop.place)}, ${droppedHow(drop)}`,
    place: drop.place,
    timeNs: drop.timeNs,
    ...(drop.journey === undefined ? {} : { journey: drop.journey }),
  };
}

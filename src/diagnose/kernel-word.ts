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
import { GATE_DROPS, speaks } from './gate-drops.ts';
import { journeysOf, type Progress } from './walk.ts';

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
  const possible = GATE_DROPS[gate.kind];
  if (possible === 'open') return 'open';
  if (reason === 'NOT_SPECIFIED') return !speaks(where) ? 'open' : possible.functions.includes(where) ? 'yes' : 'no';
  if (CONSEQUENCES.has(reason) || reason.startsWith('reason ')) return 'open';
  return possible.reasons.includes(reason) ? 'yes' : 'no';
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
      const sent = example?.request === undefined && isUnsighted(drop.sequence, exchanges);
      // Without room for the neighbour's entry nobody is asked: the echo ends in place of the question.
      const unasked = drop.reason === 'NEIGH_CREATEFAIL' && missing !== undefined && isAsk(missing.leg.kind);
      if (unasked && sent) return true;
      return missing !== undefined && missing.leg.kind === drop.packet && (sent || isAsk(drop.packet));
    }
    if (last?.step.kind !== 'place' || !isAfter(drop, last.step.place, last.step.direction)) return false;
    return journeysOf(last.leg, example, exchanges).some(({ id }) => id === drop.journey);
  });
}

/** What became of one probe that was sighted nowhere became of the others: the first one may have waited for its neighbour. */
function isUnsighted(sequence: number | undefined, exchanges: readonly Exchange[]): boolean {
  return exchanges.some((each) => each.kind === 'echo' && each.sequence === sequence && each.request === undefined);
}

/** What travels, as a reader calls it. */
export const PACKETS: Readonly<Record<Drop['packet'], string>> = {
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

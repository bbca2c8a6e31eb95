/** Counters of filter rules and policies, before the probe and after it: the kernel's own word on what a rule has matched. */
import type { FilterGate, Gate } from '../path/gate.ts';
import type { Stopper } from '../path/ruleset.ts';
import { type ListedTable, parseListing } from '../path/ruleset-listing.ts';
import type { Filters, NetnsId, Topology } from '../topology/model.ts';
import { namespaceOf } from '../topology/query.ts';

/** Packets. */
export interface Counted {
  readonly before: number;
  readonly after: number;
}

/** Undefined where it has no counter, or the ruleset is another one now. */
export function countedBy(
  before: Topology,
  after: Topology | undefined,
  netns: NetnsId,
  stopper: Stopper,
): Counted | undefined {
  const [then, now] = [before, after].map((topology) => topology && namespaceOf(topology, netns)?.filters);
  if (!then || !now) return undefined;
  const [first, last] = [packetsOf(then, stopper), packetsOf(now, stopper)];
  if (first === undefined || last === undefined || last.rule !== first.rule || last.packets < first.packets)
    return undefined;
  return { before: first.packets, after: last.packets };
}

/** What was counted, and for which rule: a place in a listing says little by itself. */
interface Packets {
  readonly packets: number;
  readonly rule: string;
}

function packetsOf(filters: Filters, stopper: Stopper): Packets | undefined {
  const { family, legacy, xtables } = stopper;
  const six = family === 'ip6';
  if (legacy) return listed(six ? filters.ip6tablesLegacy : filters.iptablesLegacy, stopper);
  if (xtables) return listed(six ? filters.ip6tablesNft : filters.iptablesNft, stopper);
  return inJson(filters.nftables ?? [], stopper);
}

function listed(text: string | undefined, { table, chain, position }: Stopper): Packets | undefined {
  const found = tableIn(text, table);
  const counts = found?.counts.get(chain);
  if (position === undefined)
    return counts?.policy === undefined
      ? undefined
      : { packets: counts.policy, rule: found?.policies.get(chain) ?? '' };
  const packets = counts?.rules[position - 1];
  const words = found?.rules.get(chain)?.[position - 1];
  return packets === undefined || !words ? undefined : { packets, rule: words.join(' ') };
}

/** Only the one table is read: listings may have tens of thousands of lines. */
function tableIn(text: string | undefined, table: string): ListedTable | undefined {
  const from = text?.search(new RegExp(`^\\*${table.replaceAll(/[^\w-]/g, '.')}$`, 'm')) ?? -1;
  if (text === undefined || from < 0) return undefined;
  const until = text.indexOf('\nCOMMIT', from);
  return parseListing(text.slice(from, until < 0 ? undefined : until))[0];
}

function inJson(entries: readonly unknown[], { family, table, chain, handle }: Stopper): Packets | undefined {
  if (handle === undefined) return undefined;
  const isHere = (at: unknown) => member(at, 'family') === family && member(at, 'table') === table;
  for (const entry of entries) {
    const rule = member(entry, 'rule');
    if (member(rule, 'handle') !== handle || !isHere(rule) || member(rule, 'chain') !== chain) continue;
    const expressions = member(rule, 'expr');
    for (const expression of Array.isArray(expressions) ? expressions : []) {
      const counter = member(expression, 'counter');
      const own =
        typeof counter === 'string'
          ? entries.map((one) => member(one, 'counter')).find((one) => isHere(one) && member(one, 'name') === counter)
          : counter;
      const packets = member(own, 'packets');
      if (typeof packets === 'number') return { packets, rule: String(handle) };
    }
  }
  return undefined;
}

/**
 * A gate as its counters have it: a rule whose counter stood still has dropped nothing. Those that moved prove nothing by
 * themselves, since others' packets may have moved them.
 */
export function asCounted(gate: Gate, before: Topology, after: Topology | undefined): Gate {
  if (gate.kind !== 'filter' || gate.verdict === 'pass' || after === undefined || after === before) return gate;
  const { netns } = gate.place;
  const stoodStill = (stopper: Stopper) => {
    const counted = countedBy(before, after, netns, stopper);
    return counted !== undefined && counted.before === counted.after;
  };
  const suspects = suspectsOf(gate);
  const left = suspects.filter((suspect) => !stoodStill(suspect));
  if (left.length === suspects.length) return gate;
  const { stopper, suspects: _, ...rest } = gate;
  if (stopper && left.includes(stopper))
    return { ...rest, stopper, ...(left.length > 1 ? { suspects: left.filter((one) => one !== stopper) } : {}) };
  // What the model is sure of did not happen: then it knows less than it says.
  if (stopper) return { ...rest, verdict: 'unknown', suspects: left, ...(left.length === 0 ? { open: true } : {}) };
  return left.length === 0 && !gate.open ? { ...rest, verdict: 'pass' } : { ...rest, suspects: left };
}

/** All rules that may have stopped the packet at this gate. */
export function suspectsOf({ stopper, suspects = [] }: FilterGate): readonly Stopper[] {
  return stopper ? [...suspects, stopper] : suspects;
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

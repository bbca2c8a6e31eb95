/** Which rule of a packet filter stopped the packet: by the model, or where that is open, by counters and the kernel's own word. */

import type { FilterGate, Gate } from '../path/gate.ts';
import type { Stopper } from '../path/ruleset.ts';
import { familyOf } from '../topology/address.ts';
import { isAnswered } from '../trace/exchange.ts';
import { type Counted, countedBy, suspectsOf } from './filter-counters.ts';
import type { Confidence } from './finding.ts';
import type { Context } from './rule.ts';

export interface FilterCulprit {
  readonly gate: FilterGate;
  /** Absent where several rules may have done it. */
  readonly stopper?: Stopper;
  /** Of its counter, where it has one and it was read before and after. */
  readonly counted?: Counted;
  /** The model is sure that it stops the packet; else why it is named all the same. */
  readonly because: 'certain' | 'counter' | 'drop' | 'refused' | 'alone';
  /** Where the engine cannot know what it is worth. */
  readonly confidence?: Confidence;
}

export function filterCulprit(context: Context): FilterCulprit | undefined {
  const { situation } = context;
  if (situation.kind === 'stopped') {
    const { gate } = situation;
    if (gate.kind !== 'filter' || !gate.stopper) return undefined;
    const counted = counterOf(context, gate, gate.stopper);
    return { gate, stopper: gate.stopper, because: 'certain', ...(counted ? { counted } : {}) };
  }
  if (situation.kind !== 'lost' || !situation.covered) return undefined;
  const gates = situation.undecided.filter(isFilter);
  const others = situation.undecided.length > gates.length;
  return byCounter(context, gates) ?? byWord(context, gates) ?? (others ? undefined : alone(context, gates));
}

const isFilter = (gate: Gate): gate is FilterGate => gate.kind === 'filter';

function counterOf({ topology, after }: Context, gate: FilterGate, stopper: Stopper): Counted | undefined {
  return countedBy(topology, after, gate.place.netns, stopper);
}

/** One of the undecided rules has counted as many packets as probes were lost. */
function byCounter(context: Context, gates: readonly FilterGate[]): FilterCulprit | undefined {
  const lost = context.exchanges.filter((exchange) => exchange.kind === 'echo' && !isAnswered(exchange)).length;
  const moved = gates.flatMap((gate) =>
    suspectsOf(gate).flatMap((stopper) => {
      const counted = counterOf(context, gate, stopper);
      return counted && counted.after > counted.before ? [{ gate, stopper, counted }] : [];
    }),
  );
  const exact = moved.filter(({ counted }) => counted.after - counted.before === lost);
  const [one, ...more] = exact.length > 0 ? exact : moved;
  // Of some that were lost and some that were not, only an exact count tells.
  if (!one || more.length > 0 || (exact.length === 0 && context.partial)) return undefined;
  return { ...one, because: 'counter', confidence: exact.length > 0 ? 'likely' : 'possible' };
}

/** The kernel said that a filter dropped it, or refused to send it. */
function byWord({ drop, example, query }: Context, gates: readonly FilterGate[]): FilterCulprit | undefined {
  const refused = drop === undefined && example?.probe?.error?.at === 'send' && example.probe.error.errno === 'EPERM';
  const possible = refused
    ? gates.filter(
        ({ hook, place }) => place.netns === query.start.netns && (hook === 'output' || hook === 'postrouting'),
      )
    : drop?.reason === 'NETFILTER_DROP'
      ? gates.filter(({ place }) => place.netns === drop.place.netns)
      : [];
  const [gate, ...more] = possible;
  if (!gate || more.length > 0) return undefined;
  return { gate, because: refused ? 'refused' : 'drop', confidence: 'likely', ...onlySuspect(gate) };
}

/** Nothing else can have taken it. */
function alone({ partial }: Context, gates: readonly FilterGate[]): FilterCulprit | undefined {
  const [gate, ...more] = gates;
  if (!gate || more.length > 0 || partial) return undefined;
  const { stopper } = onlySuspect(gate);
  return stopper && { gate, stopper, because: 'alone', confidence: 'possible' };
}

function onlySuspect(gate: FilterGate): { stopper?: Stopper } {
  const [stopper, ...more] = suspectsOf(gate);
  return stopper && more.length === 0 && !gate.open ? { stopper } : {};
}

/** Whose rule it is to name: by the place in the stack. */
export function roleOf({ hook, from }: FilterGate): 'input' | 'forward' | 'output' | 'prerouting' {
  switch (hook) {
    case 'ingress':
    case 'prerouting':
      return 'prerouting';
    case 'input':
    case 'forward':
    case 'output':
      return hook;
    case 'postrouting':
    case 'egress':
      return from ? 'forward' : 'output';
    default:
      return hook satisfies never;
  }
}

/** ICMP errors to an echo request that only a filter, or a route of type prohibit, sends (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). */
export function isRefusal(address: string, type: number, code: number): boolean {
  return familyOf(address) === 4
    ? type === 3 && [2, 3, 9, 10, 13].includes(code)
    : type === 1 && [1, 4, 5, 6].includes(code);
}

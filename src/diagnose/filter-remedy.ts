/** Remedies for packet filters of an IP stack: accept the packet before the rule that stops it, and its reply where conntrack does not. */
import { expectPath } from '../path/expect.ts';
import { type FilterGate, gateKey } from '../path/gate.ts';
import { chainsOf, type Stopper } from '../path/ruleset.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import { namespaceOf } from '../topology/query.ts';
import { suspectsOf } from './filter-counters.ts';
import { roleOf } from './filter-culprit.ts';
import type { Claim, Context, Cure } from './rule.ts';

/** Rules that have to be told one by one: an accept in one chain says nothing in the next. */
const MAX_ACCEPTS = 6;

/** Docker writes FORWARD anew when it starts, and leaves this chain to the user. */
const USER_CHAIN = 'DOCKER-USER';

export function filterRemedies(
  context: Context,
  gate: FilterGate,
  stopper: Stopper,
): Pick<Claim, 'cure' | 'alternatives'> {
  const cure = accepting(context, gate, stopper);
  const deleted = deleting(gate, stopper);
  const alternative: Cure | undefined =
    deleted && passes(context, gate, [deleted])
      ? {
          why: `delete ${stopper.rejects === undefined ? 'the rule that drops' : 'the rule that rejects'}`,
          changes: [deleted],
        }
      : undefined;
  if (!cure) return alternative ? { cure: alternative } : {};
  return { cure, ...(alternative ? { alternatives: [alternative] } : {}) };
}

/** A gate that the model does not decide passes when it is decided then, or when what the kernel named is out of the way. */
function passes(context: Context, gate: FilterGate, changes: readonly Change[]): boolean {
  if (gate.verdict === 'stop' && !gate.traced && context.situation.kind === 'stopped') return context.passes(changes);
  const { legs } = expectPath(applyChanges(context.topology, changes), context.query);
  const again = legs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'gate' ? [step.gate] : [])));
  return again.some(
    (each) =>
      gateKey(each) === gateKey(gate) &&
      (each.verdict === 'pass' || (gate.traced === true && each.kind === 'filter' && !mayStop(each, gate.stopper))),
  );
}

function mayStop(gate: FilterGate, stopper: Stopper | undefined): boolean {
  if (!stopper) return true;
  const { table, chain, handle } = stopper;
  return suspectsOf(gate).some((one) => one.table === table && one.chain === chain && one.handle === handle);
}

function accepting(context: Context, gate: FilterGate, first: Stopper): Cure | undefined {
  for (const inUserChain of [true, false]) {
    const changes: Change[] = [];
    let next: { readonly gate: FilterGate; readonly stopper: Stopper } | undefined = { gate, stopper: first };
    let helped = false;
    while (next && changes.length < MAX_ACCEPTS) {
      const change = acceptance(context, next.gate, next.stopper, inUserChain);
      if (!change) break;
      changes.push(change);
      helped ||= passes(context, gate, changes);
      next = stillStopped(context, gate, first, changes);
    }
    if (helped) return { why: whyOf(changes), changes };
  }
  return undefined;
}

function whyOf(changes: readonly Change[]): string {
  const inUserChain = changes.some((change) => change.kind === 'filter-accept' && change.chain === USER_CHAIN);
  const what = changes.length > 1 ? 'accept the packet and its reply' : 'accept the packet';
  return inUserChain ? `${what} in ${USER_CHAIN}, which Docker leaves to you` : `${what} before the rule that stops it`;
}

/** What stops it at the same place of the same stack then, the request or its reply. */
function stillStopped(
  { topology, query }: Context,
  gate: FilterGate,
  first: Stopper,
  changes: readonly Change[],
): { readonly gate: FilterGate; readonly stopper: Stopper } | undefined {
  const { legs } = expectPath(applyChanges(topology, changes), query);
  const gates = legs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'gate' ? [step.gate] : [])));
  for (const stop of gates) {
    if (stop.kind !== 'filter' || stop.place.netns !== gate.place.netns || roleOf(stop) !== roleOf(gate)) continue;
    // What is not decided of the reply either: the rule that took the request may take it.
    const again =
      stop.verdict === 'unknown' && stop.packet !== gate.packet ? suspectsOf(stop).find(isSame(first)) : undefined;
    const stopper = stop.verdict === 'stop' ? stop.stopper : again;
    if (stopper) return { gate: stop, stopper };
  }
  return undefined;
}

/** Positions move with what is inserted before them: a rule is known by its words. */
const isSame =
  (one: Stopper) =>
  ({ table, chain, family, text }: Stopper): boolean =>
    text !== undefined && text === one.text && table === one.table && chain === one.chain && family === one.family;

function acceptance(
  { topology }: Context,
  gate: FilterGate,
  stopper: Stopper,
  inUserChain: boolean,
): Change | undefined {
  const { netns } = gate.place;
  const { family, table, base, legacy, xtables, handle, position } = stopper;
  const at = { netns, family, table, legacy, ...(xtables ? { xtables } : {}) };
  const input = gate.from ? [gate.from.name] : [];
  const output = gate.to ? [gate.to.name] : [];
  // nft has no way to quote these, and takes a star at the end for any ending; iptables a plus.
  if ([...input, ...output].some((name) => /["\\*+]/.test(name))) return undefined;
  const packet = addressesOf(gate);
  const accept = { kind: 'filter-accept' as const, ...at, ...interfacesAt(gate, input, output), ...packet };
  if (inUserChain && base === 'FORWARD') {
    const chains = chainsOf(namespaceOf(topology, netns)?.filters ?? {});
    const user = chains.some(
      (chain) =>
        chain.name === USER_CHAIN && chain.family === family && chain.table === table && chain.legacy === legacy,
    );
    if (user) return { ...accept, chain: USER_CHAIN };
  }
  if (position === undefined) return { ...accept, chain: base };
  return { ...accept, chain: stopper.chain, before: { position, ...(handle === undefined ? {} : { handle }) } };
}

/** A question of neighbour discovery goes to a group, and its sender has many addresses: the interface alone is asked for. */
function addressesOf({ packet, source, destination }: FilterGate): { source?: string; destination?: string } {
  return packet === 'echo-request' || packet === 'echo-reply' || packet === 'icmp-error' ? { source, destination } : {};
}

/** A chain at a device sees nothing else, and iptables lets only some chains ask for each of them. */
function interfacesAt({ hook }: FilterGate, input: string[], output: string[]): { input: string[]; output: string[] } {
  if (hook === 'ingress' || hook === 'egress') return { input: [], output: [] };
  return {
    input: hook === 'output' || hook === 'postrouting' ? [] : input,
    output: hook === 'input' || hook === 'prerouting' ? [] : output,
  };
}

function deleting(gate: FilterGate, stopper: Stopper): Change | undefined {
  const { family, table, chain, legacy, xtables, specific, handle, position } = stopper;
  const rule = legacy ? position : handle;
  if (!specific || rule === undefined || position === undefined) return undefined;
  const at = { netns: gate.place.netns, family, table, chain, legacy, ...(xtables ? { xtables } : {}) };
  return { kind: 'filter-delete', ...at, rule, position };
}

/** Remedies for packet filters in a bridge: delete the rule that drops, or accept before it. */
import { expectPath } from '../path/expect.ts';
import { type BridgeFilterGate, gateKey } from '../path/gate.ts';
import { chainsOf, type Stopper } from '../path/ruleset.ts';
import { applyChanges } from '../topology/apply-changes.ts';
import type { Change } from '../topology/change.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { namespaceOf } from '../topology/query.ts';
import type { Context } from './rule.ts';

/**
 * Deletes a rule that asks for something and stands in the chain the kernel calls. Anything broader (a policy, a rule that
 * drops all, one in a chain that others jump to as well) is left alone: then undefined.
 */
export function deletion(netns: NetnsId, stopper: Stopper): Change | undefined {
  const { family, table, chain, base, legacy, xtables, specific, handle, position } = stopper;
  const rule = legacy ? position : handle;
  if (!specific || chain !== base || rule === undefined) return undefined;
  const at = { netns, family, table, chain, legacy, ...(xtables ? { xtables } : {}) };
  return { kind: 'filter-delete', ...at, rule, ...(position === undefined ? {} : { position }) };
}

/** Accepts the packet and its answer, before everything else in the chain at the hook. */
export function acceptance(topology: Topology, gate: BridgeFilterGate, stopper: Stopper): Change | undefined {
  const { netns } = gate.bridge;
  const { family, table, legacy, xtables } = stopper;
  const interfaces = interfacesOf(gate);
  // nft has no way to quote these, and takes a star at the end for any ending; iptables a plus.
  if ([...interfaces.input, ...interfaces.output].some((name) => /["\\*+]/.test(name))) return undefined;
  const chain = chainFor(topology, netns, stopper);
  const at = { netns, family, table, chain, legacy, ...(xtables ? { xtables } : {}) };
  return { kind: 'filter-accept', ...at, ...interfaces };
}

/** Accepts this packet alone, from one address to one other, before the rule that drops it. */
export function narrowAcceptance(topology: Topology, gate: BridgeFilterGate, stopper: Stopper): Change | undefined {
  const accept = acceptance(topology, gate, stopper);
  const { packet, source, destination } = gate;
  if (accept?.kind !== 'filter-accept' || (packet !== 'echo-request' && packet !== 'echo-reply')) return undefined;
  const narrow = { ...accept, source, destination };
  const { chain, position, handle } = stopper;
  if (position === undefined || accept.chain === USER_CHAIN) return narrow;
  return { ...narrow, chain, before: { position, ...(handle === undefined ? {} : { handle }) } };
}

/** What drops the packet at the same gate once the changes are made. */
export function stopperAfter(
  { topology, query }: Context,
  gate: BridgeFilterGate,
  changes: readonly Change[],
): Stopper | undefined {
  const { legs } = expectPath(applyChanges(topology, changes), query);
  const again = legs
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.kind === 'gate' && gateKey(step.gate) === gateKey(gate) ? [step.gate] : []))[0];
  return again?.kind === 'bridge-filter' ? again.stopper : undefined;
}

/** DOCKER-USER where there is one: Docker writes FORWARD anew when it starts, and leaves that one to the user. */
function chainFor(topology: Topology, netns: NetnsId, { family, table, base, legacy }: Stopper): string {
  const beside = chainsOf(namespaceOf(topology, netns)?.filters ?? {}).filter(
    (chain) => chain.family === family && chain.table === table && chain.legacy === legacy,
  );
  return base === 'FORWARD' && beside.some(({ name }) => name === USER_CHAIN) ? USER_CHAIN : base;
}

const USER_CHAIN = 'DOCKER-USER';

/** What a rule at this hook can ask for; br_netfilter shows the bridge in place of its ports. */
function interfacesOf({ hook, from, to, by, bridge }: BridgeFilterGate): { input: string[]; output: string[] } {
  const enters = hook === 'prerouting' || hook === 'input' || hook === 'forward';
  const leaves = hook === 'forward' || hook === 'output' || hook === 'postrouting';
  const ports = [...new Set([from?.name, to?.name])].filter((name) => name !== undefined);
  const names = by === 'br_netfilter' ? [bridge.name] : ports;
  return { input: enters ? names : [], output: leaves ? names : [] };
}

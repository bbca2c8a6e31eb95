/**
 * Packet filter rules, decided as far as they can be: every expression is true, false or not known, and only what is
 * certain becomes a verdict (nft(8), iptables(8), ebtables-nft(8)).
 */
import type { Filters } from '../topology/model.ts';
import type { Carried } from './ethernet.ts';
import type { FilterGate } from './gate.ts';
import { legacyChains } from './ruleset-legacy.ts';
import { nftChains } from './ruleset-nft.ts';

/** undefined: not known. */
export type Truth = boolean | undefined;

export type Family = 'ip' | 'ip6' | 'inet' | 'bridge' | 'arp';

/** What a rule may look at. Interface names are empty where the hook has none. */
export interface FilterPacket {
  readonly inputInterface: string;
  readonly outputInterface: string;
  /** The bridge the interfaces are ports of, in the bridge family. */
  readonly bridge?: string;
  /** The ports behind the bridge's name, where br_netfilter shows the packet to the IP family. */
  readonly physicalInput?: string;
  readonly physicalOutput?: string;
  /** Its connection is known to conntrack, as far as no rule says otherwise. */
  readonly tracked?: boolean;
  readonly etherSource: string;
  readonly etherDestination: string;
  readonly carries: Carried;
}

/** What a rule does with a packet that it matches. */
export type Action =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' | 'unknown' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface Rule {
  /** nftables' handle; absent in legacy tables. */
  readonly handle?: number;
  /** It asks for something of the packet. */
  readonly specific: boolean;
  matches(packet: FilterPacket): Truth;
  act(packet: FilterPacket): Action;
}

export interface Chain {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly legacy: boolean;
  /** Present on a chain the kernel calls itself. */
  readonly hook?: string;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** A rule in it may take packets out of conntrack. */
  readonly untracks: boolean;
  readonly rules: readonly Rule[];
}

/** What drops a packet: a rule, or else the policy of the chain that the kernel calls. */
export interface Stopper {
  readonly family: Family;
  readonly table: string;
  /** The chain the rule is in. */
  readonly chain: string;
  /** The chain at the hook. */
  readonly base: string;
  readonly legacy: boolean;
  readonly handle?: number;
  /** Position of the rule in its chain, from 1; absent: the policy. */
  readonly position?: number;
  /** The rule asks for something; one that does not is as good as a policy. */
  readonly specific?: boolean;
}

export interface Ruling {
  readonly verdict: 'pass' | 'stop' | 'unknown';
  readonly stopper?: Stopper;
}

/** Rules looked at for one packet before it counts as not known: chains that jump to each other multiply. */
const MAX_RULES = 200_000;

/** Jumps deeper than this are not followed (the kernel's own limit, NFT_JUMP_STACK_SIZE). */
const MAX_DEPTH = 16;

export function chainsOf(filters: Filters): readonly Chain[] {
  return [...nftChains(filters), ...legacyChains(filters)];
}

/** Undefined where no chain of these families is at the hook. */
export function rule(
  chains: readonly Chain[],
  families: readonly Family[],
  hook: FilterGate['hook'],
  packet: FilterPacket,
): Ruling | undefined {
  const bases = chains
    .filter((chain) => families.includes(chain.family) && chain.hook === hook)
    .sort((a, b) => a.priority - b.priority);
  if (bases.length === 0) return undefined;
  let undecided = false;
  for (const base of bases) {
    const { dropped, accepts, returns } = walk({ chains, base, packet, budget: { rules: MAX_RULES } }, base, 0);
    const policy = returns && base.policy === 'drop' ? stopperOf(base, base) : undefined;
    const stopper = dropped ?? policy;
    const passes = accepts || (returns && !policy);
    // A chain that certainly drops does so whatever one before it may have done.
    if (stopper && !passes && stopper !== 'somewhere') return { verdict: 'stop', stopper };
    if (stopper) undecided = true;
  }
  return { verdict: undecided ? 'unknown' : 'pass' };
}

interface Evaluation {
  readonly chains: readonly Chain[];
  readonly base: Chain;
  readonly packet: FilterPacket;
  /** Rules that may still be looked at. */
  readonly budget: { rules: number };
}

/** How a chain may end for a packet. */
interface Endings {
  readonly accepts: boolean;
  readonly dropped?: Stopper | 'somewhere';
  readonly returns: boolean;
}

const UNKNOWN: Endings = { accepts: true, dropped: 'somewhere', returns: true };

function walk(evaluation: Evaluation, chain: Chain, depth: number): Endings {
  if (depth >= MAX_DEPTH) return UNKNOWN;
  let accepts = false;
  let dropped: Endings['dropped'];
  let returns = false;
  for (const [index, one] of chain.rules.entries()) {
    if (evaluation.budget.rules-- <= 0) return UNKNOWN;
    const truth = one.matches(evaluation.packet);
    if (truth === false) continue;
    const ends = ruleEndings(evaluation, chain, one, index, depth);
    accepts ||= ends.accepts;
    dropped ??= ends.dropped;
    returns ||= ends.leaves;
    if (truth && !ends.goesOn) return result(accepts, dropped, returns);
  }
  return result(accepts, dropped, true);
}

function result(accepts: boolean, dropped: Endings['dropped'], returns: boolean): Endings {
  return { accepts, returns, ...(dropped === undefined ? {} : { dropped }) };
}

/** `goesOn`: the next rule of this chain comes after it. `leaves`: it may end the chain without a verdict. */
interface RuleEndings {
  readonly accepts: boolean;
  readonly dropped?: Endings['dropped'];
  readonly leaves: boolean;
  readonly goesOn: boolean;
}

function ruleEndings(evaluation: Evaluation, chain: Chain, one: Rule, index: number, depth: number): RuleEndings {
  const nothing = { accepts: false, leaves: false, goesOn: false };
  const action = one.act(evaluation.packet);
  switch (action.kind) {
    case 'accept':
      return { ...nothing, accepts: true };
    case 'drop':
      return { ...nothing, dropped: stopperOf(chain, evaluation.base, one, index + 1) };
    case 'return':
      return { ...nothing, leaves: true };
    case 'continue':
      return { ...nothing, goesOn: true };
    case 'unknown':
      return { ...UNKNOWN, leaves: true, goesOn: true };
    case 'jump':
    case 'goto': {
      const target = evaluation.chains.find(
        ({ family, table, name, legacy }) =>
          family === chain.family && table === chain.table && name === action.chain && legacy === chain.legacy,
      );
      const ends = target ? walk(evaluation, target, depth + 1) : UNKNOWN;
      const { returns, ...verdicts } = ends;
      return action.kind === 'goto'
        ? { ...verdicts, leaves: returns, goesOn: false }
        : { ...verdicts, leaves: false, goesOn: returns };
    }
    default:
      return action satisfies never;
  }
}

function stopperOf(chain: Chain, base: Chain, one?: Rule, position?: number): Stopper {
  return {
    family: chain.family,
    table: chain.table,
    chain: chain.name,
    base: base.name,
    legacy: chain.legacy,
    ...(one?.handle === undefined ? {} : { handle: one.handle }),
    ...(position === undefined ? {} : { position }),
    ...(one?.specific ? { specific: true } : {}),
  };
}

/** "the policy of chain ip filter FORWARD", "rule 3 (handle 9) of chain bridge f x". */
export function stopperText({ family, table, chain, legacy, position, handle }: Stopper): string {
  const name = `chain ${legacy ? 'iptables-legacy' : family} ${table} ${chain}`;
  if (position === undefined) return `the policy of ${name}`;
  return `rule ${position}${handle === undefined ? '' : ` (handle ${handle})`} of ${name}`;
}

/** True when all are, false when one is not, else not known. */
export function every(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.every((truth) => truth === true) ? true : undefined;
}

export function not(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

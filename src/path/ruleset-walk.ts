/** One packet's way through the rules of a chain, and of the chains it jumps to: every ending that it may have. */
import { type Chain, type Changes, type FilterPacket, type Rule, type Stopper, stopperOf } from './ruleset.ts';
import { ruleText } from './ruleset-wording.ts';

/** What may have dropped it: a rule, a policy, or something in rules that cannot be read. */
export type Suspect = Stopper | 'somewhere';

/** How a chain may end for a packet. */
export interface Ending {
  readonly accepts: boolean;
  /** The last of them took whatever came to it, where nothing else is possible. */
  readonly drops: readonly Suspect[];
  readonly returns: boolean;
  /** The packet as the rules left it. */
  readonly packet: FilterPacket;
}

/** Rules looked at for one packet before it counts as not known: chains that jump to each other multiply. */
const MAX_RULES = 200_000;

/** Jumps deeper than this are not followed (the kernel's own limit, NFT_JUMP_STACK_SIZE). */
const MAX_DEPTH = 16;

/** Suspects that are told apart. */
const MAX_SUSPECTS = 16;

export function walkChain(base: Chain, packet: FilterPacket): Ending {
  const walk: Walk = { base, packet, budget: MAX_RULES };
  const endings = through(walk, base, 0, true);
  return { ...endings, packet: walk.packet };
}

interface Walk {
  readonly base: Chain;
  packet: FilterPacket;
  /** Rules that may still be looked at. */
  budget: number;
}

type Endings = Omit<Ending, 'packet'>;

const UNKNOWN: Endings = { accepts: true, drops: ['somewhere'], returns: true };

/** @param sure the packet certainly comes to this chain */
function through(walk: Walk, chain: Chain, depth: number, sure: boolean): Endings {
  if (depth >= MAX_DEPTH) return UNKNOWN;
  let accepts = false;
  let returns = false;
  const drops: Suspect[] = [];
  for (const [index, one] of chain.rules.entries()) {
    if (walk.budget-- <= 0) return UNKNOWN;
    const truth = one.matches(walk.packet);
    if (truth === false) continue;
    // A packet that may have left the chain before this rule is only perhaps changed by it.
    const certain = sure && truth === true && !returns;
    const ends = ruleEndings(walk, chain, one, index, depth, certain);
    const changes = one.changes?.(walk.packet);
    if (changes) walk.packet = changed(walk.packet, changes, certain);
    if (certain && changes?.ttl !== undefined)
      walk.packet = { ...walk.packet, ttlBy: stopperOf(chain, walk.base, one, index + 1, ruleText(chain, one)) };
    accepts ||= ends.accepts;
    returns ||= ends.leaves;
    if (drops.length < MAX_SUSPECTS) drops.push(...ends.drops);
    else if (ends.drops.length > 0) drops[MAX_SUSPECTS - 1] = ends.drops.at(-1) ?? 'somewhere';
    if (truth && !ends.goesOn) return { accepts, drops, returns };
  }
  return { accepts, drops, returns: true };
}

function changed(
  packet: FilterPacket,
  { mark, connectionMark, state, ttl, rewritten }: Changes,
  certain: boolean,
): FilterPacket {
  const { mark: oldMark, connectionMark: oldConnectionMark, state: oldState, ttl: oldTtl, ...rest } = packet;
  const merge = <T>(old: T | undefined, value: T | 'unknown' | undefined): T | undefined =>
    value === undefined || value === old ? old : certain && value !== 'unknown' ? value : undefined;
  const marks = {
    mark: merge(oldMark, mark),
    connectionMark: merge(oldConnectionMark, connectionMark),
    state: merge(oldState, state),
    ttl: merge(oldTtl, ttl),
  };
  return {
    ...rest,
    ...(rewritten ? { rewritten } : {}),
    ...(marks.mark === undefined ? {} : { mark: marks.mark }),
    ...(marks.connectionMark === undefined ? {} : { connectionMark: marks.connectionMark }),
    ...(marks.state === undefined ? {} : { state: marks.state }),
    ...(marks.ttl === undefined ? {} : { ttl: marks.ttl }),
  };
}

/** `goesOn`: the next rule of this chain comes after it. `leaves`: it may end the chain without a verdict. */
interface RuleEndings {
  readonly accepts: boolean;
  readonly drops: readonly Suspect[];
  readonly leaves: boolean;
  readonly goesOn: boolean;
}

const NOTHING: RuleEndings = { accepts: false, drops: [], leaves: false, goesOn: false };

function ruleEndings(walk: Walk, chain: Chain, one: Rule, index: number, depth: number, certain: boolean): RuleEndings {
  const action = one.act(walk.packet);
  switch (action.kind) {
    case 'accept':
      return { ...NOTHING, accepts: true };
    case 'drop':
      return {
        ...NOTHING,
        drops: [stopperOf(chain, walk.base, one, index + 1, ruleText(chain, one), action.unheard)],
      };
    case 'return':
      return { ...NOTHING, leaves: true };
    case 'continue':
      return { ...NOTHING, goesOn: true };
    case 'unknown':
      return { accepts: true, drops: ['somewhere'], leaves: true, goesOn: true };
    case 'jump':
    case 'goto': {
      const target = chain.sibling(action.chain);
      const { accepts, drops, returns } = target ? through(walk, target, depth + 1, certain) : UNKNOWN;
      return action.kind === 'goto'
        ? { accepts, drops, leaves: returns, goesOn: false }
        : { accepts, drops, leaves: false, goesOn: returns };
    }
    default:
      return action satisfies never;
  }
}

/** Which NAT rule takes the first packet of a connection: the chains of type nat at one hook, in order of their priority (nf_nat_inet_fn). */
import type { Filters } from '../topology/model.ts';
import { type NamedMaps, type NatHook, type NatStatement, natStatement } from './nat-statement.ts';
import { type Chain, type Family, type FilterPacket, type Stopper, stopperOf } from './ruleset.ts';
import { ruleText } from './ruleset-wording.ts';

/** A rule that translates, and what it does. */
export interface NatRule {
  readonly statement: NatStatement;
  readonly rule: Stopper;
}

export interface NatRuling {
  /** The rule that takes it; where that is not certain, the one that does if none of `perhaps` does. */
  readonly taken?: NatRule;
  /** Rules before it that may take it. */
  readonly perhaps: readonly NatRule[];
  /** `taken`, or that no rule takes it, is known. */
  readonly certain: boolean;
}

/** As the kernel's limit on jumps (NFT_JUMP_STACK_SIZE), and what one packet may cost. */
const MAX_DEPTH = 16;
const MAX_RULES = 200_000;

/** @param packet at this hook, the first of its connection */
export function natRuling(
  filters: Filters,
  chains: readonly Chain[],
  families: readonly Family[],
  hook: NatHook,
  packet: FilterPacket,
): NatRuling {
  const bases = chains
    .filter((chain) => chain.type === 'nat' && chain.hook === hook && families.includes(chain.family))
    .sort((a, b) => a.priority - b.priority);
  const search: Search = { filters, hook, packet, perhaps: [], open: false, doubt: false, budget: MAX_RULES };
  // A chain that accepts without a word is followed by the next one, until one has translated.
  for (const base of bases) if (through(search, base, base, 0) === 'taken') break;
  const { taken, perhaps, open, doubt } = search;
  const certain = perhaps.length === 0 && !open && (!doubt || taken === undefined);
  return { perhaps, certain, ...(taken === undefined ? {} : { taken }) };
}

interface Search {
  readonly filters: Filters;
  readonly hook: NatHook;
  packet: FilterPacket;
  taken?: NatRule;
  readonly perhaps: NatRule[];
  /** Something that cannot be read may translate it. */
  open: boolean;
  /** It may have left a chain before the rule that takes it. */
  doubt: boolean;
  budget: number;
}

type End = 'taken' | 'ends' | 'returns';

function through(search: Search, base: Chain, chain: Chain, depth: number): End {
  if (depth >= MAX_DEPTH) {
    search.open = true;
    return 'returns';
  }
  for (const [index, one] of chain.rules.entries()) {
    if (search.budget-- <= 0) {
      search.open = true;
      return 'ends';
    }
    const truth = one.matches(search.packet);
    if (truth === false) continue;
    const statement = natStatement(one, search.hook, search.packet, mapsOf(search.filters, chain));
    if (statement) {
      const found = { statement, rule: stopperOf(chain, base, one, index + 1, ruleText(chain, one)) };
      if (truth) {
        search.taken = found;
        return 'taken';
      }
      search.perhaps.push(found);
      continue;
    }
    // A map without the packet's key: the rule ends, and the next one comes.
    if (isTranslating(one)) continue;
    const changes = truth ? one.changes?.(search.packet) : undefined;
    if (changes?.mark !== undefined) search.packet = withMark(search.packet, changes.mark);
    const action = one.act(search.packet);
    switch (action.kind) {
      case 'accept':
      case 'drop':
        if (truth) return 'ends';
        search.doubt = true;
        break;
      case 'return':
        if (truth) return 'returns';
        search.doubt = true;
        break;
      case 'jump':
      case 'goto': {
        const target = chain.sibling(action.chain);
        if (!target) break;
        const end = truth ? through(search, base, target, depth + 1) : maybe(search, base, target, depth + 1);
        if (truth && (end !== 'returns' || action.kind === 'goto')) return end;
        break;
      }
      case 'unknown':
        search.open ||= !isVerdictOfOthers(one);
        break;
      case 'continue':
        break;
      default:
        return action satisfies never;
    }
  }
  return 'returns';
}

/** A chain it may be led to: what takes it there, takes it perhaps. */
function maybe(search: Search, base: Chain, target: Chain, depth: number): End {
  const { taken: before } = search;
  const end = through(search, base, target, depth);
  if (end === 'taken' && search.taken && search.taken !== before) {
    search.perhaps.push(search.taken);
    if (before === undefined) delete search.taken;
    else search.taken = before;
  }
  return 'returns';
}

function withMark(packet: FilterPacket, mark: number | 'unknown'): FilterPacket {
  const { mark: _, ...rest } = packet;
  return mark === 'unknown' ? rest : { ...rest, mark };
}

function isTranslating({ expressions, words }: Chain['rules'][number]): boolean {
  const own = expressions?.some(
    (one) => typeof one === 'object' && one !== null && ['snat', 'dnat'].some((key) => Object.hasOwn(one, key)),
  );
  return own === true || (words ?? []).some((word) => word === 'SNAT' || word === 'DNAT');
}

/** A target that cannot be read translates nothing when it is known to be none of those that do. */
function isVerdictOfOthers({ words }: Chain['rules'][number]): boolean {
  return words !== undefined && !words.some((word) => /NAT|MASQ|REDIRECT|NETMAP|BALANCE/.test(word));
}

function mapsOf({ nftables }: Filters, { family, table }: Chain): NamedMaps {
  return (name) => {
    for (const entry of nftables ?? []) {
      const map = member(entry, 'map');
      if (member(map, 'name') === name && member(map, 'family') === family && member(map, 'table') === table)
        return member(map, 'elem') ?? [];
    }
    return undefined;
  };
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

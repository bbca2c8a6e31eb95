/**
 * What packet filter rules did to the run's own packets, as the kernel told it (nftables' packet tracing, nf_tables_trace.c):
 * one passage for each chain that a hook called, with every rule in it that had a say.
 */
import type { NetnsId } from '../topology/model.ts';
import { probeSequence, type RunIdentity } from './run.ts';
import type { SightingKind } from './sighting.ts';

/** Families of nftables' tables. */
export type TracedFamily = 'ip' | 'ip6' | 'inet' | 'bridge' | 'arp' | 'netdev';

/**
 * `continue`: the rule matched, and the next one is asked. `queue`: a program of user space decides. `stolen`: it was taken
 * out of the kernel's hands. `repeat`: the hook calls the chain again.
 */
export type TracedVerdict = 'accept' | 'drop' | 'queue' | 'stolen' | 'repeat' | 'continue' | 'jump' | 'goto' | 'return';

/** One event of a trace, as the kernel sends it. */
export interface RuleEvent {
  /** The packet, as long as it lives: nothing else in the message tells packets apart. */
  readonly id: number;
  readonly family: TracedFamily;
  readonly table: string;
  readonly chain: string;
  readonly kind: 'rule' | 'return' | 'policy';
  /** The rule's, where it is one. */
  readonly handle?: number;
  readonly verdict: TracedVerdict;
  /** Where a jump leads. */
  readonly target?: string;
  /** The first event of a passage alone has it: from the ICMP header on, 20 bytes at most. */
  readonly transport?: Uint8Array;
  readonly protocol?: 'icmp' | 'icmpv6';
  /** Numbers of interfaces in the namespace. */
  readonly input?: number;
  readonly output?: number;
}

/** A rule that matched, the end of a chain that was jumped to, or the policy. */
export interface RuleStep {
  readonly chain: string;
  readonly handle?: number;
  readonly verdict: TracedVerdict;
  readonly target?: string;
}

/** A packet's way through one chain that a hook called, and through those it jumped to. */
export interface RulePassage {
  readonly netns: NetnsId;
  readonly family: TracedFamily;
  readonly table: string;
  /** The chain at the hook. */
  readonly chain: string;
  readonly packet: Extract<SightingKind, 'echo-request' | 'echo-reply' | 'icmp-error'>;
  /** The probe it belongs to; absent of an error, whose quotation is too far behind. */
  readonly sequence?: number;
  /** Interfaces, as the hook shows them; absent where it has none. */
  readonly input?: string;
  readonly output?: string;
  readonly steps: readonly RuleStep[];
  /** `unknown`: the end was lost, or somebody else decides. */
  readonly verdict: 'accept' | 'drop' | 'queue' | 'unknown';
}

/** What a run's trace of rules has told. */
export interface RuleTraceRecord {
  readonly passages: readonly RulePassage[];
  /** Namespaces where something is missing: the kernel told more than could be kept. */
  readonly lost: readonly NetnsId[];
}

export interface PassageJoinerOptions {
  readonly netns: NetnsId;
  readonly run: RunIdentity;
  /** The table that asked for the trace: its own passages are none. */
  readonly ownTable: string;
  /** The name of an interface of the namespace. */
  readonly nameOf: (index: number) => string | undefined;
  readonly onPassage: (passage: RulePassage) => void;
}

export interface PassageJoiner {
  /** Takes the next event of this namespace, in the order the kernel sent them. */
  add(event: RuleEvent): void;
  /** Hands over what has not ended. */
  end(): void;
}

type Open = Omit<RulePassage, 'steps' | 'verdict'> & { readonly steps: RuleStep[] };

/** Packets under way at a time; the oldest are handed over unfinished. */
const MOST_OPEN = 256;
/** Rules of one passage that are kept: the last ones decide. */
const MOST_STEPS = 64;

/** Joins events into passages. Events of other people's traces are left out. */
export function createPassageJoiner(options: PassageJoinerOptions): PassageJoiner {
  const open = new Map<number, Open>();
  /** Packets that our own table has marked: an error carries too little to be known by. */
  const marked = new Set<number>();

  const finish = (id: number, passage: Open, verdict: RulePassage['verdict']) => {
    open.delete(id);
    options.onPassage({ ...passage, verdict });
  };
  const begin = (event: RuleEvent): Open | undefined => {
    const left = open.get(event.id);
    if (left) finish(event.id, left, 'unknown');
    const named = packetOf(event, options.run, marked.has(event.id));
    if (!named) return undefined;
    if (open.size >= MOST_OPEN) for (const [id, oldest] of open) if (finish(id, oldest, 'unknown') === undefined) break;
    const { family, table, chain } = event;
    const input = event.input === undefined ? undefined : options.nameOf(event.input);
    const output = event.output === undefined ? undefined : options.nameOf(event.output);
    const passage: Open = {
      netns: options.netns,
      family,
      table,
      chain,
      ...named,
      ...(input === undefined ? {} : { input }),
      ...(output === undefined ? {} : { output }),
      steps: [],
    };
    open.set(event.id, passage);
    return passage;
  };

  return {
    add(event) {
      if (event.table === options.ownTable) {
        if (event.kind !== 'rule') return;
        if (marked.size >= MOST_OPEN) for (const oldest of marked) if (marked.delete(oldest)) break;
        marked.add(event.id);
        return;
      }
      const passage = event.transport === undefined ? open.get(event.id) : begin(event);
      if (!passage) return;
      const { chain, handle, verdict, target } = event;
      // Behind the end of the chain at the hook comes its policy, which says more.
      if (event.kind === 'return' && chain === passage.chain) return;
      if (passage.steps.length >= MOST_STEPS) passage.steps.shift();
      passage.steps.push({
        chain,
        ...(handle === undefined ? {} : { handle }),
        verdict,
        ...(target === undefined ? {} : { target }),
      });
      const ending = endOf(event);
      if (ending) finish(event.id, passage, ending);
    },
    end() {
      for (const [id, passage] of open) finish(id, passage, 'unknown');
    },
  };
}

function endOf({ verdict }: RuleEvent): RulePassage['verdict'] | undefined {
  switch (verdict) {
    case 'accept':
    case 'drop':
    case 'queue':
      return verdict;
    case 'stolen':
    case 'repeat':
      return 'unknown';
    case 'continue':
    case 'jump':
    case 'goto':
    case 'return':
      return undefined;
    default:
      return verdict satisfies never;
  }
}

/** RFC 792 and RFC 4443: echo request and reply. */
const ECHO = { icmp: { request: 8, reply: 0 }, icmpv6: { request: 128, reply: 129 } };
const ECHO_HEADER = 8;

/** Which of the run's packets it is; undefined for somebody else's. */
function packetOf(
  { transport, protocol }: RuleEvent,
  run: RunIdentity,
  isMarked: boolean,
): Pick<RulePassage, 'packet' | 'sequence'> | undefined {
  if (!transport || !protocol || transport.length < ECHO_HEADER) return undefined;
  const view = new DataView(transport.buffer, transport.byteOffset, transport.length);
  const type = view.getUint8(0);
  const { request, reply } = ECHO[protocol];
  if (type !== request && type !== reply) return isMarked ? { packet: 'icmp-error' } : undefined;
  const sequence = probeSequence(run, transport.subarray(ECHO_HEADER), view.getUint16(4), view.getUint16(6));
  return sequence === undefined ? undefined : { packet: type === request ? 'echo-request' : 'echo-reply', sequence };
}

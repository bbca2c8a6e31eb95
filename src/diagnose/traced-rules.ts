/**
 * What the kernel told of the rules that the example's packets met, held against the gates of the path. It outranks the model:
 * a gate whose rules let the packet pass is passed, and where one dropped it, that is the rule.
 */
import type { BridgeFilterGate, Fact, FilterGate, Gate } from '../path/gate.ts';
import { stopperListing } from '../path/ip-filter.ts';
import type { Path } from '../path/model.ts';
import { type Chain, chainsOf, type Rulesets, type Stopper, stopperOf, stopperText } from '../path/ruleset.ts';
import { ruleText } from '../path/ruleset-wording.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { commandIn, netnsName, placeName } from '../topology/naming.ts';
import { namespaceOf } from '../topology/query.ts';
import type { EchoExchange } from '../trace/exchange.ts';
import type { RulePassage, RuleStep, RuleTraceRecord } from '../trace/rule-trace.ts';
import type { Evidence } from './finding.ts';
import { PACKETS } from './kernel-word.ts';

export interface TracedRules {
  readonly record: RuleTraceRecord;
  readonly topology: Topology;
  readonly rulesets: Rulesets;
  readonly example: EchoExchange | undefined;
}

/** The kernel itself told what the rules at this gate did. */
export function isTraced(gate: Gate): boolean {
  return (gate.kind === 'filter' || gate.kind === 'bridge-filter') && gate.traced === true;
}

/** The path as the trace has it. */
export function tracedPath(path: Path, traced: TracedRules | undefined): Path {
  if (!traced) return path;
  return {
    ...path,
    legs: path.legs.map((leg) => ({
      ...leg,
      steps: leg.steps.map((step) => (step.kind === 'gate' ? { ...step, gate: tracedGate(step.gate, traced) } : step)),
    })),
  };
}

function tracedGate(gate: Gate, traced: TracedRules): Gate {
  if ((gate.kind !== 'filter' && gate.kind !== 'bridge-filter') || gate.tunnel) return gate;
  const met = passagesAt(gate, traced);
  const drop = met.find(({ passage }) => passage.verdict === 'drop');
  if (drop) return stopped(gate, drop, traced);
  const all = met.length > 0 && met.every(({ passage }) => passage.verdict === 'accept');
  return all && isWholeTold(gate, traced) ? passed(gate) : gate;
}

interface Met {
  readonly passage: RulePassage;
  readonly base: Chain;
}

/** What the example's packet met at this gate. */
function passagesAt(gate: FilterGate | BridgeFilterGate, traced: TracedRules): Met[] {
  const met = traced.record.passages.flatMap((passage): Met[] => {
    if (passage.netns !== gate.place.netns || passage.packet !== gate.packet) return [];
    // An error is not told to be about one probe.
    if (passage.sequence !== undefined && passage.sequence !== traced.example?.sequence) return [];
    const base = chainNamed(traced, passage, passage.chain);
    if (base?.hook !== gate.hook || !sees(base, gate)) return [];
    return gate.kind === 'filter' && partOf(base) !== gate.part ? [] : [{ passage, base }];
  });
  const exact = met.filter(({ passage }) => isBetween(passage, gate));
  // A bridge sends copies by other ports as well; a stack handles a packet once.
  return exact.length > 0 || gate.kind === 'bridge-filter' ? exact : met;
}

function sees({ family }: Chain, gate: FilterGate | BridgeFilterGate): boolean {
  return (family === 'bridge') === (gate.kind === 'bridge-filter' && gate.by === 'bridge');
}

/** Where address translation lies (enum nf_ip_hook_priorities). */
function partOf({ hook, priority }: Chain): FilterGate['part'] {
  const translation =
    hook === 'prerouting' || hook === 'output' ? -100 : hook === 'input' || hook === 'postrouting' ? 100 : Infinity;
  return priority < translation ? 'before-nat' : 'behind-nat';
}

/** To the chains of IP, br_netfilter shows the bridge in place of its ports. */
function isBetween({ input, output }: RulePassage, gate: FilterGate | BridgeFilterGate): boolean {
  const hidden = gate.kind === 'bridge-filter' && gate.by === 'br_netfilter' ? gate.bridge.name : undefined;
  const from = hidden ?? gate.from?.name;
  const to = hidden ?? gate.to?.name;
  return (
    (input === undefined || from === undefined || input === from) &&
    (output === undefined || to === undefined || output === to)
  );
}

/** Nothing was lost, and no table that tells nothing is at the hook. */
function isWholeTold({ place, hook }: FilterGate | BridgeFilterGate, traced: TracedRules): boolean {
  const silent = chainsAt(traced, place.netns).some((chain) => chain.legacy && chain.hook === hook && canDrop(chain));
  return !silent && !traced.record.lost.includes(place.netns);
}

function canDrop({ rules, policy }: Chain): boolean {
  return rules.length > 0 || policy === 'drop';
}

function passed(gate: FilterGate | BridgeFilterGate): Gate {
  return decided(gate, 'pass', undefined, { text: `the kernel tells that the rules at ${gate.hook} let it pass` });
}

function stopped(gate: FilterGate | BridgeFilterGate, { passage, base }: Met, traced: TracedRules): Gate {
  const stopper = stopperIn(traced, passage, base);
  return decided(gate, 'stop', stopper, factOf(passage, stopper, traced));
}

/** What the model made of it is left out. */
function decided(
  gate: FilterGate | BridgeFilterGate,
  verdict: 'pass' | 'stop',
  stopper: Stopper | undefined,
  fact: Fact,
): Gate {
  const told = { verdict, traced: true as const, ...(stopper ? { stopper } : {}), facts: [fact] };
  if (gate.kind === 'filter') {
    const { stopper: _, suspects: __, open: ___, ...rest } = gate;
    return { ...rest, ...told };
  }
  const { stopper: _, suspect: __, ...rest } = gate;
  return { ...rest, ...told };
}

function stopperIn(traced: TracedRules, passage: RulePassage, base: Chain): Stopper | undefined {
  const step = passage.steps.at(-1);
  if (!step) return undefined;
  if (step.handle === undefined) return stopperOf(base, base);
  const found = ruleAt(traced, passage, step);
  return found && stopperOf(found.chain, base, found.rule, found.position, ruleText(found.chain, found.rule));
}

function factOf({ netns }: RulePassage, stopper: Stopper | undefined, { topology }: TracedRules): Fact {
  if (!stopper)
    return {
      text: 'the kernel tells that a rule dropped it which was not there before',
      look: commandIn(topology, netns, ['nft', '-a', 'list', 'ruleset']),
    };
  const { text, rejects } = stopper;
  return {
    text: `the kernel tells that ${stopperText(stopper)} ${rejects === undefined ? 'drops' : 'rejects'} it${text ? `: ${text}` : ''}`,
    look: commandIn(topology, netns, stopperListing(stopper)),
  };
}

function chainsAt(
  { topology, rulesets }: Pick<TracedRules, 'topology' | 'rulesets'>,
  netns: NetnsId,
): readonly Chain[] {
  const filters = namespaceOf(topology, netns)?.filters;
  if (!filters) return [];
  const chains = rulesets.get(filters) ?? chainsOf(filters);
  rulesets.set(filters, chains);
  return chains;
}

type Read = Pick<TracedRules, 'topology' | 'rulesets'>;

function chainNamed(read: Read, { netns, family, table }: RulePassage, name: string): Chain | undefined {
  return chainsAt(read, netns).find(
    (chain) => !chain.legacy && chain.family === family && chain.table === table && chain.name === name,
  );
}

function ruleAt(read: Read, passage: RulePassage, { chain: name, handle }: RuleStep) {
  const chain = chainNamed(read, passage, name);
  const index = chain?.rules.findIndex((rule) => rule.handle === handle) ?? -1;
  const rule = chain?.rules[index];
  return chain && rule ? { chain, rule, position: index + 1 } : undefined;
}

/** One thing a packet met, in words. */
export interface RuleMet {
  readonly passage: RulePassage;
  /** Of the chain at the hook; absent where it was not there before. */
  readonly hook?: string;
  readonly steps: readonly (RuleStep & {
    /** Of the rule in its chain, from 1, and as its own program lists it. */
    readonly position?: number;
    readonly text?: string;
  })[];
}

/** All that was met, with the texts of the rules. */
export function rulesMet({ passages }: RuleTraceRecord, topology: Topology): RuleMet[] {
  const read = { topology, rulesets: new WeakMap() };
  return passages.map((passage) => {
    const hook = chainNamed(read, passage, passage.chain)?.hook;
    return {
      passage,
      ...(hook === undefined ? {} : { hook }),
      steps: passage.steps.map((step) => {
        const found = step.handle === undefined ? undefined : ruleAt(read, passage, step);
        return found ? { ...step, position: found.position, text: ruleText(found.chain, found.rule) } : step;
      }),
    };
  });
}

/** Of a packet that was lost where no gate explains it: the rules that dropped it, or gave it to a program. */
export function ruleEvidence(traced: TracedRules): Evidence[] {
  const { record, topology, example } = traced;
  return record.passages.flatMap((passage): Evidence[] => {
    const { verdict, sequence, netns, packet, family, table, chain } = passage;
    if (sequence !== undefined && sequence !== example?.sequence) return [];
    if (verdict !== 'drop' && verdict !== 'queue') return [];
    const base = chainNamed(traced, passage, chain);
    const stopper = base && stopperIn(traced, passage, base);
    const name = passage.input ?? passage.output;
    const at = name === undefined ? netnsName(topology, netns) : placeName(topology, { netns, name });
    const who = stopper ? stopperText(stopper) : `a rule of chain ${family} ${table} ${chain}`;
    const did = verdict === 'drop' ? 'dropped' : 'gave to a program (queue)';
    return [
      {
        kind: 'rule',
        text: `the kernel tells that ${who} ${did} the ${PACKETS[packet]} at ${at}${stopper?.text ? `: ${stopper.text}` : ''}`,
        ...(name === undefined ? {} : { place: { netns, name } }),
      },
    ];
  });
}

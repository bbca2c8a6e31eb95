/** A finding: a rule's answer, and the diagnosis that holds them all. */
import type { Path } from '../path/model.ts';
import type { StateChange } from '../topology/difference.ts';
import type { Topology } from '../topology/model.ts';
import type { Drop } from '../trace/drop.ts';
import type { EchoExchange, Exchange } from '../trace/exchange.ts';
import type { Coverage, Place } from '../trace/frame.ts';
import type { KernelWay } from '../trace/kernel-way.ts';
import type { RuleTraceRecord } from '../trace/rule-trace.ts';
import type { Hop } from './hops.ts';

/** fault: packets do not get through because of it. warning: they do, but it harms them. note: odd, and does not touch this packet. */
export type Severity = 'fault' | 'warning' | 'note';

/** proven: sighted up to one place and absent at the next covered one, and state decides the gate between. */
export type Confidence = 'proven' | 'likely' | 'possible';

export interface Evidence {
  readonly kind: 'sighting' | 'absence' | 'state' | 'drop' | 'rule' | 'probe';
  readonly text: string;
  readonly place?: Place;
  readonly timeNs?: bigint;
  /** The journey it speaks of, where there is one. */
  readonly journey?: number;
  /** The command that shows the state. */
  readonly look?: string;
}

export interface Remedy {
  readonly why: string;
  /** Run as they stand, in order, as root, in the namespace vdiag was started in. */
  readonly commands: readonly string[];
  /** The command that proves the cure. */
  readonly verify: string;
}

export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly confidence: Confidence;
  /** One line: what is wrong and where. Lower case, names and values in it, no full stop. */
  readonly title: string;
  /** Two to four sentences: what happened to the packet and why. */
  readonly summary: string;
  readonly where: Place;
  readonly evidence: readonly Evidence[];
  readonly remedies: readonly Remedy[];
  /** `now`: the cause. `next`: would stop the packet once the causes before it are cured. Absent on notes and warnings. */
  readonly blocks?: 'now' | 'next';
}

export type Outcome = 'healthy' | 'fault' | 'inconclusive';

export interface Diagnosis {
  readonly outcome: Outcome;
  /** The root cause first. */
  readonly findings: readonly Finding[];
  readonly path: Path;
  readonly exchanges: readonly Exchange[];
  /** The exchange the diagnosis speaks of: the first unanswered one, or the first. */
  readonly example?: EchoExchange;
  readonly coverage: Coverage;
  readonly before: Topology;
  readonly after?: Topology;
  /** What the kernel dropped of these exchanges, sure or not; absent where it could not be read. */
  readonly drops?: readonly Drop[];
  /** The ways of the example's packets, as the kernel reported them; absent where it could not be read. */
  readonly kernel?: readonly KernelWay[];
  /** How many of the probes came by each place, and after what time; absent where none was sent. */
  readonly hops?: readonly Hop[];
  /** What changed on the path while the probes were under way; absent where nothing did, or the state was not taken again. */
  readonly changes?: readonly StateChange[];
  /** The packet filter rules that the probes met, as the kernel told it; absent where it was not asked for. */
  readonly ruleTrace?: RuleTraceRecord;
  /** Where the packet vanished: last sighted here, missing there. Absent when it did not. */
  readonly vanished?: { readonly last?: Place; readonly missing?: Place; readonly leg: number };
}

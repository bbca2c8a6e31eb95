/** A rule: one fault of the catalogue, what there is to say about it, and how it is recognised. */
import type { EchoQuery } from '../path/expect.ts';
import type { Gate } from '../path/gate.ts';
import type { Leg, Path, Step } from '../path/model.ts';
import type { Change } from '../topology/change.ts';
import type { StateChange } from '../topology/difference.ts';
import type { Topology } from '../topology/model.ts';
import type { Drop } from '../trace/drop.ts';
import type { EchoExchange, Exchange } from '../trace/exchange.ts';
import type { Coverage, Place } from '../trace/frame.ts';
import type { KernelWay } from '../trace/kernel-way.ts';
import type { Confidence, Evidence, Severity } from './finding.ts';
import type { Figures } from './hops.ts';
import type { PartialLoss } from './partial-loss.ts';
import type { TracedRules } from './traced-rules.ts';

/** What `vdiag explain` prints, written for a person at three in the morning. Plain text; commands are indented by two spaces. */
export interface Explanation {
  /** What is wrong, and why it breaks. */
  readonly what: string;
  /** How it looks on the wire: where the decisive packet is last sighted, and where it never comes. */
  readonly wire: string;
  /** How to confirm it by hand. */
  readonly confirm: string;
  /** How to cure it, and what the cure costs. */
  readonly cure: string;
  /** When it is something else. */
  readonly otherwise: string;
}

/** A place of the walk where the packet stopped, and what lies around it. */
export interface Loss {
  readonly leg: Leg;
  /** The last step that was sighted, and the first that should have been and was not. */
  readonly last?: Step;
  readonly missing?: Step;
}

/** What a rule is asked about. */
export type Situation =
  /** This gate stops the packet. `blocks` is `next` when others stop it before. */
  | ({ readonly kind: 'stopped'; readonly gate: Gate; readonly blocks: 'now' | 'next' } & Loss)
  /** It vanished, and no gate explains it. `covered`: the missing place was listened to and nothing was lost there. */
  | ({ readonly kind: 'lost'; readonly covered: boolean; readonly undecided: readonly Gate[] } & Loss)
  /** Asked once at the end, for what is odd and stops nothing. */
  | { readonly kind: 'overall' };

export interface Context {
  readonly situation: Situation;
  readonly query: EchoQuery;
  /** Before the probe; for `blocks: next`, as it would be after the cures named so far. */
  readonly topology: Topology;
  readonly after?: Topology;
  readonly path: Path;
  readonly exchanges: readonly Exchange[];
  readonly example?: EchoExchange;
  readonly coverage: Coverage;
  /** What the kernel said when it dropped the packet of this situation. */
  readonly drop?: Drop;
  /** The ways of the example's packets, as the kernel reported them. */
  readonly kernel?: readonly KernelWay[];
  /** The packet filter rules that the example's packets met, as the kernel told it. */
  readonly traced?: TracedRules;
  /** How far each probe came, and when; absent where none was sent. */
  readonly figures?: Figures;
  /** Some probes were answered, and some were not: which. */
  readonly partial?: PartialLoss;
  /** What changed on the path while the probes were under way. */
  readonly changes?: readonly StateChange[];
  /** All rules, for one that asks what the others say of a gate. */
  readonly rules?: readonly Rule[];
  /** True when the model's packet is no longer stopped where it is now once the changes are made. */
  passes(changes: readonly Change[], query?: EchoQuery): boolean;
  /** Of several cures the one after which fewest gates stop the packet; the first of equals; undefined when none helps. */
  best(attempts: readonly (readonly Change[])[]): readonly Change[] | undefined;
}

export interface Cure {
  readonly why: string;
  readonly changes: readonly Change[];
  /** Where the address that is pinged from has moved: the interface to trace from afterwards. */
  readonly start?: Place;
}

/** A rule's answer. The engine adds what was sighted and what the gate's state is. */
export interface Claim {
  readonly title: string;
  readonly summary: string;
  readonly where: Place;
  readonly cure?: Cure;
  /** Other ways to cure it, none of which is needed beside the first. */
  readonly alternatives?: readonly Cure[];
  readonly evidence?: readonly Evidence[];
  /** Where this case is less than the rule's own severity: the probes were answered. */
  readonly severity?: Severity;
  /** Where the rule knows better than the engine what its answer is worth. */
  readonly confidence?: Confidence;
}

export interface Rule {
  /** Its public name: in JSON, in `vdiag explain`, in FAULTS.md and as a file name. Never renamed. */
  readonly id: string;
  readonly severity: Severity;
  /** One line for `vdiag rules`. */
  readonly title: string;
  readonly explain: Explanation;
  /** The claim this rule makes about the situation, or undefined. Runs no command and reads no file. */
  evaluate(context: Context): Claim | undefined;
}

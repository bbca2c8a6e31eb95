/** A failed pair of a capture, with the frames around one of its failures. */
import type { FailureGroup, PairSummary } from '../../survey/summary.ts';
import type { EchoExchange, Exchange } from '../../trace/exchange.ts';
import type { Sighting } from '../../trace/sighting.ts';

export interface Case {
  readonly pair: PairSummary;
  /** How most of its requests failed; absent where all were answered and something else is odd. */
  readonly group?: FailureGroup;
  /** What was sighted of the two, their ARP and the errors about them, around the example; in order of time. */
  readonly sightings: readonly Sighting[];
  /** Of the two, echoes first. */
  readonly exchanges: readonly Exchange[];
  /** The one that the group's example is. */
  readonly example?: EchoExchange;
}

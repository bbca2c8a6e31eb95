/** Gates of conntrack and address translation (net/netfilter/nf_conntrack_core.c, nf_nat_core.c). */
import type { Place } from '../trace/frame.ts';
import type { Ends } from './connection.ts';
import type { NatHook, NatStatement } from './nat-statement.ts';
import type { Stopper } from './ruleset.ts';
import type { Decided } from './verdict.ts';

/**
 * A translation: by a rule for the first packet of a connection, by conntrack for all others.
 * `no-address`: masquerading, or redirecting, by a device that has no address. `undecided`: whether, or to what, is not known.
 * `bypassed`: an answer that came back round the translating namespace, with an address the sender never asked.
 * `elsewhere`: an answer to the translated source, at a stack that knows nothing of the connection.
 */
export interface TranslationGate extends Decided {
  readonly kind: 'translation';
  readonly hook: NatHook;
  readonly reason: 'translated' | 'answer' | 'no-address' | 'undecided' | 'bypassed' | 'elsewhere';
  readonly by?: NatStatement['by'];
  readonly rule?: Stopper;
  /** The packet before and after. */
  readonly from: Ends;
  readonly to: Ends;
  /** Of `bypassed` and `elsewhere`: where the request was translated. */
  readonly translator?: Place;
}

/** Room for a new connection: one limit for all namespaces, and each namespace's own count (__nf_conntrack_alloc). */
export interface ConntrackGate extends Decided {
  readonly kind: 'conntrack';
  readonly count: number;
  readonly limit: number;
}

/** The fourth witness of a run, and only when asked for: which packet filter rules its packets met, in every namespace that has some. */
import { randomBytes } from 'node:crypto';
import { openRuleTrace, type RuleTrace } from '../capture/rule-trace.ts';
import { VdiagError } from '../linux/error.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { chainsOf } from '../path/ruleset.ts';
import type { Namespace, Topology } from '../topology/model.ts';
import { netnsName } from '../topology/naming.ts';
import type { RulePassage, RuleTraceRecord } from '../trace/rule-trace.ts';
import type { RunIdentity } from '../trace/run.ts';

export interface RuleTracingOptions {
  readonly topology: Topology;
  /** Where the packets may come by. */
  readonly namespaces: readonly NetnsHandle[];
  readonly run: RunIdentity;
  /** IPv4 or IPv6. */
  readonly version: 4 | 6;
  /** Echo data of the probes, bytes. */
  readonly dataBytes: number;
}

export interface RuleTracing {
  /** Reads to the end, and takes the tables away. */
  finish(): RuleTraceRecord;
  /** What was not traced, one line each. */
  gaps(): string[];
  /** Idempotent. */
  close(): void;
}

/** Between looks: so long the sockets' buffers hold what a flood of probes brings. */
const PERIOD_MS = 20;
/** So many passages are kept of packets that all rules accepted; and of all. */
const MOST_ACCEPTED = 4096;
const MOST_PASSAGES = 16384;

/** Makes the tables; where that cannot be, there is a gap. Never throws a VdiagError. */
export function openRuleTracing({ topology, namespaces, ...options }: RuleTracingOptions): RuleTracing {
  const name = `vdiag_trace_${process.pid}_${randomBytes(4).toString('hex')}`;
  const traces: RuleTrace[] = [];
  const gaps: string[] = [];
  const passages: RulePassage[] = [];
  const shortened = new Set<string>();
  const keep = (passage: RulePassage): void => {
    if (passages.length < (passage.verdict === 'accept' ? MOST_ACCEPTED : MOST_PASSAGES)) passages.push(passage);
    else shortened.add(passage.netns);
  };
  const close = (): void => {
    clearInterval(timer);
    for (const trace of traces) trace.close();
  };
  const timer = setInterval(() => {
    for (const trace of traces) trace.read();
  }, PERIOD_MS);
  timer.unref();
  try {
    for (const netns of namespaces) {
      const namespace = topology.namespaces.find(({ inode }) => inode === netns.inode);
      if (!namespace) continue;
      const where = netnsName(topology, namespace.id);
      const { families, limits } = traceable(namespace, options.version);
      gaps.push(...limits.map((limit) => `filter rules of ${where}: not traced: ${limit}`));
      if (families.length === 0) continue;
      try {
        traces.push(openRuleTrace(netns, { ...options, name, families, onPassage: keep }));
      } catch (error) {
        if (!(error instanceof VdiagError)) throw error;
        gaps.push(
          `filter rules of ${where}: not traced: ${error.message}${error.hint === '' ? '' : `: ${error.hint}`}`,
        );
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  const lost = () => [...new Set([...shortened, ...traces.flatMap((trace) => (trace.lost() ? [trace.netns.id] : []))])];
  return {
    finish() {
      for (const trace of traces) trace.finish();
      close();
      return { passages, lost: lost() };
    },
    gaps: () => [
      ...gaps,
      ...lost().map((id) => `filter rules of ${netnsName(topology, id)}: more was told of them than could be kept`),
    ],
    close,
  };
}

/** The families in which somebody has chains at a hook; none where no rule could be met. */
function traceable(
  { filters }: Namespace,
  version: 4 | 6,
): { readonly families: readonly ('inet' | 'bridge')[]; readonly limits: readonly string[] } {
  if (filters.nftables === undefined) return { families: [], limits: ['the rules themselves could not be read'] };
  const called = chainsOf(filters).filter(({ hook }) => hook !== undefined);
  const ip = version === 4 ? 'ip' : 'ip6';
  const legacy = called.some(
    ({ legacy: old, family, rules, policy }) => old && family === ip && (rules.length > 0 || policy === 'drop'),
  );
  const has = (...families: readonly string[]) =>
    called.some(({ legacy: old, family }) => !old && families.includes(family));
  return {
    families: [
      ...(has(ip, 'inet', 'netdev') ? (['inet'] as const) : []),
      ...(has('bridge') ? (['bridge'] as const) : []),
    ],
    limits: legacy ? ['those of iptables-legacy tell nothing: only nftables and iptables-nft do'] : [],
  };
}

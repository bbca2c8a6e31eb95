/** A live run: topology, rings, probes, verdict, topology again, diagnosis. */
import type { Recording } from '../capfile/recording.ts';
import type { RingOptions } from '../capture/ring.ts';
import type { Rule } from '../diagnose/rule.ts';
import type { Rights } from '../linux/capabilities.ts';
import type { Report } from '../report/report.ts';
import type { Frame } from '../trace/frame.ts';
import { observePing } from './ping-observation.ts';
import { planPing } from './ping-plan.ts';
import { judgePing } from './ping-verdict.ts';

export interface PingTraceOptions {
  /** An interface, `IFACE@NETNS`, or a container: then the route to the address says which of its interfaces it is. */
  readonly interface: string;
  /** An address, or a container: then the routes of the start say which of its addresses it is. */
  readonly address: string;
  /** Probes to send. Absent: 3, and fewer when the verdict is certain before. */
  readonly count?: number;
  /** Between probes. Default 200 ms. */
  readonly intervalMs?: number;
  /** For a reply, after the last probe. Default 1000 ms. */
  readonly waitMs?: number;
  /** Echo data, bytes. Default 56, as ping's. */
  readonly sizeBytes?: number;
  /** Default: as sockets of the namespace have it. `probe`: never fragment, whatever is known of the path. */
  readonly dontFragment?: 'do' | 'want' | 'dont' | 'probe';
  readonly ttl?: number;
  /** Where to start: a name, a process id, a path or a container. Default: the namespace of this process. */
  readonly netns?: string;
  /** Further interfaces to listen on, `IFACE`, `IFACE@NETNS` or a container. */
  readonly probes?: readonly string[];
  readonly engine?: 'packet-ring' | 'cap';
  /** Of each namespace's packet ring. Default: as `openRing` has it, 8 MiB. */
  readonly ring?: Pick<RingOptions, 'blockSizeBytes' | 'blockCount'>;
  /** Read the kernel's drop events too. Default: where that is possible. */
  readonly drops?: boolean;
  /**
   * Ask the kernel which packet filter rules the probes meet. For the time of the run each namespace that has such rules gets
   * a table of vdiag's own: the only change vdiag ever makes there. Default: no.
   */
  readonly traceRules?: boolean;
  /** Rules of one's own, asked before the built-in ones. One that fails is left out, and the report says so. */
  readonly rules?: readonly Rule[];
  /** Ends the run early; the report says what there is. */
  readonly signal?: AbortSignal;
  /** Put aside from when everything is open until it is closed. Default: they stay, since those of a thread are not only vdiag's. */
  readonly rights?: Rights;
  /** Called when all that needs rights is done, and nothing of it is open any more; what follows only computes. */
  readonly onCollected?: () => void;
  /** Told what was chosen where a container was named: one line each, before the first probe. */
  readonly onNote?: (line: string) => void;
}

/** A run and all that went into its report: enough to diagnose it again without a kernel. */
export interface PingTraceRun {
  readonly report: Report;
  readonly recording: Recording;
  /** In order of time. */
  readonly frames: readonly Frame[];
}

/** The report of {@link recordPingTrace}, for those who do not want the frames. */
export async function pingTrace(options: PingTraceOptions): Promise<Report> {
  return (await recordPingTrace(options)).report;
}

/**
 * Sends probes from an interface, listens everywhere they should come by, and says what became of them.
 * @throws VdiagError no-such-interface, no-such-namespace, not-an-address, own-address, permission, missing-program, missing-package
 */
export async function recordPingTrace(given: PingTraceOptions): Promise<PingTraceRun> {
  const plan = await planPing(given);
  const observed = await observePing(plan);
  given.onCollected?.();
  return judgePing(plan, observed);
}

/** What a command has to say, before it is given a form: the input of every printer. */
import type { Diagnosis } from '../diagnose/finding.ts';
import type { Place } from '../trace/frame.ts';

export interface Report {
  readonly version: string;
  readonly command: 'ping-trace' | 'analyze' | 'check' | 'watch';
  readonly target: {
    readonly interface: string;
    readonly address: string;
    readonly netns: string;
    /** The container or pod that the trace starts in. */
    readonly container?: string;
    /** The container or pod that owns the address. */
    readonly addressOf?: string;
  };
  readonly probes: {
    readonly sent: number;
    readonly received: number;
    /** Replies beyond the first to one request. */
    readonly duplicates: number;
    /** Absent when none was answered. */
    readonly rttMs?: { readonly min: number; readonly avg: number; readonly max: number };
    /** Echo data, bytes. */
    readonly sizeBytes: number;
  };
  readonly diagnosis: Diagnosis;
  /** Where it was looked for: the largest packet that passes. */
  readonly pathMtu?: PathMtuReport;
}

/** The largest packet that passes from end to end and back, as it was measured. */
export interface PathMtuReport {
  /** The whole IP packet. */
  readonly bytes: number;
  /** Echo data in it. */
  readonly sizeBytes: number;
  /** The shortest packet that is known not to pass; absent where all passes that the sender's device takes. */
  readonly failsAtBytes?: number;
  /** What limits it; absent where nothing known does. */
  readonly limit?: {
    /** Absent where it is a router that is not on this machine. */
    readonly place?: Place;
    readonly mtu: number;
    /** `sender`: its own device. `router`: it says so. `peer` and `bridge`: the end of a veth pair, a bridge port: they say nothing. */
    readonly by: 'sender' | 'router' | 'peer' | 'bridge';
    /** The address a router speaks from. */
    readonly from?: string;
  };
  /** What became of a packet that is too long. */
  readonly tooBig?: {
    /** The sender was told. */
    readonly told: boolean;
    readonly last?: Place;
    readonly missing?: Place;
  };
  /** The sender's kernel sends no more than that in one piece, whatever passes: its route says so, or it was told earlier. */
  readonly sender?: { readonly mtu: number; readonly of: 'route' | 'learnt' };
}

/** What a command has to say, before it is given a form: the input of every printer. */
import type { Diagnosis } from '../diagnose/finding.ts';

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
}

/** An exchange: a request's journey and the journeys of what answered it. */
import type { ProbeResult } from './frame.ts';
import type { Journey } from './journey.ts';

/** ARP who-has and is-at (RFC 826). */
export interface ArpExchange {
  readonly kind: 'arp';
  readonly senderProtocol: string;
  readonly targetProtocol: string;
  readonly request: Journey;
  readonly replies: readonly Journey[];
}

/** Echo request and reply (RFC 792), with what it waited for and what came back instead. */
export interface EchoExchange {
  readonly kind: 'echo';
  /** The probe's number from 1; of somebody else's echo, the ICMP sequence number. */
  readonly sequence: number;
  readonly source: string;
  readonly destination: string;
  /** Absent when the request was sighted nowhere. */
  readonly request?: Journey;
  readonly replies: readonly Journey[];
  /** ICMP errors that quote the request or a reply. */
  readonly errors: readonly Journey[];
  /** The ARP exchanges that had to be answered before request or reply could go on, in time order. */
  readonly resolutions: readonly ArpExchange[];
  /** What the probing socket saw; absent offline and for echoes of others. */
  readonly probe?: ProbeResult;
}

export type Exchange = ArpExchange | EchoExchange;

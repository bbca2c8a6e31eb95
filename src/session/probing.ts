/** Sends the probes, and stops as soon as the verdict is certain. */
import type { Capture } from '../capture/capture.ts';
import { realtimeNs } from '../linux/socket.ts';
import type { EchoEvent, EchoProbe } from '../probe/echo.ts';
import { nextStep } from '../probe/schedule.ts';
import { questionOf } from '../trace/exchange.ts';
import type { ProbeResult } from '../trace/frame.ts';
import { type Journey, startNs } from '../trace/journey.ts';
import type { Ledger } from './ledger.ts';

export interface Pacing {
  /** Exactly so many; absent: `DEFAULT_COUNT`, and fewer once the verdict is certain. */
  readonly count?: number;
  readonly intervalMs: number;
  readonly waitMs: number;
  /** The kernel was asking for a neighbour when the run began: it may not ask again before it has given up. */
  readonly asking: boolean;
  /** Unix nanoseconds; the wall clock where left out. */
  readonly now?: () => bigint;
  /** Somebody may answer in another's place, and takes its time: being asked twice without an answer is no verdict. */
  readonly patient?: boolean;
  readonly signal?: AbortSignal;
}

const DEFAULT_COUNT = 3;
/** Sent one by one when the first ones only waited for a neighbour that was asked for before. */
const FURTHER_PROBES = 2;
/** Sent in all where some of the first ones are lost, late or doubled: three tell little of that. */
const UNSTEADY_COUNT = 8;
/** Slower than a busy machine answers itself (milliseconds). */
const LATE_MS = 10;
/** The longest sleep, so that an interrupt and the clock are noticed. */
const TICK_MS = 50;
/** The kernel repeats an ARP request after this time (neigh retrans_time_ms), give or take a timer tick. */
const ARP_RETRY_MS = 950;
/** A repeated ARP request has had its answer by now, on a path inside one machine (milliseconds). */
const ARP_SETTLED_MS = 60;

interface Sent {
  readonly sequence: number;
  readonly sentNs: bigint;
  readonly doneNs: bigint;
  readonly replies: ProbeResult['replies'][number][];
  error?: NonNullable<ProbeResult['error']>;
}

/** Sends, listens and collects until every probe is answered, the wait is over, the verdict is certain or the run is interrupted. */
export async function runProbes(
  probe: EchoProbe,
  capture: Capture,
  ledger: Ledger,
  pacing: Pacing,
): Promise<ProbeResult[]> {
  let further = pacing.asking && pacing.count === undefined ? FURTHER_PROBES : 0;
  let pace = { count: pacing.count ?? DEFAULT_COUNT, intervalMs: pacing.intervalMs, timeoutMs: pacing.waitMs };
  const now = pacing.now ?? realtimeNs;
  const sent: Sent[] = [];
  const sentMs: number[] = [];
  while (pacing.signal?.aborted !== true) {
    const settled = new Set(sent.filter(isSettled).map(({ sequence }) => sequence));
    const step = nextStep(pace, sentMs, settled, performance.now());
    if (step.kind === 'done' && pacing.count === undefined && pace.count < UNSTEADY_COUNT && isUnsteady(sent)) {
      pace = { ...pace, count: UNSTEADY_COUNT };
      continue;
    }
    if (step.kind === 'done') {
      if (further === 0 || sent.some(({ replies }) => replies.length > 0) || askedSince(sent, ledger, now()).size > 0)
        break;
      further--;
      pace = { ...pace, count: pace.count + 1 };
      continue;
    }
    if (step.kind === 'send') {
      sentMs.push(performance.now());
      sent.push(send(probe, step.sequence, now));
    }
    await capture.poll(step.kind === 'wait' ? Math.min(TICK_MS, Math.ceil(step.forMs)) : 0, [probe.fd]);
    for (const event of probe.receive()) note(sent, event);
    const enough = pacing.count === undefined || sent.length === pace.count;
    if (enough && isCertain(sent, ledger, pacing.patient === true, now())) break;
  }
  // Whatever frame is known of has been waited for at the socket, too: a reply that comes this late is not lost.
  await capture.drain();
  for (const event of probe.receive()) note(sent, event);
  return sent;
}

function send(probe: EchoProbe, sequence: number, now: () => bigint): Sent {
  const { sentNs, error } = probe.send(sequence);
  const doneNs = now();
  return {
    sequence,
    sentNs,
    doneNs,
    replies: [],
    ...(error === undefined ? {} : { error: { errno: error, at: 'send' } }),
  };
}

function note(sent: readonly Sent[], event: EchoEvent): void {
  const about = event.sequence === undefined ? sent.at(-1) : sent[event.sequence - 1];
  if (!about) return;
  if (event.kind === 'reply') {
    const { timeNs, source, ttl, lengthBytes } = event;
    about.replies.push({ timeNs, source, ttl, lengthBytes });
    return;
  }
  const { errno, origin, type, code, from, mtu } = event;
  const icmp =
    origin === 'icmp' && from !== undefined ? { type, code, from, ...(mtu === undefined ? {} : { mtu }) } : undefined;
  about.error ??= { errno, at: 'queue', ...(icmp === undefined ? {} : { icmp }) };
}

function isSettled({ replies, error }: Sent): boolean {
  return replies.length > 0 || error !== undefined;
}

/** Some answered and some not, or replies that come twice or late: the first probe may only have waited for ARP. */
function isUnsteady(sent: readonly Sent[]): boolean {
  const answered = sent.filter(({ replies }) => replies.length > 0);
  if (answered.length > 0 && answered.length < sent.length) return true;
  return answered.some(
    ({ replies, sentNs, sequence }) =>
      replies.length > 1 || (sequence > 1 && Number((replies[0]?.timeNs ?? sentNs) - sentNs) / 1e6 >= LATE_MS),
  );
}

/**
 * The kernel refused to send, or it asks ARP again: it would not, had it learnt of an answer to its first request,
 * and its second one has had time to be answered.
 */
function isCertain(sent: readonly Sent[], ledger: Ledger, patient: boolean, nowNs: bigint): boolean {
  if (sent.some(({ replies }) => replies.length > 0)) return false;
  if (sent[0]?.error?.at === 'send') return true;
  if (patient) return false;
  const settledNs = nowNs - BigInt(ARP_SETTLED_MS) * 1_000_000n;
  const first = sent[0];
  if (!first || nowNs - first.sentNs < BigInt(ARP_RETRY_MS) * 1_000_000n) return false;
  return [...askedSince(sent, ledger, nowNs).values()].some(
    ([, again]) => again !== undefined && startNs(again) < settledNs,
  );
}

/** The questions for hardware addresses since the first probe, by who asks for whom. */
function askedSince([first]: readonly Sent[], ledger: Ledger, nowNs: bigint): Map<string, Journey[]> {
  const asked = new Map<string, Journey[]>();
  for (const journey of ledger.journeys(nowNs)) {
    const question = questionOf(journey);
    if (!question || question.answers || !first || startNs(journey) < first.sentNs) continue;
    const key = `${question.senderProtocol} ${question.targetProtocol}`;
    asked.set(key, [...(asked.get(key) ?? []), journey]);
  }
  return asked;
}

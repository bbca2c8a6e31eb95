/** One size of the search for the largest packet: an echo of that length, a few times where nobody answers. */
import { randomBytes } from 'node:crypto';
import type { NetnsHandle } from '../linux/netns.ts';
import { pollReadable } from '../linux/poll.ts';
import { openEchoProbe } from '../probe/echo.ts';
import { TOKEN_LENGTH } from '../trace/run.ts';
import type { Trial } from './mtu-search.ts';

export interface MtuProbing {
  readonly start: NetnsHandle;
  readonly interface: string;
  readonly address: string;
  readonly ttl?: number;
  /** How long an answer may take. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/** Loss beside the MTU: only what is lost this often does not pass. */
const TRIES = 3;
const TICK_MS = 20;

/** @param sizeBytes echo data */
export async function tryOutSize(options: MtuProbing, sizeBytes: number): Promise<Trial> {
  const { start, address, ttl, waitMs, signal } = options;
  const probe = openEchoProbe(start, {
    interface: options.interface,
    destination: address,
    sizeBytes,
    dontFragment: 'probe',
    ...(ttl === undefined ? {} : { ttl }),
    token: new Uint8Array(randomBytes(TOKEN_LENGTH)),
  });
  try {
    for (let sequence = 1; sequence <= TRIES && signal?.aborted !== true; sequence++) {
      if (probe.send(sequence).error === 'EMSGSIZE') return { passes: false };
      const untilMs = performance.now() + waitMs;
      for (let left = waitMs; left > 0; left = untilMs - performance.now()) {
        await pollReadable([probe.fd], Math.min(TICK_MS, left));
        const events = probe.receive();
        if (events.some(({ kind }) => kind === 'reply')) return { passes: true };
        const refused = events.find((event) => event.kind === 'error' && event.errno === 'EMSGSIZE');
        if (refused?.kind === 'error')
          return { passes: false, ...(refused.mtu === undefined || refused.mtu === 0 ? {} : { told: refused.mtu }) };
        if (signal?.aborted) break;
      }
    }
    return { passes: false };
  } finally {
    probe.close();
  }
}

/** The third witness of a run: what the kernel says it dropped, kept as far as it may concern the run's packets. */
import type { EventRole } from '../capture/drops/event-decode.ts';
import { openKernelEvents } from '../capture/drops/kernel-events.ts';
import { openKernelSymbols } from '../capture/drops/kernel-symbols.ts';
import { VdiagError } from '../linux/error.ts';
import { isBenign } from '../trace/drop-reason.ts';
import type { KernelEvent } from '../trace/kernel-event.ts';
import { createLifeTracker, type KernelDrop, type KernelLife, type UnnamedDrop } from '../trace/kernel-life.ts';

export interface KernelDropsOptions {
  /** Echo data of the probes, bytes. */
  readonly sizeBytes: number;
  /** Names of the interfaces that are listened to, asked when a drop is weighed. */
  readonly devices: () => ReadonlySet<string>;
}

export interface KernelDrops {
  /** False: the kernel's events could not be read. */
  readonly opened: boolean;
  /** A probe is about to be sent. */
  attend(): void;
  /** Reads to the end, and stops. */
  finish(): void;
  /** Drops at the devices listened to, and of this process's own packets. */
  readonly seen: number;
  /**
   * Of those the ones that matter, in order of time; ordinary ones are left out.
   * @param mattering picks them while their functions have no names yet: the kernel needs 40 ms to list those, which a run
   *   without a drop of its own packets does not spend
   */
  drops(mattering: (drops: readonly KernelDrop[]) => readonly KernelDrop[]): KernelDrop[];
  /** Ways of packets that follow from this process's own, or may: complete or none of the latter. */
  readonly lives: readonly KernelLife[];
  /** What was not read, one line each. */
  gaps(): string[];
  /** Idempotent. */
  close(): void;
}

const NAMES_MS = 50;
/** More than this of other people's drops hide what is to be found. */
const MOST_DROPS = 8192;
/** So many ways are kept of packets that follow from this process's own, and of others. */
const MOST_WAYS = 4096;
/** Above this a probe may travel in fragments of any length. */
const WHOLE_BYTES = 576;
/** ICMP error around it, and VXLAN over IPv6 around that. */
const AROUND_BYTES = 200;
/** Frames of other kinds that are part of an exchange are no longer: neighbour discovery, ICMPv6 errors, ARP. */
const LEAST_BYTES = 300;

/** Opens the kernel's events; where that cannot be, there are no drops and one gap. Never throws a VdiagError. */
export function openKernelDrops(options: KernelDropsOptions): KernelDrops {
  try {
    return watch(options);
  } catch (error) {
    if (!(error instanceof VdiagError)) throw error;
    const gap = `kernel drop events: ${error.message}${error.hint === '' ? '' : `: ${error.hint}`}`;
    return {
      opened: false,
      attend: () => undefined,
      finish: () => undefined,
      seen: 0,
      drops: () => [],
      lives: [],
      gaps: () => [gap],
      close: () => undefined,
    };
  }
}

function watch({ sizeBytes, devices }: KernelDropsOptions): KernelDrops {
  const unnamed: UnnamedDrop[] = [];
  const own: KernelLife[] = [];
  const others: KernelLife[] = [];
  const lives: KernelLife[] = [];
  let unkept = 0;
  // The tracker needs the stream's origin, and the stream somebody to tell: events wait for the few lines between.
  const early: KernelEvent[] = [];
  let onEvent = (event: KernelEvent): void => {
    early.push(event);
  };
  let onLost = (_from: number, _until: number): void => undefined;
  const stream = openKernelEvents({
    filters: () => filtersFor(sizeBytes),
    onEvent: (event) => onEvent(event),
    onLost: (from, until) => onLost(from, until),
  });
  const namesNow = remembered(devices);
  const tracker = createLifeTracker({
    originNs: stream.originNs,
    thread: stream.thread,
    wants: ({ reason, own, hops, parent = [] }) => {
      // By far the most frequent: every echo reply that a raw socket has read ends so.
      if (reason === 'NO_SOCKET') return false;
      const names = namesNow();
      if (!own && ![...hops, ...parent].some(({ device }) => names.has(device))) return false;
      if (unnamed.length < MOST_DROPS) return true;
      unkept++;
      return false;
    },
    onDrop: (drop) => unnamed.push(drop),
    onLife: (life) => {
      const kept = life.sentNs === undefined ? others : own;
      if (kept.length > MOST_WAYS) return;
      if (kept === own || life.hops.some(({ device }) => namesNow().has(device))) kept.push(life);
    },
  });
  onEvent = tracker.add;
  onLost = tracker.lost;
  for (const event of early) tracker.add(event);
  return {
    opened: true,
    get seen() {
      return unnamed.length;
    },
    drops: (mattering) => named(unnamed, mattering),
    lives,
    attend: () => stream.attend(),
    finish() {
      stream.drain();
      tracker.end();
      // Where some were left out, nobody knows which packet could be mistaken for which.
      lives.push(...own, ...(others.length > MOST_WAYS ? [] : others));
    },
    gaps() {
      const { lost, pausedMs } = stream.counts();
      return [
        ...(pausedMs < 1
          ? []
          : [`kernel drop events: too many to read them all: not watched for ${(pausedMs / 1000).toFixed(1)} s`]),
        ...(lost === 0 ? [] : [`kernel drop events: ${lost} were lost, so some drops are not known or not sure`]),
        ...(unkept === 0
          ? []
          : [`kernel drop events: ${unkept} drops after the first ${MOST_DROPS} were not looked at`]),
      ];
    },
    close: () => stream.close(),
  };
}

/** Interfaces come and go, but not between two packets of a flood. */
function remembered(devices: () => ReadonlySet<string>): () => ReadonlySet<string> {
  let names: ReadonlySet<string> = new Set();
  let askedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - askedMs > NAMES_MS) {
      names = devices();
      askedMs = performance.now();
    }
    return names;
  };
}

function named(drops: readonly UnnamedDrop[], mattering: Parameters<KernelDrops['drops']>[0]): KernelDrop[] {
  const symbols = openKernelSymbols();
  const locations = new Map<KernelDrop, bigint>();
  for (const { location, ...drop } of drops) locations.set({ ...drop, function: '' }, location);
  return mattering([...locations.keys()])
    .map((drop) => ({ ...drop, function: symbols.nameOf(locations.get(drop) ?? 0n) }))
    .filter(({ reason, function: where }) => reason === 'OTHERHOST' || !isBenign(reason, where));
}

/**
 * In the kernel, so that bulk traffic costs nothing but the comparison. Only hops may be left out: a drop or a release that
 * went unseen would leave an address to a packet that is gone.
 */
function filtersFor(sizeBytes: number): Partial<Record<EventRole, string>> {
  const echoBytes = 48 + sizeBytes;
  if (echoBytes > WHOLE_BYTES) return {};
  const short = `len <= ${Math.max(LEAST_BYTES, echoBytes + AROUND_BYTES)}`;
  return { queue: short, out: short, in: short };
}

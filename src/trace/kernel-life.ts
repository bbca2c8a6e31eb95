/**
 * The lives of packet buffers, from the kernel's events: which devices one was handed to, and how it ended.
 * An address belongs to one packet only between two ends; whatever may have hidden an end makes the drop doubtful.
 */
import type { DropEvent, HopEvent, KernelEvent, PacketAddress, ResolveEvent } from './kernel-event.ts';

/** A packet handed to a device, as the kernel reported it. */
export interface KernelHop {
  readonly way: HopEvent['way'];
  /** Of whatever network namespace. */
  readonly device: string;
  /** `in`: without the link-layer header. */
  readonly lengthBytes: number;
  readonly timeNs: bigint;
  /** It happened in a system call of this very thread. */
  readonly own: boolean;
}

/** A drop, and all that tells whose packet it was. */
export interface KernelDrop {
  readonly timeNs: bigint;
  /** As the running kernel calls it. */
  readonly reason: string;
  /** The kernel function. */
  readonly function: string;
  /** EtherType. */
  readonly protocol: number;
  /** What the packet passed, in order. */
  readonly hops: readonly KernelHop[];
  /** Dropped in a system call of this very thread. */
  readonly own: boolean;
  /** What other packets passed that were where it was last, or its parent was, in the same length, about the same time. */
  readonly rivals: readonly (readonly KernelHop[])[];
  /** It was made while this other packet was being received: an answer to it, or a question because of it. */
  readonly parent?: readonly KernelHop[];
  /** An ARP request, a neighbour solicitation: for whom the kernel had just begun to ask. */
  readonly resolving?: string;
  /** Events were lost, or too much time has passed, to be sure that it is all about one packet. */
  readonly doubtful: boolean;
}

/** A packet's way through the devices of this machine, whatever its end. */
export interface KernelLife {
  /** What the packet passed, in order. */
  readonly hops: readonly KernelHop[];
  /** When this thread's system call handed over the packet that all this follows from: this one, or one it is an answer to. */
  readonly sentNs?: bigint;
  /** The last that was reported of the packet during whose reception this one was made. */
  readonly afterNs?: bigint;
}

export interface LifeOptions {
  /** Unix nanoseconds of `at` 0. */
  readonly originNs: bigint;
  /** This thread, as the events number it. */
  readonly thread: number;
  /** Asked first, since to weigh a drop takes time: only what is wanted is handed over. Default: all. */
  readonly wants?: (drop: DropHead) => boolean;
  /** Look for packets that could be mistaken for the dropped one. Default true. */
  readonly rivals?: boolean;
  readonly onDrop: (drop: UnnamedDrop) => void;
  /** A packet that passed a device has ended; those still under way at the end are handed over then. */
  readonly onLife?: (life: KernelLife) => void;
}

/** A drop whose function has not been looked up: that takes longer than everything else. */
export type UnnamedDrop = Omit<KernelDrop, 'function'> & { readonly location: bigint };

/** What is known of a drop at once. */
export type DropHead = Pick<UnnamedDrop, 'reason' | 'location' | 'own' | 'hops' | 'parent'>;

export interface LifeTracker {
  /** Events in order of time. */
  add(event: KernelEvent): void;
  /** Events may be missing between these times (nanoseconds since the origin). */
  lost(fromAt: number, untilAt: number): void;
  /** Hands over the drops that still wait for what comes next. */
  end(): void;
}

/** Hops alike within this time could be mistaken for one another. */
export const RIVAL_NS = 20_000_000;
/** What happens to a packet between two events of its own takes no longer, or it lay in a queue. */
export const LIFE_GAP_NS = 10_000_000;
const PARENT_NS = 1_000_000;
const RESOLVE_NS = 1_000_000;
const ETHERTYPE_IPV6 = 0x86dd;
const MOST_LIVES = 16384;
const MOST_HOPS = 64;
/** Rivals kept of one drop: so many are a crowd, in which nobody is told from another. */
export const MOST_RIVALS = 8;
const MOST_LOSSES = 64;

interface Life {
  readonly packet: PacketAddress;
  readonly hops: (KernelHop & { readonly at: number })[];
  readonly parent: Life | undefined;
  readonly sentAt: number | undefined;
  readonly afterAt: number | undefined;
}

interface Waiting {
  readonly event: DropEvent;
  readonly life: Life | undefined;
  readonly head: DropHead;
  resolving?: string;
}

export function createLifeTracker(options: LifeOptions): LifeTracker {
  const lives = new Map<PacketAddress, Life>();
  /** What each processor is receiving. */
  const receiving = new Map<number, Life>();
  const recent = new Map<string, { at: number; life: Life }[]>();
  const losses: { fromAt: number; untilAt: number }[] = [];
  let waiting: Waiting[] = [];
  let sweptAt = 0;

  const isOwn = ({ thread, context }: KernelEvent) => context === 'process' && thread === options.thread;

  const addHop = (event: HopEvent): void => {
    const { packet, way, device, lengthBytes, at } = event;
    let life = lives.get(packet);
    if (!life) {
      const parent = event.context === 'softirq' ? receivedNow(event) : undefined;
      const sentAt = parent?.sentAt ?? (isOwn(event) ? at : undefined);
      life = { packet, hops: [], parent, sentAt, afterAt: parent?.hops.at(-1)?.at };
      if (lives.size >= MOST_LIVES) for (const oldest of lives.keys()) if (lives.delete(oldest)) break;
      lives.set(packet, life);
    }
    if (life.hops.length < MOST_HOPS)
      life.hops.push({ way, device, lengthBytes, at, timeNs: timeOf(at), own: isOwn(event) });
    if (way === 'in' && event.context === 'softirq') receiving.set(event.cpu, life);
    if (options.rivals === false) return;
    const key = hopKey(event);
    const alike = recent.get(key);
    if (alike) alike.push({ at, life });
    else recent.set(key, [{ at, life }]);
  };

  /** Only what is handed to a device at once is made for the packet that is being received: later, a timer may run. */
  const receivedNow = ({ cpu, at }: HopEvent): Life | undefined => {
    const life = receiving.get(cpu);
    return life && at - (life.hops.at(-1)?.at ?? 0) < PARENT_NS ? life : undefined;
  };

  const timeOf = (at: number) => options.originNs + BigInt(Math.round(at));

  const end = (packet: PacketAddress): Life | undefined => {
    const life = lives.get(packet);
    lives.delete(packet);
    if (life) options.onLife?.(lifeOf(life));
    if (life) for (const [cpu, current] of receiving) if (current === life) receiving.delete(cpu);
    return life;
  };

  const lifeOf = ({ hops, sentAt, afterAt }: Life): KernelLife => ({
    hops: hops.map(plain),
    ...(sentAt === undefined ? {} : { sentNs: timeOf(sentAt) }),
    ...(afterAt === undefined ? {} : { afterNs: timeOf(afterAt) }),
  });

  const resolve = ({ cpu, at, device, address }: ResolveEvent): void => {
    // A solicitation that a filter dropped at output was handed to no device.
    const about = waiting.findLast(
      ({ event, life }) =>
        event.cpu === cpu &&
        at - event.at < RESOLVE_NS &&
        (life?.hops.at(-1)?.device === device || (life === undefined && event.protocol === ETHERTYPE_IPV6)),
    );
    if (about) about.resolving ??= address;
  };

  const finish = (untilAt: number): void => {
    if (waiting.length === 0) return;
    const due = waiting.filter(({ event }) => event.at <= untilAt);
    if (due.length === 0) return;
    waiting = waiting.filter(({ event }) => event.at > untilAt);
    for (const drop of due) options.onDrop(dropOf(drop));
  };

  const headOf = (event: DropEvent, life: Life | undefined): DropHead => ({
    reason: event.reason,
    location: event.location,
    own: isOwn(event),
    hops: life?.hops ?? [],
    ...(life?.parent ? { parent: life.parent.hops } : {}),
  });

  const dropOf = ({ event, life, head, resolving }: Waiting): UnnamedDrop => {
    const hops = life?.hops ?? [];
    const rivals = options.rivals === false ? [] : [...rivalsOf(life), ...rivalsOf(life?.parent)];
    const from = hops[0]?.at ?? event.at;
    const gaps = hops.some(({ at }, index) => (hops[index + 1]?.at ?? event.at) - at > LIFE_GAP_NS);
    return {
      timeNs: timeOf(event.at),
      reason: head.reason,
      location: head.location,
      protocol: event.protocol,
      hops: hops.map(plain),
      own: head.own,
      rivals: rivals.map(({ hops: others }) => others.map(plain)),
      ...(life?.parent ? { parent: life.parent.hops.map(plain) } : {}),
      ...(resolving === undefined ? {} : { resolving }),
      doubtful:
        gaps || hops.length >= MOST_HOPS || losses.some(({ fromAt, untilAt }) => from <= untilAt && event.at >= fromAt),
    };
  };

  const rivalsOf = (life: Life | undefined): Life[] => {
    const last = life?.hops.findLast(({ way }) => way !== 'queue');
    if (!last) return [];
    const alike = (recent.get(hopKey(last)) ?? []).filter(
      (other) => other.life !== life && Math.abs(other.at - last.at) <= RIVAL_NS,
    );
    return [...new Set(alike.map((other) => other.life))].slice(0, MOST_RIVALS);
  };

  const sweep = (at: number): void => {
    sweptAt = at;
    for (const [key, alike] of recent) {
      const kept = alike.filter((other) => at - other.at <= 3 * RIVAL_NS);
      if (kept.length === 0) recent.delete(key);
      else recent.set(key, kept);
    }
  };

  return {
    add(event) {
      finish(event.at - RIVAL_NS);
      if (event.at - sweptAt > RIVAL_NS) sweep(event.at);
      if (event.context === 'process') receiving.delete(event.cpu);
      switch (event.kind) {
        case 'hop':
          return addHop(event);
        case 'free':
          end(event.packet);
          return;
        case 'drop': {
          const life = end(event.packet);
          const head = headOf(event, life);
          if (options.wants?.(head) !== false) waiting.push({ event, life, head });
          return;
        }
        case 'resolve':
          return resolve(event);
        case 'mark':
          return;
        default:
          return event satisfies never;
      }
    },
    lost(fromAt, untilAt) {
      losses.push({ fromAt, untilAt });
      if (losses.length > MOST_LOSSES) {
        // Two old gaps become one that covers both: doubt may grow, never shrink.
        const [first, second] = losses.splice(0, 2);
        if (first && second)
          losses.unshift({
            fromAt: Math.min(first.fromAt, second.fromAt),
            untilAt: Math.max(first.untilAt, second.untilAt),
          });
      }
    },
    end() {
      finish(Number.POSITIVE_INFINITY);
      if (options.onLife) for (const life of lives.values()) options.onLife(lifeOf(life));
    },
  };
}

function hopKey({ way, device, lengthBytes }: Pick<HopEvent, 'way' | 'device' | 'lengthBytes'>): string {
  return `${way} ${lengthBytes} ${device}`;
}

function plain({ way, device, lengthBytes, timeNs, own }: KernelHop): KernelHop {
  return { way, device, lengthBytes, timeNs, own };
}

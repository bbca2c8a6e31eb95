/**
 * `--engine cap`: the same frames through the `cap` package (libpcap), an optional peer dependency. It sees the current
 * network namespace only, stamps frames when JavaScript gets them, knows no direction, counts no losses and makes every
 * interface promiscuous: the coverage says so.
 */

import type { Instruction } from '../linux/bpf.ts';
import { executeFilter } from '../linux/bpf-machine.ts';
import { VdiagError } from '../linux/error.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { type NetnsHandle, netnsOfThread } from '../linux/netns.ts';
import { pollReadable } from '../linux/poll.ts';
import {
  AF_INET,
  AF_PACKET,
  closeSocket,
  interfaceFlags,
  openSocket,
  realtimeNs,
  SOCK_DGRAM,
  SOCK_RAW,
} from '../linux/socket.ts';
import type { Frame, Place } from '../trace/frame.ts';
import type { Capture } from './capture.ts';

/** What vdiag uses of the package's `Cap` class. */
interface CapSession {
  open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
  on(event: 'packet', listener: (lengthBytes: number, truncated: boolean) => void): unknown;
  close(): unknown;
}

export interface CapOptions {
  /** Run on each frame in JavaScript, so that both engines hand over the same ones. */
  readonly filter: readonly Instruction[];
  /** For libpcap, pcap-filter(7): lets through at least what `filter` keeps. Empty for everything. */
  readonly expression: string;
  readonly onFrame: (frame: Frame) => void;
  /** How the package is loaded; by default from node_modules. */
  readonly load?: () => Promise<unknown>;
}

const kernelBufferBytes = 10 * 1024 * 1024;
/** cap's own snap length. */
const frameBytes = 65535;
/** libpcap in immediate mode hands frames over at once; this is for the event loop. */
const drainMs = 50;
const IFF_UP = 1;
/** ARPHRD_NONE: what a filter is told of a device without link-layer header. */
const rawHardware = 0xfffe;

const limits = [
  'engine cap: times are taken on arrival in JavaScript, not by the kernel',
  'engine cap: the direction of a frame is not known',
  'engine cap: lost frames are not counted',
  'engine cap: every interface is promiscuous while the capture runs',
  'engine cap: only the namespace vdiag runs in is captured',
];

/**
 * Opens one libpcap session for each interface of the current namespace that is up.
 *
 * @param netns the namespace of this thread
 * @throws VdiagError `missing-package`, `permission`, or `no-such-namespace` for another namespace than the current one
 */
export async function openCapCapture(netns: NetnsHandle, options: CapOptions): Promise<Capture> {
  if (netns.inode !== netnsOfThread().inode)
    throw new VdiagError(
      'no-such-namespace',
      `engine cap cannot capture in another namespace (${netns.id})`,
      `run vdiag inside it (nsenter --net=${netns.path}), or leave --engine away`,
    );
  const createSession = await loadCap(options.load ?? importCap);
  // libpcap's own failures come too late: a session that failed to open is not safe to collect.
  closeSocket(openSocket('AF_PACKET', AF_PACKET, SOCK_RAW, 0));

  const gaps = [...limits];
  const places: Place[] = [];
  const sessions: CapSession[] = [];
  let queue: Frame[] = [];
  let wake: (() => void) | undefined;
  let order = 0;
  let closed = false;

  const control = openSocket('AF_INET', AF_INET, SOCK_DGRAM, 0);
  try {
    for (const name of listInterfaces().values()) {
      if (((interfaceFlags(control, name) ?? 0) & IFF_UP) === 0) {
        gaps.push(`${name}: down, libpcap does not open it`);
        continue;
      }
      const place = { netns: netns.id, name };
      const session = createSession();
      // The addon writes every frame into this buffer by address: the listener below keeps it referenced.
      const buffer = Buffer.alloc(frameBytes);
      let ethernet = true;
      session.on('packet', (lengthBytes) => {
        const bytes = Uint8Array.from(buffer.subarray(0, lengthBytes));
        if (closed || executeFilter(options.filter, bytes, ethernet ? 1 : rawHardware) === 0) return;
        queue.push({
          place,
          timeNs: realtimeNs(),
          order: order++,
          direction: 'unknown',
          packetType: 'unknown',
          originalLength: lengthBytes,
          checksumNotReady: false,
          ...(ethernet ? {} : { linkType: 'raw-ip' as const }),
          bytes,
        });
        wake?.();
      });
      try {
        const linkType = session.open(name, options.expression, kernelBufferBytes, buffer);
        if (linkType !== 'ETHERNET' && linkType !== 'RAW') {
          gaps.push(`${name}: link type ${linkType} is not read`);
          session.close();
          continue;
        }
        ethernet = linkType === 'ETHERNET';
        sessions.push(session);
        places.push(place);
      } catch (cause) {
        gaps.push(`${name}: ${cause instanceof Error ? cause.message : 'could not be opened'}`);
      }
    }
  } finally {
    closeSocket(control);
  }

  const fromNs = realtimeNs();
  let untilNs = fromNs;
  const deliver = (): void => {
    const batch = queue;
    queue = [];
    untilNs = realtimeNs();
    for (const frame of batch) options.onFrame(frame);
  };
  const arrival = (timeoutMs: number): Promise<void> =>
    new Promise((resolve) => {
      if (queue.length > 0) return resolve();
      const timer = setTimeout(resolve, timeoutMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  return {
    places: () => [...places],
    async poll(timeoutMs, alsoWakeFor = []) {
      let ready = new Set<number>();
      const waits = [arrival(timeoutMs)];
      if (alsoWakeFor.length > 0)
        waits.push(
          pollReadable(alsoWakeFor, timeoutMs).then((fds) => {
            ready = fds;
          }),
        );
      await Promise.race(waits);
      wake?.();
      wake = undefined;
      if (!closed) deliver();
      return ready;
    },
    async drain() {
      await new Promise((resolve) => setTimeout(resolve, drainMs));
      if (!closed) deliver();
    },
    coverage: () => ({ engine: 'cap', places: [...places], fromNs, untilNs, framesCaptured: order, lost: [], gaps }),
    close() {
      if (closed) return;
      closed = true;
      for (const session of sessions) session.close();
    },
  };
}

async function importCap(): Promise<unknown> {
  // The name is a variable so that the compiler does not look for a package that need not be there.
  const name = 'cap';
  return import(name);
}

/** A function that makes sessions, from whatever shape the module has: CommonJS exports arrive under `default` too. */
async function loadCap(load: () => Promise<unknown>): Promise<() => CapSession> {
  let loaded: unknown;
  try {
    loaded = await load();
  } catch (cause) {
    throw missing(cause);
  }
  const Constructor = property(loaded, 'Cap') ?? property(property(loaded, 'default'), 'Cap');
  if (typeof Constructor !== 'function') throw missing();
  return () => {
    const session: unknown = Reflect.construct(Constructor, []);
    if (!isSession(session)) throw missing();
    return session;
  };
}

function missing(cause?: unknown): VdiagError {
  return new VdiagError(
    'missing-package',
    'engine cap needs the package cap, which is not installed (or not built)',
    'npm install cap (it needs libpcap-dev and a compiler), or leave --engine away',
    { cause },
  );
}

function property(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  return Reflect.get(value, name);
}

function isSession(value: unknown): value is CapSession {
  return ['open', 'on', 'close'].every((method) => typeof property(value, method) === 'function');
}

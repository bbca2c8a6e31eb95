/** The live part of a run: witnesses are called, probes sent, and what was seen of them is put down. */
import { randomBytes } from 'node:crypto';
import { openCapCapture } from '../capture/cap-engine.ts';
import { type Capture, openCapture, type RingCapture } from '../capture/capture.ts';
import { probeExpression, probeFilter } from '../capture/filter.ts';
import type { RingOptions } from '../capture/ring.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { discoveryOf } from '../path/path-mtu.ts';
import { type EchoProbe, openEchoProbe } from '../probe/echo.ts';
import { familyOf } from '../topology/address.ts';
import { retakeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import { netnsName } from '../topology/naming.ts';
import { namespaceOf } from '../topology/query.ts';
import { unusualVxlanPorts } from '../topology/vxlan.ts';
import type { Coverage, Frame, Place, ProbeResult } from '../trace/frame.ts';
import type { RuleTraceRecord } from '../trace/rule-trace.ts';
import { type RunIdentity, TOKEN_LENGTH } from '../trace/run.ts';
import { type KernelDrops, openKernelDrops } from './kernel-drops.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { type WatchingCapture, watchingNamespaces } from './namespace-watch.ts';
import { type PingPlan, unspecified } from './ping-plan.ts';
import { runProbes } from './probing.ts';
import { createRepeats } from './repeats.ts';
import { openRuleTracing, type RuleTracing } from './rule-trace.ts';
import { unsetClock } from './unset-clock.ts';

export interface Observation {
  readonly token: Uint8Array;
  /** ICMP identifier. */
  readonly identifier: number;
  readonly sizeBytes: number;
  /** What the probes were sent from, as far as the kernel has chosen it. */
  readonly source: string;
  readonly probes: readonly ProbeResult[];
  readonly ledger: Ledger;
  readonly coverage: Coverage;
  /** The topology again. */
  readonly after: Topology;
  /** Absent where the kernel's events were not asked for, or could not be read. */
  readonly kernel?: KernelDrops;
  /** Absent where it was not asked for. */
  readonly ruleTrace?: RuleTraceRecord;
}

const DEFAULT_SIZE = 56;
const DEFAULT_INTERVAL_MS = 200;
const DEFAULT_WAIT_MS = 1000;
/** Each router on the way that answers for others waits up to 0.8 s before it does (net.ipv6.neigh.DEV.proxy_delay). */
const PROXY_WAIT_MS = 2500;

/** Sends the probes of a plan, and listens. Whatever was opened is closed again. */
export async function observePing(plan: PingPlan): Promise<Observation> {
  const { options, before, start } = plan;
  const token = new Uint8Array(randomBytes(TOKEN_LENGTH));
  const sizeBytes = options.sizeBytes ?? DEFAULT_SIZE;
  const probe = openProbe(plan, token, sizeBytes);
  const vxlanPorts = unusualVxlanPorts(before);
  const unset = unsetClock();
  const repeats = createRepeats();
  const ledger = openLedger({ token, identifier: probe.identifier, vxlanPorts });
  let capture: (Capture & Partial<WatchingCapture>) | undefined;
  const devices = () => new Set(capture?.places().map(({ name }) => name));
  const kernel = options.drops === false ? undefined : openKernelDrops({ sizeBytes, devices });
  let rules: RuleTracing | undefined;
  try {
    if (options.traceRules) rules = traceRules(plan, { token, identifier: probe.identifier }, sizeBytes);
    const filter = probeFilter({ token, dataBytes: sizeBytes, vxlanPorts });
    const { signal, watching } = untilGone(options);
    capture = await listen(plan, watching, {
      ...options.ring,
      filter,
      onFrame: (frame) => {
        if (repeats.isNew(frame)) ledger.add(unset.frame(frame));
      },
    });
    // In the namespace of the start, which may be another one: that takes rights.
    const source = probe.source() ?? unspecified(options.address);
    options.rights?.putAside();
    const probes = await runProbes(unset.probe(kernel ? attended(probe, kernel) : probe), capture, ledger, {
      ...pacing(plan),
      now: unset.clock.now,
      signal,
    });
    await capture.drain();
    options.rights?.takeUp();
    if (capture.left?.has(start.id))
      options.onNote?.(
        `the trace has ended early: namespace ${netnsName(before, start.id)}, where it began, has vanished`,
      );
    kernel?.finish();
    // Before the state is taken again: the tables are no part of it.
    const ruleTrace = rules?.finish();
    const covered = withChecksums(unset.capture(capture).coverage(), ledger.unfinishedChecksums());
    const gaps = [
      ...covered.gaps,
      ...unset.gaps(),
      ...repeats.gaps(),
      ...(kernel?.gaps() ?? []),
      ...(rules?.gaps() ?? []),
    ];
    return {
      token,
      identifier: probe.identifier,
      sizeBytes,
      source,
      probes,
      ledger,
      coverage: { ...covered, gaps },
      after: await retakeTopology(before, { vanished: capture.left }),
      // The kernel's events have a clock of their own, which was set at another moment.
      ...(kernel?.opened === true && unset.clock.steppedNs === 0n && { kernel }),
      ...(ruleTrace === undefined ? {} : { ruleTrace }),
    };
  } finally {
    options.rights?.takeUp();
    probe.close();
    rules?.close();
    kernel?.close();
    capture?.close();
  }
}

function openProbe({ options, start, before }: PingPlan, token: Uint8Array, sizeBytes: number): EchoProbe {
  const namespace = namespaceOf(before, start.id);
  return openEchoProbe(start, {
    interface: options.interface,
    destination: options.address,
    sizeBytes,
    // As sockets of the namespace have it.
    dontFragment: options.dontFragment ?? (namespace ? discoveryOf(namespace) : 'want'),
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    token,
  });
}

function traceRules({ options, before, listened }: PingPlan, run: RunIdentity, dataBytes: number): RuleTracing {
  const version = familyOf(options.address);
  return openRuleTracing({ topology: before, namespaces: listened, run, version, dataBytes });
}

async function listen(
  { options, listened }: PingPlan,
  watching: (namespaces: readonly NetnsHandle[], capture: RingCapture) => WatchingCapture,
  capture: RingOptions & { readonly onFrame: (frame: Frame) => void },
): Promise<Capture & Partial<WatchingCapture>> {
  const [start] = listened;
  return options.engine === 'cap' && start
    ? openCapCapture(start, { ...capture, expression: probeExpression })
    : watching(listened, openCapture(listened, { ...capture, onPacket: (packet) => capture.onFrame(packet.frame()) }));
}

/** Ends the run when its start is gone: the probing socket would go on in a namespace that nobody else is in any more. */
function untilGone({ signal: asked, rights }: PingPlan['options']) {
  const gone = new AbortController();
  return {
    signal: asked ? AbortSignal.any([asked, gone.signal]) : gone.signal,
    watching: (namespaces: readonly NetnsHandle[], capture: RingCapture): WatchingCapture =>
      watchingNamespaces(namespaces, capture, () => gone.abort(), rights?.with),
  };
}

/** Under a flood the kernel's events are read for moments alone: one of them is when a probe is sent. */
function attended(probe: EchoProbe, kernel: KernelDrops): EchoProbe {
  return {
    ...probe,
    send(sequence) {
      kernel.attend();
      return probe.send(sequence);
    },
  };
}

function pacing({ options, before }: PingPlan): Parameters<typeof runProbes>[3] {
  const patient = familyOf(options.address) === 6 && hasProxies(before);
  return {
    ...(options.count === undefined ? {} : { count: options.count }),
    intervalMs: options.intervalMs ?? DEFAULT_INTERVAL_MS,
    waitMs: options.waitMs ?? (patient ? PROXY_WAIT_MS : DEFAULT_WAIT_MS),
    patient,
    asking: before.namespaces.some(({ neighbours }) => neighbours.some(({ state }) => state === 'INCOMPLETE')),
  };
}

function hasProxies({ namespaces }: Topology): boolean {
  return namespaces.some(({ neighbours }) => neighbours.some(({ family, proxy }) => family === 6 && proxy));
}

function withChecksums(coverage: Coverage, frames: ReadonlyMap<string, { place: Place; frames: number }>): Coverage {
  return frames.size === 0 ? coverage : { ...coverage, unfinishedChecksums: [...frames.values()] };
}

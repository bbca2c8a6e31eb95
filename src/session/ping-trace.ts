/** A live run: topology, rings, probes, verdict, topology again, diagnosis. */
import { randomBytes } from 'node:crypto';
import type { Recording } from '../capfile/recording.ts';
import { openCapCapture } from '../capture/cap-engine.ts';
import { type Capture, openCapture, type RingCapture } from '../capture/capture.ts';
import { probeExpression, probeFilter } from '../capture/filter.ts';
import type { RingOptions } from '../capture/ring.ts';
import { attachContainers } from '../containers/attach.ts';
import { diagnose } from '../diagnose/engine.ts';
import { guarded } from '../diagnose/own-rules.ts';
import { RULES } from '../diagnose/registry.ts';
import type { Rule } from '../diagnose/rule.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { discoveryOf } from '../path/path-mtu.ts';
import { type EchoProbe, openEchoProbe } from '../probe/echo.ts';
import type { Report } from '../report/report.ts';
import { familyOf } from '../topology/address.ts';
import { retakeTopology, takeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import { netnsName } from '../topology/naming.ts';
import { namespaceOf } from '../topology/query.ts';
import { unusualVxlanPorts } from '../topology/vxlan.ts';
import { joinDrops, possibleDrops } from '../trace/drop.ts';
import type { Coverage, Frame, Place, ProbeResult } from '../trace/frame.ts';
import { livesOf } from '../trace/kernel-way.ts';
import { TOKEN_LENGTH } from '../trace/run.ts';
import { version } from '../version.ts';
import { type KernelDrops, openKernelDrops } from './kernel-drops.ts';
import { openLedger } from './ledger.ts';
import { locate } from './locate.ts';
import { type WatchingCapture, watchingNamespaces } from './namespace-watch.ts';
import { runProbes } from './probing.ts';
import { openRuleTracing, type RuleTracing } from './rule-trace.ts';
import { checkAddress, refuseBroadcast, refuseOwnAddress, startLink, targetOf } from './start.ts';
import { unsetClock } from './unset-clock.ts';
import { lookAround, meantPlaces } from './whereabouts.ts';

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
  /** Called when all that needs rights is done, and nothing of it is open any more; what follows only computes. */
  readonly onCollected?: () => void;
  /** Told what was chosen where a container was named: one line each, before the first probe. */
  readonly onNote?: (line: string) => void;
}

const DEFAULT_SIZE = 56;
/** Drops of this run's packets that are looked at: a thousand probes may be dropped twice. */
const MOST_DROPS = 2000;

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
  const known = await lookAround();
  const { home, start, ...located } = locate(given, known);
  for (const note of located.notes) given.onNote?.(note);
  const options = { ...given, ...located, address: checkAddress(located.address, located.interface) };
  const asked = (options.probes ?? []).map((probe) => meantPlaces(probe, start, known).netns);
  const taken = await takeTopology({
    start,
    home,
    interfaceName: options.interface,
    targetAddress: options.address,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const before = attachContainers(taken, known.directory);
  const link = startLink(before, start, options.interface);
  refuseBroadcast(link, options.address);
  refuseOwnAddress(before, link, options.address);

  const token = new Uint8Array(randomBytes(TOKEN_LENGTH));
  const sizeBytes = options.sizeBytes ?? DEFAULT_SIZE;
  const probe = openEchoProbe(start, {
    interface: options.interface,
    destination: options.address,
    sizeBytes,
    dontFragment: options.dontFragment ?? socketDiscovery(before, start),
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    token,
  });
  const vxlanPorts = unusualVxlanPorts(before);
  const unset = unsetClock();
  const ledger = openLedger({ token, identifier: probe.identifier, vxlanPorts });
  let capture: (Capture & Partial<WatchingCapture>) | undefined;
  const kernel =
    options.drops === false
      ? undefined
      : openKernelDrops({
          sizeBytes,
          devices: () => new Set(capture?.places().map(({ name }) => name)),
        });
  let rules: RuleTracing | undefined;
  const release = () => {
    for (const held of [probe, rules, kernel, capture]) held?.close();
  };
  try {
    if (options.traceRules)
      rules = openRuleTracing({
        topology: before,
        namespaces: listened(before, known.handles, asked),
        run: { token, identifier: probe.identifier },
        version: familyOf(options.address),
        dataBytes: sizeBytes,
      });
    const { signal, watching } = untilGone(options.signal);
    capture = await listen(options, listened(before, known.handles, asked), watching, {
      ...options.ring,
      filter: probeFilter({ token, dataBytes: sizeBytes, vxlanPorts }),
      onFrame: (frame) => ledger.add(unset.frame(frame)),
    });
    const source = probe.source() ?? unspecified(options.address);
    const attended = unset.probe(kernel ? { ...probe, send: attending(kernel, probe) } : probe);
    const patient = familyOf(options.address) === 6 && hasProxies(before);
    const probes = await runProbes(attended, capture, ledger, {
      ...(options.count === undefined ? {} : { count: options.count }),
      intervalMs: options.intervalMs ?? 200,
      waitMs: options.waitMs ?? (patient ? PROXY_WAIT_MS : 1000),
      patient,
      now: unset.clock.now,
      asking: before.namespaces.some(({ neighbours }) => neighbours.some(({ state }) => state === 'INCOMPLETE')),
      signal,
    });
    await capture.drain();
    if (capture.left?.has(start.id))
      given.onNote?.(
        `the trace has ended early: namespace ${netnsName(before, start.id)}, where it began, has vanished`,
      );
    kernel?.finish();
    // Before the state is taken again: the tables are no part of it.
    const ruleTrace = rules?.finish();
    const covered = withChecksums(unset.capture(capture).coverage(), ledger.unfinishedChecksums());
    const gaps = [...covered.gaps, ...unset.gaps(), ...(kernel?.gaps() ?? []), ...(rules?.gaps() ?? [])];
    const coverage = { ...covered, gaps };
    const after = await retakeTopology(before, { vanished: capture.left });
    release();
    options.onCollected?.();
    const exchanges = ledger.exchanges(source, options.address, probes);
    const place = { netns: start.id, name: options.interface };
    const query = {
      start: place,
      destination: options.address,
      // That of lo stands for none: the kernel takes it where there is no other.
      ...(source === unspecified(options.address) || source === '::1' ? {} : { source }),
      ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
      ...(options.sizeBytes === undefined ? {} : { sizeBytes: options.sizeBytes }),
      ...(options.dontFragment === undefined ? {} : { dontFragment: options.dontFragment }),
    };
    // The kernel's events have a clock of their own, which may have been set at another moment.
    const witness = kernel?.opened === true && unset.clock.steppedNs === 0n ? kernel : undefined;
    const dropContext = { exchanges, probes, start: place, places: coverage.places };
    const witnessed = witness && possibleDrops(witness.drops, dropContext).slice(0, MOST_DROPS);
    const drops = witnessed && joinDrops(witnessed, dropContext);
    const problems: string[] = [];
    const own = (options.rules ?? []).map((rule) =>
      guarded(rule, (problem) => problems.push(`rule ${problem.rule} of your own failed: ${problem.text}`)),
    );
    const diagnosis = diagnose({
      query,
      before,
      after,
      exchanges,
      coverage,
      rules: [...own, ...RULES],
      ...(drops === undefined ? {} : { drops }),
      ...(witness === undefined ? {} : { lives: witness.lives }),
      ...(ruleTrace === undefined ? {} : { ruleTrace }),
    });
    for (const problem of problems) options.onNote?.(problem);
    const { example } = diagnosis;
    const report: Report = {
      version: version(),
      command: 'ping-trace',
      target: targetOf(before, { interface: options.interface, address: options.address, netns: start.id }),
      probes: { ...summariseProbes(probes), sizeBytes },
      diagnosis,
    };
    const recording: Recording = {
      schema: 'vdiag.recording/1',
      query,
      token: Buffer.from(token).toString('hex'),
      identifier: probe.identifier,
      before,
      after,
      probes,
      coverage,
      ...(witness && witnessed ? { drops: witnessed, dropsLeftOut: witness.drops.length - witnessed.length } : {}),
      ...(witness && example ? { lives: livesOf(witness.lives, { example, exchanges, places: coverage.places }) } : {}),
      ...(ruleTrace === undefined ? {} : { ruleTrace }),
    };
    return { report, recording, frames: ledger.frames() };
  } finally {
    release();
  }
}

/** Each router on the way that answers for others waits up to 0.8 s before it does (net.ipv6.neigh.DEV.proxy_delay). */
const PROXY_WAIT_MS = 2500;

function hasProxies({ namespaces }: Topology): boolean {
  return namespaces.some(({ neighbours }) => neighbours.some(({ family, proxy }) => family === 6 && proxy));
}

function socketDiscovery(topology: Topology, { id }: NetnsHandle): 'want' | 'dont' {
  const namespace = namespaceOf(topology, id);
  return namespace ? discoveryOf(namespace) : 'want';
}

/** What stands for a source that the kernel has not chosen. */
function unspecified(destination: string): string {
  return familyOf(destination) === 6 ? '::' : '0.0.0.0';
}

/** The namespaces whose interfaces are listened to: those read in full, and those asked for. */
function listened(topology: Topology, handles: readonly NetnsHandle[], asked: readonly NetnsHandle[]): NetnsHandle[] {
  const full = topology.namespaces.filter(({ detail }) => detail === 'full').map(({ inode }) => inode);
  const wanted = new Set([...full, ...asked.map(({ inode }) => inode)]);
  return [...wanted].flatMap((inode) => handles.find((handle) => handle.inode === inode) ?? []);
}

async function listen(
  options: PingTraceOptions,
  namespaces: readonly NetnsHandle[],
  watching: (namespaces: readonly NetnsHandle[], capture: RingCapture) => WatchingCapture,
  capture: Parameters<typeof openCapture>[1],
): Promise<Capture & Partial<WatchingCapture>> {
  const [start] = namespaces;
  return options.engine === 'cap' && start
    ? openCapCapture(start, { ...capture, expression: probeExpression })
    : watching(namespaces, openCapture(namespaces, capture));
}

/** Ends the run when its start is gone: the probing socket would go on in a namespace that nobody else is in any more. */
function untilGone(asked: AbortSignal | undefined) {
  const gone = new AbortController();
  return {
    signal: asked ? AbortSignal.any([asked, gone.signal]) : gone.signal,
    watching: (namespaces: readonly NetnsHandle[], capture: RingCapture): WatchingCapture =>
      watchingNamespaces(namespaces, capture, () => gone.abort()),
  };
}

/** Under a flood the kernel's events are read for moments alone: one of them is when a probe is sent. */
function attending(kernel: KernelDrops, probe: EchoProbe): EchoProbe['send'] {
  return (sequence) => {
    kernel.attend();
    return probe.send(sequence);
  };
}

function withChecksums(coverage: Coverage, frames: ReadonlyMap<string, { place: Place; frames: number }>): Coverage {
  return frames.size === 0 ? coverage : { ...coverage, unfinishedChecksums: [...frames.values()] };
}

/** What the probes themselves saw. */
export function summariseProbes(probes: readonly ProbeResult[]): Omit<Report['probes'], 'sizeBytes'> {
  const answered = probes.filter(({ replies }) => replies.length > 0);
  const rtts = answered.flatMap(({ sentNs, replies }) =>
    replies[0] ? [Number(replies[0].timeNs - sentNs) / 1e6] : [],
  );
  const rttMs =
    rtts.length === 0
      ? undefined
      : { min: Math.min(...rtts), avg: rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length, max: Math.max(...rtts) };
  return {
    sent: probes.length,
    received: answered.length,
    duplicates: probes.reduce((sum, { replies }) => sum + Math.max(0, replies.length - 1), 0),
    ...(rttMs === undefined ? {} : { rttMs }),
  };
}

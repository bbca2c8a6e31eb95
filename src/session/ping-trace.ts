/** A live run: topology, rings, probes, verdict, topology again, diagnosis. */
import { randomBytes } from 'node:crypto';
import type { Recording } from '../capfile/recording.ts';
import { openCapCapture } from '../capture/cap-engine.ts';
import { type Capture, openCapture } from '../capture/capture.ts';
import { probeExpression, probeFilter } from '../capture/filter.ts';
import { diagnose } from '../diagnose/engine.ts';
import { VdiagError } from '../linux/error.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { insideNetns, listNetns, type NetnsHandle, netnsOfThread, resolveNetns } from '../linux/netns.ts';
import { openEchoProbe } from '../probe/echo.ts';
import type { Report } from '../report/report.ts';
import { isIpAddress, isMulticast, parseAddress } from '../topology/address.ts';
import { retakeTopology, takeTopology } from '../topology/collect.ts';
import type { Link, Topology } from '../topology/model.ts';
import { isUp, namespaceOf, nearestNames } from '../topology/query.ts';
import type { Coverage, Frame, Place, ProbeResult } from '../trace/frame.ts';
import { TOKEN_LENGTH } from '../trace/run.ts';
import { version } from '../version.ts';
import { openLedger } from './ledger.ts';
import { runProbes } from './probing.ts';

export interface PingTraceOptions {
  readonly interface: string;
  readonly address: string;
  /** Probes to send. Absent: 3, and fewer when the verdict is certain before. */
  readonly count?: number;
  /** Between probes. Default 200 ms. */
  readonly intervalMs?: number;
  /** For a reply, after the last probe. Default 1000 ms. */
  readonly waitMs?: number;
  /** Echo data, bytes. Default 56, as ping's. */
  readonly sizeBytes?: number;
  readonly dontFragment?: 'do' | 'want' | 'dont';
  readonly ttl?: number;
  /** Where to start: a name, a process id or a path. Default: the namespace of this process. */
  readonly netns?: string;
  /** Further interfaces to listen on, `IFACE` or `IFACE@NETNS`. */
  readonly probes?: readonly string[];
  readonly engine?: 'packet-ring' | 'cap';
  /** Ends the run early; the report says what there is. */
  readonly signal?: AbortSignal;
}

const DEFAULT_SIZE = 56;
const BROADCAST = '255.255.255.255';

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
export async function recordPingTrace(options: PingTraceOptions): Promise<PingTraceRun> {
  checkAddress(options.address);
  const handles = listNetns();
  const home = handles.find(({ inode }) => inode === netnsOfThread().inode);
  const start = options.netns === undefined ? home : resolveNetns(options.netns);
  if (!home || !start)
    throw new VdiagError('unreadable', 'the network namespace of this process cannot be found in /proc');
  const before = await takeTopology({
    start,
    home,
    interfaceName: options.interface,
    targetAddress: options.address,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const link = startLink(before, start, options.interface);
  refuseBroadcast(link, options.address);
  refuseOwnAddress(before, link, options.address);

  const token = new Uint8Array(randomBytes(TOKEN_LENGTH));
  const sizeBytes = options.sizeBytes ?? DEFAULT_SIZE;
  const probe = openEchoProbe(start, {
    interface: options.interface,
    destination: options.address,
    sizeBytes,
    dontFragment: options.dontFragment ?? 'want',
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    token,
  });
  const ledger = openLedger({ token, identifier: probe.identifier });
  let capture: Capture | undefined;
  try {
    capture = await listen(options, listened(before, handles, options), {
      filter: probeFilter({ token, dataBytes: sizeBytes }),
      onFrame: ledger.add,
    });
    const source = probe.source() ?? '0.0.0.0';
    const probes = await runProbes(probe, capture, ledger, {
      ...(options.count === undefined ? {} : { count: options.count }),
      intervalMs: options.intervalMs ?? 200,
      waitMs: options.waitMs ?? 1000,
      asking: before.namespaces.some(({ neighbours }) => neighbours.some(({ state }) => state === 'INCOMPLETE')),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    await capture.drain();
    const coverage = withChecksums(capture.coverage(), ledger.unfinishedChecksums());
    const after = await retakeTopology(before);
    const exchanges = ledger.exchanges(source, options.address, probes);
    const place = { netns: start.id, name: options.interface };
    const query = {
      start: place,
      destination: options.address,
      ...(source === '0.0.0.0' ? {} : { source }),
      ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    };
    const diagnosis = diagnose({ query, before, after, exchanges, coverage });
    const report: Report = {
      version: version(),
      command: 'ping-trace',
      target: { interface: options.interface, address: options.address, netns: start.id },
      probes: { ...summarise(probes), sizeBytes },
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
    };
    return { report, recording, frames: ledger.frames() };
  } finally {
    probe.close();
    capture?.close();
  }
}

function checkAddress(address: string): void {
  const family = isIpAddress(address);
  if (family === undefined)
    throw new VdiagError(
      'not-an-address',
      `not an IP address: ${address}`,
      'vdiag resolves no names: give the address, as 10.9.0.3',
    );
  if (family === 6)
    throw new VdiagError(
      'not-an-address',
      `${address} is an IPv6 address: vdiag probes IPv4 only so far`,
      'captures with IPv6 in them can be read',
    );
  const parsed = parseAddress(address);
  if (address === BROADCAST || address === '0.0.0.0' || (parsed && isMulticast(parsed)))
    throw new VdiagError('not-an-address', `${address} is not the address of one host`, 'give a unicast address');
}

function startLink(topology: Topology, start: NetnsHandle, name: string): Link {
  const namespace = namespaceOf(topology, start.id);
  const link = namespace?.links.find((candidate) => candidate.name === name);
  if (link) return link;
  const names = namespace?.links.map((candidate) => candidate.name) ?? [];
  const near = nearestNames(name, names);
  const elsewhere = topology.namespaces.filter(
    ({ id, links }) => id !== start.id && links.some((other) => other.name === name),
  );
  const hint =
    elsewhere.length > 0
      ? `it is in another namespace: --netns ${elsewhere[0]?.names[0] ?? elsewhere[0]?.path}`
      : near.length > 0
        ? `did you mean ${near.join(', ')}?`
        : `there is ${names.join(', ') || 'none'}`;
  throw new VdiagError('no-such-interface', `no such interface: ${name}`, hint);
}

/** The last address of a network is everybody's (RFC 919); networks of two have none (RFC 3021). */
function refuseBroadcast(link: Link, address: string): void {
  const target = parseAddress(address)?.value;
  for (const { family, address: own, prefixLength } of link.addresses) {
    const parsed = parseAddress(own);
    if (family !== 4 || !parsed || prefixLength >= 31) continue;
    const hosts = (1n << BigInt(32 - prefixLength)) - 1n;
    if (target === (parsed.value | hosts))
      throw new VdiagError(
        'not-an-address',
        `${address} is the broadcast address of ${link.name}'s network`,
        'give the address of one host',
      );
  }
}

/** An interface's own address answers over lo, and nothing of it is to be seen on the interface. */
function refuseOwnAddress(topology: Topology, link: Link, address: string): void {
  const namespace = namespaceOf(topology, topology.start);
  const lo = namespace?.links.find(({ kind }) => kind === 'loopback');
  const own = (candidate: Link) => candidate.addresses.some((held) => held.address === address);
  // A socket bound to lo gets nothing that is addressed to another interface's address.
  const others = link.kind === 'loopback' && !own(link) && namespace?.links.some(own);
  if (link.kind !== 'loopback' && address.startsWith('127.'))
    throw new VdiagError(
      'own-address',
      `${address} is a loopback address: it never leaves by ${link.name}`,
      `vdiag ping-trace ${lo?.name ?? 'lo'} ${address}`,
    );
  if (!others && (link.kind === 'loopback' || !own(link))) return;
  if (lo && isUp(lo))
    throw new VdiagError(
      'own-address',
      `${address} is an address of this namespace: it answers over ${lo.name}, whatever the network is like`,
      'trace to it from another namespace or machine',
    );
}

/** The namespaces whose interfaces are listened to: those read in full, and those asked for. */
function listened(topology: Topology, handles: readonly NetnsHandle[], options: PingTraceOptions): NetnsHandle[] {
  const wanted = topology.namespaces.filter(({ detail }) => detail === 'full').map(({ inode }) => inode);
  for (const probe of options.probes ?? []) {
    const at = probe.lastIndexOf('@');
    const netns = at < 0 ? undefined : resolveNetns(probe.slice(at + 1));
    const name = at < 0 ? probe : probe.slice(0, at);
    const inode = netns?.inode ?? namespaceOf(topology, topology.start)?.inode;
    const known = topology.namespaces.find((namespace) => namespace.inode === inode);
    // A namespace that is not connected was not read.
    const names =
      known?.links.map((link) => link.name) ?? (netns ? [...insideNetns(netns, listInterfaces).values()] : []);
    if (!names.includes(name))
      throw new VdiagError('no-such-interface', `no such interface: ${probe}`, `there is ${names.join(', ')}`);
    if (inode !== undefined && !wanted.includes(inode)) wanted.push(inode);
  }
  return wanted.flatMap((inode) => handles.find((handle) => handle.inode === inode) ?? []);
}

async function listen(
  options: PingTraceOptions,
  namespaces: readonly NetnsHandle[],
  capture: Parameters<typeof openCapture>[1],
): Promise<Capture> {
  const [start] = namespaces;
  return options.engine === 'cap' && start
    ? openCapCapture(start, { ...capture, expression: probeExpression })
    : openCapture(namespaces, capture);
}

function withChecksums(coverage: Coverage, frames: ReadonlyMap<string, { place: Place; frames: number }>): Coverage {
  return frames.size === 0 ? coverage : { ...coverage, unfinishedChecksums: [...frames.values()] };
}

function summarise(probes: readonly ProbeResult[]): Omit<Report['probes'], 'sizeBytes'> {
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

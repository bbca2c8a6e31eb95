/** The largest packet that passes, and what limits it: small probes, a search, and a trace of the first size that does not pass. */
import { resolveNetns } from '../linux/netns.ts';
import { findRoute } from '../path/fib.ts';
import type { MtuGate } from '../path/gate.ts';
import type { Path } from '../path/model.ts';
import { echoLength } from '../path/mtu.ts';
import { deviceMtu, senderMtu } from '../path/path-mtu.ts';
import { portAt } from '../path/world.ts';
import type { PathMtuReport } from '../report/report.ts';
import { familyOf } from '../topology/address.ts';
import type { Topology } from '../topology/model.ts';
import { linkOf } from '../topology/query.ts';
import { tryOutSize } from './mtu-probe.ts';
import { type SearchResult, searchMtu } from './mtu-search.ts';
import { type PingTraceOptions, type PingTraceRun, recordPingTrace } from './ping-trace.ts';

/** The total length of an IPv4 packet, and the payload of an IPv6 one, is counted in 16 bits. */
const LONGEST = { 4: 65535, 6: 65535 + 40 } as const;
/** As is_skb_forwardable has it: the ends of veth pairs, and bridge ports, take so much more than their MTU. */
const SLACK_BYTES = 4;
/** An answer takes as long as the slowest of the small probes, several times over. */
const PATIENCE = 4;
const LEAST_WAIT_MS = 150;

/**
 * A run as {@link recordPingTrace} makes it, whose report says how long a packet may be. Where the small probes fail it is
 * about these; where something drops longer ones without the sender being told, about that.
 * @throws VdiagError as {@link recordPingTrace}
 */
export async function recordMtuTrace(options: PingTraceOptions): Promise<PingTraceRun> {
  const small = await recordPingTrace(options);
  if (small.report.diagnosis.outcome !== 'healthy' || options.signal?.aborted) return small;
  const { before, query } = small.recording;
  const family = familyOf(query.destination);
  const port = portAt(before, query.start);
  if (!port) return small;
  const most = Math.min(deviceMtu(port, query.destination).mtu, LONGEST[family]);
  const least = echoLength(small.report.probes.sizeBytes, family);
  const headers = echoLength(0, family);
  const slowest = small.report.probes.rttMs?.max ?? 0;
  const probing = {
    start: resolveNetns(port.namespace.path),
    interface: query.start.name,
    address: query.destination,
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    waitMs: options.waitMs ?? Math.max(LEAST_WAIT_MS, PATIENCE * slowest),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const found = await searchMtu(least, most, guesses(before, small.report.diagnosis.path), (length) =>
    tryOutSize(probing, length - headers),
  );
  if (!found || options.signal?.aborted) return small;
  const known = { ...measured(found, headers), ...sends(before, small) };
  if (found.fails === undefined) {
    const limit = { place: query.start, mtu: most, by: 'sender' as const };
    return { ...small, report: { ...small.report, pathMtu: { ...known, limit } } };
  }
  const big = await recordPingTrace({ ...options, sizeBytes: found.fails - headers, dontFragment: 'probe' });
  const pathMtu: PathMtuReport = { ...known, ...limitOf(big) };
  const [root] = big.report.diagnosis.findings;
  // A router that says how much it takes is as it should be.
  const healthy = root === undefined || root.rule === 'fragmentation-needed' || root.severity === 'note';
  const told = healthy ? small : big;
  return { ...told, report: { ...told.report, pathMtu } };
}

/** Lengths at which a device of the path begins to refuse. */
function guesses(topology: Topology, { legs }: Path): number[] {
  const mtus = legs.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'place' ? [linkOf(topology, step.place)?.mtu ?? 0] : [])),
  );
  return [...new Set(mtus.flatMap((mtu) => [mtu, mtu + SLACK_BYTES]))];
}

function measured({ passes, fails }: SearchResult, headers: number): Omit<PathMtuReport, 'limit' | 'tooBig'> {
  return { bytes: passes, sizeBytes: passes - headers, ...(fails === undefined ? {} : { failsAtBytes: fails }) };
}

/** What the sender itself makes of it: a route with an MTU of its own, or something it was told. */
function sends(before: Topology, { recording: { query } }: PingTraceRun): Pick<PathMtuReport, 'sender'> {
  const port = portAt(before, query.start);
  const route =
    port && findRoute(port.namespace, { destination: query.destination, outputInterface: query.start.name });
  const known = port && senderMtu(port, query.destination, route);
  return known === undefined || known.of === 'device' ? {} : { sender: { mtu: known.mtu, of: known.of } };
}

/** Where the first length that does not pass was stopped. */
function limitOf({ report: { diagnosis } }: PingTraceRun): Pick<PathMtuReport, 'limit' | 'tooBig'> {
  const gates = diagnosis.path.legs.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'gate' && step.gate.kind === 'mtu' ? [step.gate] : [])),
  );
  const gate = gates.find(({ verdict }) => verdict === 'stop');
  const icmp = diagnosis.example?.probe?.error?.icmp;
  const { vanished } = diagnosis;
  const beyond = icmp === undefined ? undefined : { mtu: icmp.mtu ?? 0, by: 'router' as const, from: icmp.from };
  const limit = gate ? { place: gate.place, mtu: gate.mtu, by: gate.by, ...speaks(gate) } : beyond;
  return {
    ...(limit === undefined ? {} : { limit }),
    tooBig: {
      told: icmp !== undefined,
      ...(vanished?.last === undefined ? {} : { last: vanished.last }),
      ...(vanished?.missing === undefined ? {} : { missing: vanished.missing }),
    },
  };
}

function speaks({ error }: MtuGate): { from?: string } {
  return error?.from === undefined ? {} : { from: error.from };
}

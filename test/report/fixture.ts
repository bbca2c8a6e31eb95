/** Reports built by hand: a few words per packet, everything else filled in. */
import type { Diagnosis, Finding } from '../../src/diagnose/finding.ts';
import type { Leg, LegKind, Step } from '../../src/path/model.ts';
import type { Report } from '../../src/report/report.ts';
import type { Terminal } from '../../src/report/terminal.ts';
import type { Link, Namespace, Topology } from '../../src/topology/model.ts';
import type { ArpExchange, EchoExchange } from '../../src/trace/exchange.ts';
import type { Coverage, Direction, PacketType, Place } from '../../src/trace/frame.ts';
import type { Journey } from '../../src/trace/journey.ts';
import type { Sighting, SightingKind } from '../../src/trace/sighting.ts';
import type { Packet } from '../../src/wire/packet.ts';

export const START = 'c1';
export const ZERO_NS = 1_700_000_000_000_000_000n;

export function terminal(width: number, unicode = true, color = false): Terminal {
  return { width, unicode, color };
}

/** `eth0` in the starting namespace, `vA@host` in another. */
export function place(text: string): Place {
  const [name = '', netns = START] = text.split('@');
  return { name, netns };
}

export function arp(operation: 1 | 2, sender: string, target: string, hardware = '0a:11:22:33:44:75'): Packet {
  return {
    ethernet: {
      destination: operation === 1 ? 'ff:ff:ff:ff:ff:ff' : '0a:00:00:00:00:01',
      source: hardware,
      etherType: 0x0806,
    },
    vlans: [],
    arp: {
      operation,
      senderHardware: hardware,
      senderProtocol: sender,
      targetHardware: '00:00:00:00:00:00',
      targetProtocol: target,
    },
    payload: new Uint8Array(),
  };
}

export function echo(type: 8 | 0, source: string, destination: string, sequence = 1, ttl = 64): Packet {
  return {
    ethernet: { destination: '0a:11:22:33:44:75', source: '0a:00:00:00:00:01', etherType: 0x0800 },
    vlans: [],
    ip: {
      version: 4,
      source,
      destination,
      headerLength: 20,
      totalLength: 84,
      identification: 1,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl,
      protocol: 1,
      checksumValid: true,
    },
    icmp: { version: 4, type, code: 0, identifier: 7, sequence },
    payload: new Uint8Array(56),
  };
}

export interface Seen {
  readonly at: string;
  /** Milliseconds after the first sighting. */
  readonly ms: number;
  readonly packet: Packet;
  readonly direction?: Direction;
  readonly packetType?: PacketType;
}

export function journey(id: number, kind: SightingKind, seen: readonly Seen[]): Journey {
  const sightings = seen.map(
    (one, order): Sighting => ({
      frame: {
        place: place(one.at),
        timeNs: ZERO_NS + BigInt(Math.round(one.ms * 1e6)),
        order,
        direction: one.direction ?? (order === 0 ? 'out' : 'in'),
        packetType: one.packetType ?? (order === 0 ? 'outgoing' : 'host'),
        originalLength: 98,
        checksumNotReady: false,
        bytes: new Uint8Array(),
      },
      packet: one.packet,
      kind,
      identity: `${kind} ${id}`,
    }),
  );
  return { id, kind, identity: `${kind} ${id}`, sightings, fragments: [] };
}

/** One packet along several places, so many milliseconds apart. */
export function along(
  id: number,
  kind: SightingKind,
  ms: number,
  places: readonly string[],
  packet: Packet,
  step = 0.004,
): Journey {
  return journey(
    id,
    kind,
    places.map((at, index) => ({ at, ms: ms + index * step, packet })),
  );
}

export function leg(kind: LegKind, source: string, destination: string, places: readonly string[]): Leg {
  return {
    kind,
    source,
    destination,
    steps: places.map(
      (at, index): Step => ({ kind: 'place', place: place(at), direction: index === 0 ? 'out' : 'in' }),
    ),
  };
}

export function link(name: string, index: number, more: Partial<Link> = {}): Link {
  return {
    index,
    name,
    kind: 'veth',
    mac: '0a:11:22:33:44:75',
    flags: ['UP', 'LOWER_UP'],
    operstate: 'up',
    mtu: 1500,
    addresses: [],
    ipv4: { rp_filter: 0 },
    ipv6: {},
    data: {},
    ...more,
  };
}

export function namespace(id: string, links: readonly Link[]): Namespace {
  return {
    id,
    inode: 4026531840,
    names: [id],
    path: `/run/netns/${id}`,
    pids: [],
    detail: 'full',
    links,
    routes: [],
    rules: [],
    neighbours: [],
    fdb: [],
    sysctls: { 'ipv4.ip_forward': 1 },
    filters: {},
  };
}

export function topology(namespaces: readonly Namespace[], gaps: readonly string[] = []): Topology {
  return {
    schema: 'vdiag.topology/1',
    takenNs: '1700000000000000000',
    kernel: '6.18.0',
    home: START,
    start: START,
    namespaces,
    gaps,
  };
}

export function coverage(places: readonly string[], more: Partial<Coverage> = {}): Coverage {
  return {
    engine: 'packet-ring',
    places: places.map(place),
    fromNs: ZERO_NS - 1_000_000n,
    untilNs: ZERO_NS + 3_000_000_000n,
    framesCaptured: 12,
    lost: [],
    gaps: [],
    ...more,
  };
}

export function finding(rule: string, more: Partial<Finding> = {}): Finding {
  return {
    rule,
    severity: 'fault',
    confidence: 'proven',
    title: `${rule} happened`,
    summary: `${rule} explained.`,
    where: place('eth0'),
    evidence: [],
    remedies: [],
    ...more,
  };
}

export function arpExchange(request: Journey, replies: readonly Journey[] = []): ArpExchange {
  const asked = request.sightings[0]?.packet.arp;
  return {
    kind: 'arp',
    senderProtocol: asked?.senderProtocol ?? '',
    targetProtocol: asked?.targetProtocol ?? '',
    request,
    replies,
  };
}

export function echoExchange(source: string, destination: string, more: Partial<EchoExchange> = {}): EchoExchange {
  return { kind: 'echo', sequence: 1, source, destination, replies: [], errors: [], resolutions: [], ...more };
}

/** A whole report around a diagnosis; three unanswered probes unless told. */
export function report(diagnosis: Partial<Diagnosis>, more: Partial<Report> = {}): Report {
  return {
    version: '0.1.0',
    command: 'ping-trace',
    target: { interface: 'eth0', address: '10.9.0.3', netns: START },
    probes: { sent: 3, received: 0, duplicates: 0, sizeBytes: 56 },
    diagnosis: {
      outcome: 'fault',
      findings: [],
      path: { legs: [], end: 'unknown' },
      exchanges: diagnosis.example === undefined ? [] : [diagnosis.example],
      coverage: coverage([]),
      before: topology([]),
      ...diagnosis,
    },
    ...more,
  };
}

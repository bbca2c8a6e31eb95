/**
 * A survey of a whole capture, in one pass and in bounded memory: who spoke to whom, by which ways the packets went, what was asked and
 * answered, and where packets ended. It finds where to look; what it finds is then looked at frame by frame (`trace/`, `diagnose/`).
 */
import { AddressTable } from './addresses.ts';
import { ClaimTable, macAt } from './claims.ts';
import { ErrorTable, type IcmpError } from './errors.ts';
import { type Asked, type ClosedExchange, ExchangeTable } from './exchanges.ts';
import { FlowTable } from './flows.ts';
import { Glance } from './glance.ts';
import { Family, familyOf, isReply, isRequest, Kind } from './kind.ts';
import { OriginTable } from './origins.ts';
import { type ClosedPacket, PacketTable } from './packets.ts';
import { Rehearsal } from './rehearsal.ts';
import { type Repeated, RepeatTable } from './repeats.ts';
import { RetryTable } from './retries.ts';
import { WayTable } from './ways.ts';

/** Places beyond these are taken for one. */
export const MOST_PLACES = 4096;
/** Time that goes back by more than this begins a new recording: files were put one behind the other. */
const NEW_RECORDING_NS = 6e10;
/** Packets and exchanges written down one by one; all are counted. */
const MOST_RECORDS = 1 << 16;
const TARGET_LINK_LAYER_ADDRESS = 2;

/** A packet that ended before others of its way did. */
export interface EndedPacket {
  readonly kind: number;
  /** Of the request, where it is a reply. */
  readonly flow: number;
  readonly way: number;
  readonly echo: number;
  readonly frame: number;
  readonly ns: number;
}

/** A request without a reply that came back to where it was asked. */
export interface OpenRequest {
  readonly flow: number;
  readonly echo: number;
  readonly ns: number;
  readonly frame: number;
  readonly way: number;
  /** Way of the reply that got lost, 0 where none was sighted. */
  readonly replyWay: number;
  readonly replyFrame: number;
  /** The ICMP error that came instead. */
  readonly error?: IcmpError;
}

export interface PlaceCount {
  frames: number;
  firstNs: number;
  lastNs: number;
  inward: number;
  outward: number;
}

export class Survey {
  readonly addresses = new AddressTable();
  readonly ways = new WayTable();
  readonly flows = new FlowTable((way) => this.ways.way(way).places.length);
  readonly claims = new ClaimTable();
  readonly places: PlaceCount[] = [];
  readonly ended: EndedPacket[] = [];
  readonly open: OpenRequest[] = [];
  /** Ways that ARP and neighbour discovery took, which no router passes on. */
  readonly linkWays = new Set<number>();
  /** Places that are loopback devices, to be told before their frames are added. */
  readonly loopbacks = new Set<number>();
  frames = 0;
  packetCount = 0;
  firstNs = Number.NaN;
  lastNs = 0;
  /** Times that went back: files put one behind the other. */
  recordings = 1;

  readonly #glance = new Glance();
  readonly #packets: PacketTable;
  readonly #exchanges: ExchangeTable;
  readonly #asked: Asked = { flow: 0, source: 0, target: 0, family: 0, echo: 0 };
  readonly #scratch = new Uint16Array(MOST_PLACES);
  readonly #rehearsal = new Rehearsal((packet) => this.#close(packet), MOST_PLACES);
  readonly #origins = new OriginTable(
    (place, other) => this.ways.begun(place, other) + this.#rehearsal.begun(place, other),
  );
  readonly #errors = new ErrorTable(this.addresses, this.flows);
  readonly #repeats = new RepeatTable();
  readonly #retries = new RetryTable();
  #lastLinkWay = 0;

  constructor() {
    this.#packets = new PacketTable((packet) => this.#rehearsal.take(packet), MOST_PLACES);
    this.#exchanges = new ExchangeTable(this.flows, (exchange) => this.#settle(exchange), this.loopbacks);
  }

  /** Packets and exchanges that were given up before their time: too many were under way. */
  get closedEarly(): number {
    return this.#packets.closedEarly + this.#exchanges.closedEarly;
  }

  /** Exact sums of all round trips, nanoseconds, by `Family`. */
  get roundTrips() {
    return this.#exchanges.roundTrips;
  }

  get errors(): ReadonlyMap<string, IcmpError> {
    return this.#errors.all;
  }

  /** By flow. */
  get repeated(): ReadonlyMap<number, Repeated> {
    return this.#repeats.all;
  }

  /** By flow: requests repeated although the one before had been answered. */
  get unheeded(): ReadonlyMap<number, number> {
    return this.#retries.unheeded;
  }

  /** By flow: requests without a reply that were soon followed by another. */
  get retried(): ReadonlyMap<number, number> {
    return this.#retries.retried;
  }

  /** Replies to nothing that was asked in the capture. */
  get orphans(): number {
    return this.#exchanges.orphans;
  }

  /**
   * Takes a frame.
   * @param place its number, from 0
   * @param direction as in `epb_flags`: 0 unknown, 1 in, 2 out
   * @param ns nanoseconds from any fixed time on; frames come in order of time, more or less
   * @param frame its number, to find it again
   */
  add(
    view: DataView,
    start: number,
    end: number,
    linkType: number,
    place: number,
    direction: number,
    ns: number,
    frame: number,
  ): void {
    this.frames++;
    const where = place < MOST_PLACES ? place : MOST_PLACES - 1;
    this.#count(where, direction, ns);
    const glance = this.#glance;
    if (!glance.look(view, start, end, linkType)) return;
    if (!this.#packets.add(glance, where, direction & 3, ns, frame)) return;
    const source = this.addresses.intern(view, glance.sourceAt, glance.addressLength);
    const target = this.addresses.intern(view, glance.targetAt, glance.addressLength);
    this.#packets.name(source, target);
    if (glance.kind !== Kind.other) this.#read(view, end, source, target, where, frame, ns);
  }

  /** No more frames come. */
  finish(): void {
    this.#drain();
    this.claims.finish();
  }

  /** What is under way comes to its end. */
  #drain(): void {
    this.#packets.finish();
    this.#rehearsal.end();
    this.#exchanges.finish();
  }

  /** Where packets of this address begin, by most of them; undefined when none was seen. */
  origin(address: number): number | undefined {
    return this.#origins.of(address);
  }

  #count(place: number, direction: number, ns: number): void {
    let count = this.places[place];
    if (count === undefined) {
      while (this.places.length <= place)
        this.places.push({ frames: 0, firstNs: Number.NaN, lastNs: Number.NaN, inward: 0, outward: 0 });
      count = this.places[place];
      if (count === undefined) return;
    }
    if (count.frames++ === 0) count.firstNs = ns;
    count.lastNs = ns;
    if (direction === 1) count.inward++;
    else if (direction === 2) count.outward++;
    if (ns > this.lastNs || this.frames === 1) {
      if (this.frames === 1) this.firstNs = ns;
      this.lastNs = ns;
    } else if (ns < this.lastNs - NEW_RECORDING_NS) {
      this.#drain();
      this.recordings++;
      this.lastNs = ns;
      if (ns < this.firstNs) this.firstNs = ns;
    } else if (ns < this.firstNs) this.firstNs = ns;
  }

  /** What a first sighting says beyond its addresses. */
  #read(view: DataView, end: number, source: number, target: number, place: number, frame: number, ns: number): void {
    const glance = this.#glance;
    switch (glance.kind) {
      case Kind.arpRequest:
      case Kind.arpReply: {
        const mac = macAt(view, glance.messageAt + 8);
        // A probe (RFC 5227) has no sender address yet.
        if (this.addresses.isUnspecified(source)) this.claims.probe(target, mac, ns, frame, place);
        else this.#claim(view, source, mac, place, frame, ns);
        return;
      }
      case Kind.solicitation:
        if (this.addresses.isUnspecified(source) && glance.ethernetAt >= 0)
          this.claims.probe(target, macAt(view, glance.ethernetAt + 6), ns, frame, place);
        return;
      case Kind.advertisement: {
        const option = glance.messageAt + 24;
        if (option + 8 > end || view.getUint16(option) !== TARGET_LINK_LAYER_ADDRESS * 256 + 1) return;
        this.#claim(view, source, macAt(view, option + 2), place, frame, ns);
        return;
      }
      case Kind.icmpError:
        this.#errors.add(view, end, glance, source, place, frame, ns);
        return;
      default:
        return;
    }
  }

  /** A hardware address of zero is one that was not recorded. */
  #claim(view: DataView, address: number, mac: number, place: number, frame: number, ns: number): void {
    const { ethernetAt, kind } = this.#glance;
    if (mac === 0) return;
    const ethernet = ethernetAt < 0 ? Number.NaN : macAt(view, ethernetAt + 6) || Number.NaN;
    this.claims.add(address, mac, ethernet, frame, place, ns, kind !== Kind.arpRequest);
  }

  #close(packet: ClosedPacket): void {
    this.packetCount++;
    const { kind, source, target, echo, count, places, times, directions, frame } = packet;
    const first = this.#origins.first(packet);
    const way = this.ways.add(places, times, directions, count, first, packet.group, this.#scratch);
    const family = familyOf(kind);
    if (way !== this.#lastLinkWay && (family === Family.arp || family === Family.neighbour)) {
      this.#lastLinkWay = way;
      this.linkWays.add(way);
    }
    const back = isReply(kind);
    const flow = back ? this.flows.find(target, source, family) : this.flows.find(source, target, family);
    this.flows.count(flow, way, back, count);
    if (packet.repeats > 0) this.#repeats.add(packet, flow);
    let start = times[0] ?? 0;
    for (let index = 0; index < count; index++) if (places[index] === first) start = times[index] ?? 0;
    const asked = this.#asked;
    asked.family = family;
    asked.echo = echo;
    // A gratuitous ARP announcement (RFC 5227) asks nobody and answers nobody, and who probes hopes for no answer.
    if (source !== target && !(family !== Family.echo && this.addresses.isUnspecified(source))) {
      if (isRequest(kind)) {
        asked.flow = flow;
        asked.source = source;
        asked.target = target;
        this.#exchanges.ask(asked, start, way, first, frame);
      } else if (back) {
        asked.source = target;
        asked.target = source;
        this.#exchanges.reply(asked, start, way, frame, places, times, count);
      }
    }
    this.#end(kind, flow, way, echo, frame, start);
  }

  /** Writes a packet down that may have been lost: unless it is known that packets of its way end there. */
  #end(kind: number, flow: number, way: number, echo: number, frame: number, ns: number): void {
    if (this.ended.length < MOST_RECORDS && this.ways.mayEndEarly(way))
      this.ended.push({ kind, flow, way, echo, frame, ns });
  }

  #settle(exchange: ClosedExchange): void {
    const { flow, echo, requestNs, requestFrame, requestWay, replies, replyWay, replyFrame } = exchange;
    const error = this.#errors.take(flow, echo, requestNs);
    if (echo === 0) this.#retries.settle(flow, requestNs, exchange.reached);
    if (exchange.reached || this.open.length >= MOST_RECORDS) return;
    const lostReply = replies > 0 ? { replyWay, replyFrame } : { replyWay: 0, replyFrame: 0 };
    const open = { flow, echo, ns: requestNs, frame: requestFrame, way: requestWay, ...lostReply };
    this.open.push(error === undefined ? open : { ...open, error });
  }
}

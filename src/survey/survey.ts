/**
 * A survey of a whole capture, in one pass and in bounded memory: who spoke to whom, by which ways the packets went, what was asked and
 * answered, and where packets ended. It finds where to look; what it finds is then looked at frame by frame (`trace/`, `diagnose/`).
 */
import { AddressTable } from './addresses.ts';
import { ClaimTable, macAt } from './claims.ts';
import { type Asked, type ClosedExchange, ExchangeTable } from './exchanges.ts';
import { FlowTable } from './flows.ts';
import { Glance } from './glance.ts';
import { Family, familyOf, isReply, isRequest, Kind } from './kind.ts';
import { type ClosedPacket, PacketTable } from './packets.ts';
import { QuoteTable } from './quotes.ts';
import { WayTable } from './ways.ts';

/** Places beyond these are taken for one. */
export const MOST_PLACES = 4096;
/** Stamps of one packet at neighbouring places may be reversed by this much, nanoseconds. */
const STAMP_SLACK_NS = 5_000;
/** Time that goes back by more than this begins a new recording: files were put one behind the other. */
const NEW_RECORDING_NS = 6e10;
/** Packets and exchanges written down one by one; all are counted. */
const MOST_RECORDS = 1 << 16;
const MOST_ERRORS = 4096;
const MOST_REPEATED = 1024;
/** Packets that are held back until it is known where such packets begin. */
const REHEARSED = 512;
/** Packets that begin at the one place for each that begins at the other, before stamps that nearly agree are not believed. */
const FAR_MORE = 8;
const MOST_RETRIED = 1 << 14;
/** Three tries of ARP, a second apart, or what scanners take for patience. */
const RETRIES_UNTIL_NS = 5e9;
const RETRY_FROM_NS = 9e8;
const RETRY_UNTIL_NS = 1.15e9;
const TARGET_LINK_LAYER_ADDRESS = 2;
const REDIRECT = 5;

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

/** ICMP errors alike. */
export interface IcmpError {
  /** Addresses: who sent it, and who sent what it quotes to whom. */
  readonly from: number;
  readonly source: number;
  readonly target: number;
  readonly version: 4 | 6;
  readonly type: number;
  readonly code: number;
  /** Next-hop MTU, where the message has one. */
  readonly mtu: number;
  packets: number;
  readonly frame: number;
  readonly place: number;
}

/** A packet that a place saw more often than it should. */
export interface Repeated {
  readonly flow: number;
  readonly kind: number;
  readonly group: boolean;
  packets: number;
  /** Of one packet: most repetitions, and most of them with a falling TTL. */
  worst: number;
  circles: number;
  frame: number;
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
  /** All of them, also those that were not written down. */
  openCount = 0;
  /** Ways that ARP and neighbour discovery took, which no router passes on. */
  readonly linkWays = new Set<number>();
  /** Places that are loopback devices, to be told before their frames are added. */
  readonly loopbacks = new Set<number>();
  readonly errors = new Map<string, IcmpError>();
  readonly repeated = new Map<number, Repeated>();
  /** By flow: requests repeated although the one before had been answered. */
  readonly unheeded = new Map<number, number>();
  /** By flow: requests without a reply that were soon followed by another. */
  readonly retried = new Map<number, number>();
  frames = 0;
  followed = 0;
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
  /** The first packets, held back, and their ways by their stamps alone. */
  #heldBack: ClosedPacket[] | undefined = [];
  readonly #rehearsal = new WayTable();
  /** Where packets of an address begin, by majority: the place and its lead. */
  #origin = new Uint16Array(1024);
  #lead = new Int32Array(1024);
  #lastLinkWay = 0;
  /** When the last answered request of a flow was made. */
  readonly #lastAnswered = new Map<number, number>();
  /** When the last request of a flow was made that had no reply. */
  readonly #lastOpen = new Map<number, number>();
  /** Errors by what they quote: `flow echo`. */
  readonly #quotes = new QuoteTable();

  constructor() {
    this.#packets = new PacketTable((packet) => this.#rehearse(packet), MOST_PLACES);
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
    this.followed++;
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
    this.#release();
    this.#exchanges.finish();
  }

  /** Where packets of this address begin, by most of them; undefined when none was seen. */
  origin(address: number): number | undefined {
    return (this.#lead[address] ?? 0) > 0 ? this.#origin[address] : undefined;
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
        this.#quote(view, end, source, place, frame, ns);
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

  #quote(view: DataView, end: number, from: number, place: number, frame: number, ns: number): void {
    const { messageAt, addressLength } = this.#glance;
    const version = addressLength === 4 ? 4 : 6;
    const quoted = messageAt + 8;
    const header = version === 4 ? (quoted < end ? (view.getUint8(quoted) & 15) * 4 : 20) : 40;
    if (quoted + header + 8 > end) return;
    const type = view.getUint8(messageAt);
    const code = view.getUint8(messageAt + 1);
    const addressesAt = quoted + (version === 4 ? 12 : 8);
    const source = this.addresses.intern(view, addressesAt, addressLength);
    const target = this.addresses.intern(view, addressesAt + addressLength, addressLength);
    const key = `${from} ${source} ${target} ${type} ${code}`;
    let error = this.errors.get(key);
    if (error === undefined) {
      if (this.errors.size >= MOST_ERRORS) return;
      const tooBig = version === 4 ? type === 3 && code === 4 : type === 2;
      const mtu = !tooBig ? 0 : version === 4 ? view.getUint16(messageAt + 6) : view.getUint32(messageAt + 4);
      error = { from, source, target, version, type, code, mtu, packets: 0, frame, place };
      this.errors.set(key, error);
    }
    error.packets++;
    // A redirect tells of a packet that was passed on.
    if (version === 4 && type === REDIRECT) return;
    const protocol = view.getUint8(quoted + (version === 4 ? 9 : 6));
    if (protocol !== (version === 4 ? 1 : 58)) return;
    const echo = view.getUint32(quoted + header + 4) | 0;
    const flow = this.flows.find(source, target, familyOf(Kind.echoRequest));
    this.#quotes.add(flow, echo, error, ns);
  }

  /** The first packets are looked at twice: where packets begin is not known from one. */
  #rehearse(packet: ClosedPacket): void {
    const held = this.#heldBack;
    if (held === undefined) {
      this.#close(packet);
      return;
    }
    const { places, times, directions, count, group } = packet;
    this.#rehearsal.add(places, times, directions, count, places[0] ?? 0, group, this.#scratch);
    held.push({
      ...packet,
      places: places.slice(0, count),
      times: times.slice(0, count),
      directions: directions.slice(0, count),
    });
    if (held.length >= REHEARSED) this.#release();
  }

  #release(): void {
    const held = this.#heldBack ?? [];
    this.#heldBack = undefined;
    for (const packet of held) this.#close(packet);
  }

  #close(packet: ClosedPacket): void {
    this.packetCount++;
    const { kind, source, target, echo, count, places, times, directions, frame } = packet;
    const first = this.#begin(packet);
    const way = this.ways.add(places, times, directions, count, first, packet.group, this.#scratch);
    const family = familyOf(kind);
    if (way !== this.#lastLinkWay && (family === Family.arp || family === Family.neighbour)) {
      this.#lastLinkWay = way;
      this.linkWays.add(way);
    }
    const back = isReply(kind);
    const flow = back ? this.flows.find(target, source, family) : this.flows.find(source, target, family);
    this.flows.count(flow, way, back, count);
    if (packet.repeats > 0) this.#repeat(packet, flow);
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

  /** Where the packet began: where its sender's packets begin, when the stamps leave that open. */
  #begin({ source, places, times, count }: ClosedPacket): number {
    const earliest = places[0] ?? 0;
    if (source >= this.#origin.length) this.#growOrigins(source);
    const lead = this.#lead[source] ?? 0;
    const origin = this.#origin[source] ?? 0;
    const open = count > 1 && (times[1] ?? 0) - (times[0] ?? 0) <= STAMP_SLACK_NS;
    if (lead === 0) {
      const first = open ? this.#usualFirst(earliest, places[1] ?? 0) : earliest;
      this.#origin[source] = first;
      this.#lead[source] = 1;
      return first;
    }
    if (origin === earliest) {
      this.#lead[source] = lead + 1;
      return earliest;
    }
    if (open) {
      const start = times[0] ?? 0;
      for (let index = 1; index < count; index++)
        if (places[index] === origin && (times[index] ?? 0) - start <= STAMP_SLACK_NS) return origin;
    }
    this.#lead[source] = lead - 1;
    return earliest;
  }

  /** Of two places that saw a packet at nearly the same time, the one where far more packets that come to both begin. */
  #usualFirst(earliest: number, second: number): number {
    const begun = (place: number, other: number) => this.ways.begun(place, other) + this.#rehearsal.begun(place, other);
    return begun(second, earliest) > FAR_MORE * begun(earliest, second) ? second : earliest;
  }

  /** Writes a packet down that may have been lost: unless it is known that packets of its way end there. */
  #end(kind: number, flow: number, way: number, echo: number, frame: number, ns: number): void {
    if (this.ended.length < MOST_RECORDS && this.ways.mayEndEarly(way))
      this.ended.push({ kind, flow, way, echo, frame, ns });
  }

  #repeat(packet: ClosedPacket, flow: number): void {
    const known = this.repeated.get(flow);
    if (known === undefined) {
      if (this.repeated.size >= MOST_REPEATED) return;
      const { kind, group, frame, repeats, circles } = packet;
      this.repeated.set(flow, { flow, kind, group, packets: 1, worst: repeats, circles, frame });
      return;
    }
    known.packets++;
    if (packet.repeats > known.worst) {
      known.worst = packet.repeats;
      known.frame = packet.frame;
    }
    if (packet.circles > known.circles) known.circles = packet.circles;
  }

  #settle(exchange: ClosedExchange): void {
    const { flow, echo, requestNs, requestFrame, requestWay, replies, replyWay, replyFrame } = exchange;
    const error = this.#quotes.take(flow, echo, requestNs);
    if (echo === 0) {
      this.#heed(flow, requestNs, exchange.reached);
      this.#retry(flow, requestNs, exchange.reached);
    }
    if (exchange.reached) return;
    this.openCount++;
    if (this.open.length >= MOST_RECORDS) return;
    const lostReply = replies > 0 ? { replyWay, replyFrame } : { replyWay: 0, replyFrame: 0 };
    const open = { flow, echo, ns: requestNs, frame: requestFrame, way: requestWay, ...lostReply };
    this.open.push(error === undefined ? open : { ...open, error });
  }

  /** Who asks again a retry's time after the answer came did not hear it (ARP and neighbour discovery: RETRANS_TIMER, one second). */
  #heed(flow: number, ns: number, answered: boolean): void {
    const before = this.#lastAnswered.get(flow);
    if (before !== undefined && ns - before > RETRY_FROM_NS && ns - before < RETRY_UNTIL_NS)
      this.unheeded.set(flow, (this.unheeded.get(flow) ?? 0) + 1);
    if (!answered) this.#lastAnswered.delete(flow);
    else if (this.#lastAnswered.size < MOST_REPEATED || before !== undefined) this.#lastAnswered.set(flow, ns);
    else this.#lastAnswered.clear();
  }

  /** Who asks again soon had no reply, wherever the reply would have been sighted. */
  #retry(flow: number, ns: number, answered: boolean): void {
    const before = this.#lastOpen.get(flow);
    if (before !== undefined && ns - before < RETRIES_UNTIL_NS)
      this.retried.set(flow, (this.retried.get(flow) ?? 0) + 1);
    if (answered) this.#lastOpen.delete(flow);
    else if (this.#lastOpen.size < MOST_RETRIED || before !== undefined) this.#lastOpen.set(flow, ns);
  }

  #growOrigins(address: number): void {
    const capacity = 2 ** Math.ceil(Math.log2(address + 1));
    const origin = new Uint16Array(capacity);
    origin.set(this.#origin);
    const lead = new Int32Array(capacity);
    lead.set(this.#lead);
    this.#origin = origin;
    this.#lead = lead;
  }
}

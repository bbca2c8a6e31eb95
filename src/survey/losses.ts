/**
 * Where packets were lost: where they ended although others like them went further. Nothing is lost that is not known to go on: a
 * packet may end because it has arrived.
 */
import { Family, isReply, isRequest, Kind } from './kind.ts';
import type { Spans } from './spans.ts';
import type { EndedPacket, OpenRequest, Survey } from './survey.ts';

/** What says where a packet should have come next. */
export type Basis =
  /** Others of the same flow went there. */
  | 'flow'
  /** What came back took this way, reversed. */
  | 'reverse'
  /** Nearly all packets that came this far went there. */
  | 'others';

/** Between two places: numbers of the survey. */
export interface Gap {
  readonly last: number;
  readonly next: number;
  readonly basis: Basis;
}

export interface LostPacket extends Gap {
  readonly packet: EndedPacket;
}

/** How an exchange failed. */
export type Failure =
  /** An ICMP error came instead of a reply. */
  | 'refused'
  /** The request did not go on. */
  | 'request-lost'
  /** The reply did not come back. */
  | 'reply-lost'
  /** The request was not seen to be lost, and no reply was sighted. */
  | 'unanswered';

export interface FailedExchange {
  readonly request: OpenRequest;
  readonly failure: Failure;
  /** Where the packet was sighted last. */
  readonly last: number;
  readonly gap?: Gap;
}

/** Packets that must have gone on for each that did not, before the few are taken for lost. */
const CLEAR_MAJORITY = 19;
const VERY_MANY = 256;
/** More packets of one flow than this are not lost one by one: all of them end there for a reason. */
const FEW = 3;

export class Losses {
  readonly #survey: Survey;
  readonly #spans: Spans;
  /** Steps from place to place that ARP and neighbour discovery took. */
  readonly #links = new Set<string>();
  readonly #others = new Map<number, Gap | undefined>();
  readonly #orders = new Map<number, number[]>();
  /** By way: packets of those that go on. */
  readonly #furthers = new Map<number, number>();

  constructor(survey: Survey, spans: Spans) {
    this.#survey = survey;
    this.#spans = spans;
  }

  /** Every packet that was lost for sure, in order of time. */
  packets(): LostPacket[] {
    // One that was refused was not lost.
    const open = new Set(this.#survey.open.flatMap(({ frame, error }) => (error ? [] : [frame])));
    const refused = this.#refused();
    const lost: LostPacket[] = [];
    for (const packet of this.#survey.ended) {
      // Who was told why his packets ended has lost none; of others than echoes it is not known which were quoted.
      if (refused.size > 0 && !isRequest(packet.kind) && !isReply(packet.kind)) {
        const { source, target } = this.#survey.flows.get(packet.flow);
        const errors = refused.get(`${source} ${target}`) ?? [];
        // An error that came from beyond is about packets that got there.
        if (errors.some((place) => this.#survey.ways.way(packet.way).places.includes(place))) continue;
      }
      // A request that was answered has arrived, wherever it was sighted last.
      if (isRequest(packet.kind) && !open.has(packet.frame)) continue;
      if (this.#hasArrived(packet.way, packet.flow, packet.kind)) continue;
      const gap = this.#gap(packet.way, packet.flow, packet.kind);
      if (gap && this.#spans.covers(gap.next, packet.ns)) lost.push({ packet, ...gap });
    }
    return lost.sort((a, b) => a.packet.ns - b.packet.ns);
  }

  /** By the two it is about: places that ICMP errors were first sighted at. */
  #refused(): Map<string, number[]> {
    const places = new Map<string, number[]>();
    for (const { source, target, place } of this.#survey.errors.values()) {
      const key = `${source} ${target}`;
      places.set(key, [...(places.get(key) ?? []), place]);
    }
    return places;
  }

  /** How the request came to have no reply. */
  failure(request: OpenRequest): FailedExchange {
    const { flow, way, replyWay, error } = request;
    const { source, target, family } = this.#survey.flows.get(flow);
    if (error) return { request, failure: 'refused', last: this.#last(way) };
    if (replyWay !== 0) {
      const last = this.#last(replyWay);
      const asker = this.#survey.ways.way(way).first;
      const gap = this.#gap(replyWay, flow, Kind.echoReply) ?? { last, next: asker, basis: 'reverse' as const };
      return { request, failure: 'reply-lost', last, gap };
    }
    const gap = this.#gap(way, flow) ?? this.#byReverse(way, source, target, familiesLike(family));
    if (gap && this.#spans.covers(gap.next, request.ns))
      return { request, failure: 'request-lost', last: gap.last, gap };
    return { request, failure: 'unanswered', last: this.#last(way) };
  }

  /** It came to where packets of the one it is for begin. */
  #hasArrived(way: number, flow: number, kind: number): boolean {
    const { flows, ways } = this.#survey;
    if (flow === 0) return false;
    const { source, target } = flows.get(flow);
    const origin = this.#survey.origin(isReply(kind) ? source : target);
    return origin !== undefined && origin === this.#last(way) && ways.way(way).first !== origin;
  }

  order(way: number): number[] {
    let order = this.#orders.get(way);
    if (order === undefined) {
      order = this.#survey.ways.order(way);
      this.#orders.set(way, order);
    }
    return order;
  }

  #last(way: number): number {
    return this.order(way).at(-1) ?? 0;
  }

  /** Where packets that end on this way should have come next: by their own flow, or by all others. */
  #gap(way: number, flow: number, kind?: number): Gap | undefined {
    const { flows, ways } = this.#survey;
    // Multicasts go where somebody listens: only very many that went on say that one was lost.
    if (kind !== undefined && !isRequest(kind) && ways.way(way).group && this.#further(way) < VERY_MANY)
      return undefined;
    const { ways: sent, backWays, packets, family } = flows.get(flow);
    const taken = kind !== undefined && isReply(kind) ? backWays : sent;
    if (flow !== 0)
      for (const other of taken) {
        const next = ways.isPart(way, other) ? this.#next(way, other) : undefined;
        if (next !== undefined) return { last: this.#last(way), next, basis: 'flow' };
      }
    const others = flow === 0 || packets <= FEW ? this.#byOthers(way) : undefined;
    // Others may be routed on, which ARP never is.
    return others && (!isLinkFamily(family) || this.#isOnLink(others)) ? others : undefined;
  }

  /** ARP or neighbour discovery went from the one to the other, or the other way. */
  #isOnLink({ last, next }: Gap): boolean {
    if (this.#links.size === 0) this.#learnLinks();
    return this.#links.has(`${last} ${next}`) || this.#links.has(`${next} ${last}`);
  }

  #learnLinks(): void {
    for (const way of this.#survey.linkWays) {
      const order = this.order(way);
      for (const [at, place] of order.entries()) if (at > 0) this.#links.add(`${order[at - 1]} ${place}`);
    }
  }

  #byOthers(way: number): Gap | undefined {
    if (this.#others.has(way)) return this.#others.get(way);
    const { ways } = this.#survey;
    const [most] = this.#onward(way).sort((a, b) => (ways.packets[b] ?? 0) - (ways.packets[a] ?? 0));
    const next = most === undefined ? undefined : this.#next(way, most);
    const clear = this.#further(way) >= CLEAR_MAJORITY * (ways.packets[way] ?? 0);
    const gap: Gap | undefined =
      clear && next !== undefined ? { last: this.#last(way), next, basis: 'others' } : undefined;
    this.#others.set(way, gap);
    return gap;
  }

  /** Ways that begin like this one and go further. */
  #onward(way: number): number[] {
    const { ways } = this.#survey;
    return ways.ways.flatMap(({ id }) => (ways.isPart(way, id) && this.#next(way, id) !== undefined ? [id] : []));
  }

  #further(way: number): number {
    let further = this.#furthers.get(way);
    if (further === undefined) {
      further = this.#onward(way).reduce((sum, id) => sum + (this.#survey.ways.packets[id] ?? 0), 0);
      this.#furthers.set(way, further);
    }
    return further;
  }

  /** What the target sent to the source came by this way: so the request would have taken it the other way round. */
  #byReverse(way: number, source: number, target: number, families: readonly number[]): Gap | undefined {
    const { flows } = this.#survey;
    const order = this.order(way);
    for (const family of families) {
      const sent = flows.get(flows.known(target, source, family)).ways;
      const came = flows.get(flows.known(source, target, family)).backWays;
      for (const back of [...came, ...sent]) {
        const expected = [...this.order(back)].reverse();
        const last = expected.findLast((place) => order.includes(place));
        if (last === undefined || expected[0] !== order[0]) continue;
        const next = expected[expected.indexOf(last) + 1];
        if (next !== undefined) return { last: this.#last(way), next, basis: 'reverse' };
      }
    }
    return undefined;
  }

  /** The first place of way `whole` behind all places of its part; undefined when the part has a hole instead of an end. */
  #next(part: number, whole: number): number | undefined {
    const { places } = this.#survey.ways.way(part);
    const order = this.order(whole);
    for (let at = 0; at < places.length; at++) if (!places.includes(order[at] ?? -1)) return undefined;
    return order[places.length];
  }
}

/** IP takes the way of ARP between the same two, who are neighbours then; ARP stays on its link, where IP may go on. */
function familiesLike(family: number): readonly number[] {
  return isLinkFamily(family) ? [family] : Object.values(Family);
}

function isLinkFamily(family: number): boolean {
  return family === Family.arp || family === Family.neighbour;
}

/** An exchange: a request's journey and the journeys of what answered it. */
import type { Icmp } from '../wire/packet.ts';
import type { ProbeResult } from './frame.ts';
import { type Journey, startNs } from './journey.ts';

/** ARP who-has and is-at (RFC 826). */
export interface ArpExchange {
  readonly kind: 'arp';
  readonly senderProtocol: string;
  readonly targetProtocol: string;
  readonly request: Journey;
  readonly replies: readonly Journey[];
}

/** Echo request and reply (RFC 792), with what it waited for and what came back instead. */
export interface EchoExchange {
  readonly kind: 'echo';
  /** The probe's number from 1; of somebody else's echo, the ICMP sequence number. */
  readonly sequence: number;
  readonly source: string;
  readonly destination: string;
  /** Absent when the request was sighted nowhere. */
  readonly request?: Journey;
  readonly replies: readonly Journey[];
  /** ICMP errors that quote the request or a reply. */
  readonly errors: readonly Journey[];
  /** The ARP exchanges that had to be answered before request or reply could go on, in time order. */
  readonly resolutions: readonly ArpExchange[];
  /** What the probing socket saw; absent offline and for echoes of others. */
  readonly probe?: ProbeResult;
}

export type Exchange = ArpExchange | EchoExchange;

/** An ARP reply answers the latest request it fits, if that is not older than this (nanoseconds). */
const ANSWER_WINDOW_NS = 3_000_000_000n;
const CLOCK_SLACK_NS = 200_000n;

/**
 * Joins journeys into exchanges, the probes' echoes first in order of their numbers, then ARP in order of time.
 * @param probes what the socket saw: a probe that was sighted nowhere is an exchange all the same
 */
export function buildExchanges(
  journeys: readonly Journey[],
  source: string,
  destination: string,
  probes: readonly ProbeResult[] = [],
): Exchange[] {
  const arp = arpExchanges(journeys);
  const echo = echoExchanges(journeys, source, destination, probes).map((exchange) => ({
    ...exchange,
    resolutions: resolutionsOf(exchange, arp),
  }));
  return [...echo, ...arp];
}

function arpExchanges(journeys: readonly Journey[]): ArpExchange[] {
  const exchanges: (ArpExchange & { replies: Journey[] })[] = [];
  const asked = new Map<string, (ArpExchange & { replies: Journey[] })[]>();
  // All requests first: a reply may be stamped a little earlier than what it answers.
  for (const journey of journeys) {
    const arp = journey.sightings[0]?.packet.arp;
    // A gratuitous announcement (RFC 5227) asks nobody.
    if (!arp || journey.kind !== 'arp-request' || arp.senderProtocol === arp.targetProtocol) continue;
    const { senderProtocol, targetProtocol } = arp;
    const exchange = { kind: 'arp' as const, senderProtocol, targetProtocol, request: journey, replies: [] };
    exchanges.push(exchange);
    const key = `${senderProtocol} ${targetProtocol}`;
    asked.set(key, [...(asked.get(key) ?? []), exchange]);
  }
  for (const journey of journeys) {
    const arp = journey.sightings[0]?.packet.arp;
    if (!arp || journey.kind !== 'arp-reply') continue;
    const at = startNs(journey);
    const request = asked
      .get(`${arp.targetProtocol} ${arp.senderProtocol}`)
      ?.findLast(
        (exchange) =>
          startNs(exchange.request) <= at + CLOCK_SLACK_NS && at - startNs(exchange.request) <= ANSWER_WINDOW_NS,
      );
    request?.replies.push(journey);
  }
  return exchanges;
}

function echoExchanges(
  journeys: readonly Journey[],
  source: string,
  destination: string,
  probes: readonly ProbeResult[],
): EchoExchange[] {
  interface Parts {
    request?: Journey;
    replies: Journey[];
    errors: Journey[];
    probe?: ProbeResult;
  }
  const bySequence = new Map<number, Parts>();
  const partsOf = (sequence: number): Parts => {
    const parts = bySequence.get(sequence) ?? { replies: [], errors: [] };
    bySequence.set(sequence, parts);
    return parts;
  };
  for (const probe of probes) partsOf(probe.sequence).probe = probe;
  for (const journey of journeys) {
    if (journey.sequence === undefined) continue;
    const parts = partsOf(journey.sequence);
    if (journey.kind === 'echo-request') parts.request ??= journey;
    else if (journey.kind === 'echo-reply') parts.replies.push(journey);
    else if (journey.kind === 'icmp-error') parts.errors.push(journey);
  }
  return [...bySequence]
    .sort(([a], [b]) => a - b)
    .map(([sequence, parts]) => ({ kind: 'echo', sequence, source, destination, resolutions: [], ...parts }));
}

/** The ARP exchanges an echo waited for: about its own addresses, or asked by a router after the echo had come to it. */
function resolutionsOf(echo: EchoExchange, arp: readonly ArpExchange[]): ArpExchange[] {
  const sent = echo.probe?.sentNs ?? (echo.request && startNs(echo.request)) ?? 0n;
  return arp.filter((exchange) => {
    const answered = exchange.replies[0];
    if (answered && startNs(answered) < sent - CLOCK_SLACK_NS) return false;
    const ends = [exchange.senderProtocol, exchange.targetProtocol];
    if (ends.includes(echo.source) || ends.includes(echo.destination)) return true;
    const asker = exchange.request.sightings[0]?.frame;
    return (
      asker !== undefined &&
      [echo.request, ...echo.replies].some((journey) =>
        journey?.sightings.some(
          ({ frame }) =>
            frame.place.netns === asker.place.netns && frame.direction === 'in' && frame.timeNs <= asker.timeNs,
        ),
      )
    );
  });
}

/** The ICMP message of an error's journey. */
export function errorMessage(journey: Journey): Icmp | undefined {
  return journey.sightings[0]?.packet.icmp;
}

/** True when the probing socket got a reply, or, offline, when a reply was sighted. */
export function isAnswered(exchange: EchoExchange): boolean {
  return exchange.probe ? exchange.probe.replies.length > 0 : exchange.replies.length > 0;
}

/** An exchange: a request's journey and the journeys of what answered it. */
import type { Icmp } from '../wire/packet.ts';
import type { ProbeResult } from './frame.ts';
import { type Journey, startNs } from './journey.ts';

/** A question for a hardware address, and what answered it. */
interface Resolution {
  /** The address the asker speaks from. */
  readonly senderProtocol: string;
  /** The address that is asked for. */
  readonly targetProtocol: string;
  readonly request: Journey;
  readonly replies: readonly Journey[];
}

/** ARP who-has and is-at (RFC 826). */
export interface ArpExchange extends Resolution {
  readonly kind: 'arp';
}

/** Neighbour solicitation and advertisement (RFC 4861). */
export interface NeighbourExchange extends Resolution {
  readonly kind: 'neighbour';
}

export type ResolutionExchange = ArpExchange | NeighbourExchange;

/** Echo request and reply (RFC 792, RFC 4443), with what it waited for and what came back instead. */
export interface EchoExchange {
  readonly kind: 'echo';
  /** The probe's number from 1; of somebody else's echo, the ICMP sequence number. */
  readonly sequence: number;
  readonly source: string;
  readonly destination: string;
  /** Absent when the request was sighted nowhere. */
  readonly request?: Journey;
  /** Further journeys of the request, where it was multiplied on its way: each begins where it came by a second time. */
  readonly copies?: readonly Journey[];
  readonly replies: readonly Journey[];
  /** ICMP errors that quote the request or a reply. */
  readonly errors: readonly Journey[];
  /** The exchanges for hardware addresses that had to be answered before request or reply could go on, in time order. */
  readonly resolutions: readonly ResolutionExchange[];
  /** What the probing socket saw; absent offline and for echoes of others. */
  readonly probe?: ProbeResult;
}

export type Exchange = ResolutionExchange | EchoExchange;

/** A reply answers the latest request it fits, if that is not older than this (nanoseconds). */
const ANSWER_WINDOW_NS = 3_000_000_000n;
const CLOCK_SLACK_NS = 200_000n;

/**
 * Joins journeys into exchanges, the probes' echoes first in order of their numbers, then those for hardware addresses in order of time.
 * @param probes what the socket saw: a probe that was sighted nowhere is an exchange all the same
 */
export function buildExchanges(
  journeys: readonly Journey[],
  source: string,
  destination: string,
  probes: readonly ProbeResult[] = [],
): Exchange[] {
  const asked = resolutions(journeys);
  const echo = echoExchanges(journeys, source, destination, probes).map((exchange) => ({
    ...exchange,
    resolutions: resolutionsOf(exchange, asked),
  }));
  return [...echo, ...asked];
}

function resolutions(journeys: readonly Journey[]): ResolutionExchange[] {
  const exchanges: (ResolutionExchange & { replies: Journey[] })[] = [];
  const asked = new Map<string, (ResolutionExchange & { replies: Journey[] })[]>();
  // All requests first: a reply may be stamped a little earlier than what it answers.
  for (const journey of journeys) {
    const question = questionOf(journey);
    if (!question || question.answers) continue;
    const { kind, senderProtocol, targetProtocol } = question;
    const exchange = { kind, senderProtocol, targetProtocol, request: journey, replies: [] };
    exchanges.push(exchange);
    const key = `${senderProtocol} ${targetProtocol}`;
    asked.set(key, [...(asked.get(key) ?? []), exchange]);
  }
  for (const journey of journeys) {
    const answer = questionOf(journey);
    if (!answer?.answers) continue;
    const at = startNs(journey);
    const request = asked
      .get(`${answer.senderProtocol} ${answer.targetProtocol}`)
      ?.findLast(
        (exchange) =>
          startNs(exchange.request) <= at + CLOCK_SLACK_NS && at - startNs(exchange.request) <= ANSWER_WINDOW_NS,
      );
    request?.replies.push(journey);
  }
  return exchanges;
}

interface Question extends Pick<ResolutionExchange, 'kind' | 'senderProtocol' | 'targetProtocol'> {
  /** It is the answer. */
  readonly answers: boolean;
}

/** Who asks for whom, in a question as in its answer; undefined for what is neither. */
export function questionOf({ kind, sightings }: Journey): Question | undefined {
  const { arp, ip, icmp } = sightings[0]?.packet ?? {};
  switch (kind) {
    case 'arp-request': {
      // A gratuitous announcement (RFC 5227) asks nobody.
      if (!arp || arp.senderProtocol === arp.targetProtocol) return undefined;
      const { senderProtocol, targetProtocol } = arp;
      return { kind: 'arp', senderProtocol, targetProtocol, answers: false };
    }
    case 'arp-reply':
      return (
        arp && {
          kind: 'arp',
          senderProtocol: arp.targetProtocol,
          targetProtocol: arp.senderProtocol,
          answers: true,
        }
      );
    case 'neighbour-solicitation':
      // Without a source it looks for a duplicate (RFC 4862 section 5.4.2), and nobody is to answer.
      if (!ip || icmp?.target === undefined || ip.source === '::') return undefined;
      return { kind: 'neighbour', senderProtocol: ip.source, targetProtocol: icmp.target, answers: false };
    case 'neighbour-advertisement':
      if (!ip || icmp?.target === undefined || ((icmp.neighbourFlags ?? 0) & SOLICITED) === 0) return undefined;
      return { kind: 'neighbour', senderProtocol: ip.destination, targetProtocol: icmp.target, answers: true };
    default:
      return undefined;
  }
}

/** RFC 4861 section 4.4: the advertisement answers a solicitation. */
const SOLICITED = 0x40;

/** The hardware address a question comes from, or an answer names; of an advertisement without the option, its frame's source. */
export function resolvedMac(journey: Journey | undefined): string | undefined {
  const { arp, icmp, ethernet } = journey?.sightings[0]?.packet ?? {};
  return arp?.senderHardware ?? icmp?.linkLayerAddress ?? ethernet?.source;
}

function echoExchanges(
  journeys: readonly Journey[],
  source: string,
  destination: string,
  probes: readonly ProbeResult[],
): EchoExchange[] {
  interface Parts {
    request?: Journey;
    copies?: Journey[];
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
    if (journey.kind === 'echo-request') {
      if (parts.request) parts.copies = [...(parts.copies ?? []), journey];
      else parts.request = journey;
    } else if (journey.kind === 'echo-reply') parts.replies.push(journey);
    else if (journey.kind === 'icmp-error') parts.errors.push(journey);
  }
  return [...bySequence]
    .sort(([a], [b]) => a - b)
    .map(([sequence, parts]) => ({ kind: 'echo', sequence, source, destination, resolutions: [], ...parts }));
}

/** The exchanges for hardware addresses an echo waited for: about its own addresses, or asked by a router after the echo had come to it. */
function resolutionsOf(echo: EchoExchange, asked: readonly ResolutionExchange[]): ResolutionExchange[] {
  const sent = echo.probe?.sentNs ?? (echo.request && startNs(echo.request)) ?? 0n;
  return asked.filter((exchange) => {
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

/**
 * The path: the way the kernel should take for one echo exchange on this topology.
 * An ordered list of legs, each an ordered list of places (where the packet should be sighted)
 * and gates (decisions of the kernel between two places).
 */
import type { Place } from '../trace/frame.ts';
import { type Gate, gateKey } from './gate.ts';

/** A question for a hardware address and its answer: over ARP, or over ICMPv6 (RFC 4861). */
export type AskKind = 'arp-request' | 'neighbour-solicitation';
export type AnswerKind = 'arp-reply' | 'neighbour-advertisement';
/** `icmp-error`: a router's answer to a packet it did not pass on; a way of its own, beside the path. */
export type LegKind = AskKind | AnswerKind | 'echo-request' | 'echo-reply' | 'icmp-error';

export function isAsk(kind: string): kind is AskKind {
  return kind === 'arp-request' || kind === 'neighbour-solicitation';
}

export function isAnswer(kind: string): kind is AnswerKind {
  return kind === 'arp-reply' || kind === 'neighbour-advertisement';
}

export interface Leg {
  readonly kind: LegKind;
  /** Echo: IP source and destination. ARP and neighbour discovery: who asks for whom, in the *request*. */
  readonly source: string;
  readonly destination: string;
  /** ARP and neighbour discovery: the interface that asks. */
  readonly asker?: Place;
  readonly steps: readonly Step[];
}

export type Step =
  /** `outer`: it passes there inside a tunnel's packet to this address. */
  | { readonly kind: 'place'; readonly place: Place; readonly direction: 'in' | 'out'; readonly outer?: string }
  /** The probing socket: the end of an echo reply's way. */
  | { readonly kind: 'socket'; readonly place: Place }
  | { readonly kind: 'gate'; readonly gate: Gate };

export interface Path {
  readonly legs: readonly Leg[];
  /**
   * `delivered`: no gate stops it. `stopped`: one does (the legs go on as far as they would if it did not).
   * `leaves`: it leaves this machine by a device whose other end is not here. `unknown`: a gate could not be decided.
   */
  readonly end: 'delivered' | 'stopped' | 'leaves' | 'unknown';
}

/** One string per step of a way: two frames whose ways share a beginning share these. */
export function stepKey(step: Step): string {
  const direction =
    step.kind === 'place'
      ? step.direction
      : step.kind === 'gate' && 'direction' in step.gate
        ? step.gate.direction
        : '';
  const what = step.kind === 'gate' ? gateKey(step.gate) : `${step.place.netns}/${step.place.name}`;
  const outer = step.kind === 'place' && step.outer !== undefined ? ` to ${step.outer}` : '';
  return `${step.kind} ${what} ${direction}${outer}`;
}

/** Every place of the path once, in the order of first mention: the columns of the ladder. */
export function placesOf(path: Path): Place[] {
  const seen = new Map<string, Place>();
  for (const leg of path.legs)
    for (const step of leg.steps)
      if (step.kind === 'place') {
        const key = `${step.place.netns}/${step.place.name}`;
        if (!seen.has(key)) seen.set(key, step.place);
      }
  return [...seen.values()];
}

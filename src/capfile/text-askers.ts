/**
 * Who an ARP reply was for: tcpdump does not print it. It is taken from the request in the same text that asked for the
 * address, and the frame's comment says so; a reply that nothing explains keeps 0.0.0.0.
 */
import { ArpOperation } from '../wire/arp.ts';
import type { Arp } from '../wire/packet.ts';

/** A reply that comes later than this after its request answers another one. */
const ANSWER_WINDOW_NS = 3_000_000_000n;
/** Of addresses, of askers and of hardware addresses remembered; texts with more are captures of scans. */
const MOST = 4096;

interface Asker {
  readonly address: string;
  askedNs: bigint;
}

/** Of one address, in one capture. */
interface Question {
  readonly waiting: Asker[];
  answered?: string;
}

/** The hosts that ever asked for one address: the first, and the line where it did. */
interface Known {
  readonly address: string;
  readonly line: number;
  alone: boolean;
}

/**
 * What a whole text says of who asked. Requests behind a reply count too, since captures are pasted in any order, but not
 * those of its own capture: what answers before it was asked is an announcement.
 */
export class Askers {
  readonly #byTarget = new Map<string, Known>();
  readonly #byHardware = new Map<string, string>();
  /** Lines between captures, in order. */
  readonly #breaks: number[] = [];

  /** @param hardware source address of the frame, where it was printed */
  learn(arp: Arp, hardware: string | undefined, line: number): void {
    if (!isQuestion(arp)) return;
    const known = this.#byTarget.get(arp.targetProtocol);
    if (known) known.alone &&= known.address === arp.senderProtocol;
    else if (this.#byTarget.size < MOST)
      this.#byTarget.set(arp.targetProtocol, { address: arp.senderProtocol, line, alone: true });
    if (hardware !== undefined && this.#byHardware.size < MOST)
      this.#byHardware.set(`${hardware} ${arp.targetProtocol}`, arp.senderProtocol);
  }

  /** A line that is no packet's, seen before the lines above it are asked about. */
  breakAt(line: number): void {
    this.#breaks.push(line);
  }

  /** Who asked for an address, by the destination of the reply's frame. */
  ofHardware(hardware: string | undefined, address: string): string | undefined {
    return hardware === undefined ? undefined : this.#byHardware.get(`${hardware} ${address}`);
  }

  /** The one host that ever asked for an address, for the reply on a line. */
  onlyOneFor(address: string, line: number): string | undefined {
    const known = this.#byTarget.get(address);
    if (known?.alone !== true) return undefined;
    return known.line < line || this.#breakBetween(line, known.line) ? known.address : undefined;
  }

  #breakBetween(from: number, to: number): boolean {
    let low = 0;
    let high = this.#breaks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#breaks[middle] ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    return (this.#breaks[low] ?? to) < to;
  }
}

/** The questions of one capture, in order. */
export class Questions {
  readonly #askers: Askers;
  readonly #open = new Map<string, Question>();

  constructor(askers: Askers) {
    this.#askers = askers;
  }

  /**
   * Takes a request, or finds the target of a reply that has none. Call it for every ARP packet, in order.
   * @param hardware destination address of the frame, where it was printed
   */
  targetOf(arp: Arp, hardware: string | undefined, timeNs: bigint, line: number): string | undefined {
    if (isQuestion(arp)) this.#ask(arp, timeNs);
    if (arp.operation !== ArpOperation.reply) return undefined;
    const question = this.#open.get(arp.senderProtocol);
    const waiting = this.#answer(question, timeNs);
    return (
      this.#askers.ofHardware(hardware, arp.senderProtocol) ??
      waiting ??
      question?.answered ??
      this.#askers.onlyOneFor(arp.senderProtocol, line)
    );
  }

  #ask({ targetProtocol, senderProtocol }: Arp, timeNs: bigint): void {
    const question = this.#open.get(targetProtocol) ?? { waiting: [] };
    const known = question.waiting.find(({ address }) => address === senderProtocol);
    if (known) known.askedNs = timeNs;
    else if (question.waiting.length < MOST) question.waiting.push({ address: senderProtocol, askedNs: timeNs });
    if (this.#open.size < MOST) this.#open.set(targetProtocol, question);
  }

  /** The first who still waits: answers come in the order of questions, nearly always. */
  #answer(question: Question | undefined, timeNs: bigint): string | undefined {
    if (question === undefined) return undefined;
    while (question.waiting.length > 0) {
      const first = question.waiting.shift();
      if (first === undefined || timeNs - first.askedNs > ANSWER_WINDOW_NS) continue;
      question.answered = first.address;
      return first.address;
    }
    return undefined;
  }
}

/** A probe or an announcement (RFC 5227) asks for nobody's sake. */
function isQuestion({ operation, senderProtocol, targetProtocol }: Arp): boolean {
  return operation === ArpOperation.request && senderProtocol !== targetProtocol && senderProtocol !== '0.0.0.0';
}

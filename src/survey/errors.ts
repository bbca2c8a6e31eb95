/** The ICMP errors of a survey: those alike are counted together, and each is kept for the echo request it quotes. */
import type { AddressTable } from './addresses.ts';
import type { FlowTable } from './flows.ts';
import type { Glance } from './glance.ts';
import { Family } from './kind.ts';
import { isRedirect, quotedIn } from './quoted.ts';
import { QuoteTable } from './quotes.ts';

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

const MOST_ERRORS = 4096;

export class ErrorTable {
  readonly all = new Map<string, IcmpError>();
  readonly #addresses: AddressTable;
  readonly #flows: FlowTable;
  readonly #quotes = new QuoteTable();

  constructor(addresses: AddressTable, flows: FlowTable) {
    this.#addresses = addresses;
    this.#flows = flows;
  }

  /** Takes the first sighting, at `ns`, of the error that `glance` has been given. */
  add(view: DataView, end: number, glance: Glance, from: number, place: number, frame: number, ns: number): void {
    const { messageAt, addressLength } = glance;
    const quoted = quotedIn(view, end, glance);
    if (quoted === undefined) return;
    const version = addressLength === 4 ? 4 : 6;
    const type = view.getUint8(messageAt);
    const code = view.getUint8(messageAt + 1);
    const source = this.#addresses.intern(view, quoted.sourceAt, addressLength);
    const target = this.#addresses.intern(view, quoted.targetAt, addressLength);
    const key = `${from} ${source} ${target} ${type} ${code}`;
    let error = this.all.get(key);
    if (error === undefined) {
      if (this.all.size >= MOST_ERRORS) return;
      const mtu = nextHopMtu(view, messageAt, version, type, code);
      error = { from, source, target, version, type, code, mtu, packets: 0, frame, place };
      this.all.set(key, error);
    }
    error.packets++;
    if (quoted.echo === undefined || isRedirect(version, type)) return;
    this.#quotes.add(this.#flows.find(source, target, Family.echo), quoted.echo, error, ns);
  }

  /** The error that came for an echo request made at `ns`, and is nobody else's. Requests are asked about in order of time. */
  take(flow: number, echo: number, ns: number): IcmpError | undefined {
    return this.#quotes.take(flow, echo, ns);
  }
}

/** Of "fragmentation needed" (RFC 1191) and "packet too big" (RFC 4443 section 3.2); 0 of others. */
function nextHopMtu(view: DataView, messageAt: number, version: 4 | 6, type: number, code: number): number {
  if (version === 6) return type === 2 ? view.getUint32(messageAt + 4) : 0;
  return type === 3 && code === 4 ? view.getUint16(messageAt + 6) : 0;
}

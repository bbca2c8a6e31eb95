/** Who says of itself to own an address: ARP senders and neighbour advertisements. */

/** A hardware address as one number: 48 bits. */
export type Mac = number;

export interface Claimant {
  readonly mac: Mac;
  packets: number;
  /** Number of the first frame, and where it was sighted. */
  readonly frame: number;
  readonly place: number;
}

/** An address that several say to own. */
export interface Contest {
  readonly address: number;
  readonly claimants: Claimant[];
  /** How often the claim went over from one to another: once is a move, again and again are two owners. */
  changes: number;
  /** Probes for the address (duplicate address detection) that another owner answered. */
  conflicts: number;
}

/** A sender that writes another hardware address into the message than into the frame. */
export interface Mismatch {
  readonly address: number;
  readonly claimed: Mac;
  readonly ethernet: Mac;
  packets: number;
  readonly frame: number;
  readonly place: number;
}

/** A probe is answered within this time, nanoseconds (RFC 5227 section 1.1, PROBE_MAX and ANNOUNCE_WAIT). */
const PROBE_NS = 3e9;
const MOST_PROBES = 1024;
const MOST_CONTESTS = 1024;
const MOST_CLAIMANTS = 8;
const MOST_MISMATCHES = 256;

export class ClaimTable {
  readonly contests = new Map<number, Contest>();
  readonly mismatches = new Map<string, Mismatch>();
  /** Who wants an address that it does not use yet, and since when. */
  readonly #probes = new Map<
    number,
    { readonly mac: Mac; readonly ns: number; readonly frame: number; readonly place: number }
  >();
  /** By address: who claimed it first, last, and how many packets and which frame the first one spoke in. */
  #owner = new Float64Array(1024);
  #last = new Float64Array(1024);
  #packets = new Float64Array(1024);
  #frame = new Float64Array(1024);
  #place = new Uint16Array(1024);

  /** Somebody asks whether the address is free (RFC 5227, RFC 4862 section 5.4). */
  probe(address: number, mac: Mac, ns: number, frame: number, place: number): void {
    if (this.#probes.size >= MOST_PROBES) this.#probes.clear();
    this.#probes.set(address, { mac, ns, frame, place });
  }

  /**
   * @param ethernet source of the frame; NaN where it has no Ethernet header
   * @param answer it was asked for
   */
  add(address: number, mac: Mac, ethernet: Mac, frame: number, place: number, ns: number, answer: boolean): void {
    if (this.#probes.size > 0 && answer) this.#answerProbe(address, mac, frame, place, ns);
    if (address >= this.#owner.length) this.#grow(address);
    if (ethernet !== mac && !Number.isNaN(ethernet)) this.#mismatch(address, mac, ethernet, frame, place);
    const owner = this.#owner[address] ?? 0;
    if (owner === mac) this.#packets[address] = (this.#packets[address] ?? 0) + 1;
    else if (owner === 0) {
      this.#owner[address] = mac;
      this.#packets[address] = 1;
      this.#frame[address] = frame;
      this.#place[address] = place;
    } else this.#contest(address, mac, frame, place);
    const last = this.#last[address] ?? 0;
    if (last !== mac) {
      if (last !== 0) {
        const contest = this.contests.get(address);
        if (contest) contest.changes++;
      }
      this.#last[address] = mac;
    }
  }

  /** The only one who says to own the address, or undefined. */
  owner(address: number): Mac | undefined {
    return this.contests.has(address) ? undefined : this.#owner[address] || undefined;
  }

  /** Packets of all claimants, the first owner's among them. */
  finish(): void {
    for (const { address, claimants } of this.contests.values()) {
      const [first] = claimants;
      if (first) first.packets = this.#packets[address] ?? 0;
    }
  }

  #contest(address: number, mac: Mac, frame: number, place: number): void {
    let contest = this.contests.get(address);
    if (contest === undefined) {
      if (this.contests.size >= MOST_CONTESTS) return;
      const first = {
        mac: this.#owner[address] ?? 0,
        packets: 0,
        frame: this.#frame[address] ?? 0,
        place: this.#place[address] ?? 0,
      };
      contest = { address, claimants: [first], changes: 0, conflicts: 0 };
      this.contests.set(address, contest);
    }
    const known = contest.claimants.find((claimant) => claimant.mac === mac);
    if (known) known.packets++;
    else if (contest.claimants.length < MOST_CLAIMANTS) contest.claimants.push({ mac, packets: 1, frame, place });
  }

  #answerProbe(address: number, mac: Mac, frame: number, place: number, ns: number): void {
    const probe = this.#probes.get(address);
    if (probe === undefined || probe.mac === mac || ns - probe.ns > PROBE_NS) return;
    this.#probes.delete(address);
    if (address >= this.#owner.length) this.#grow(address);
    if (this.#owner[address] === 0) {
      this.#owner[address] = mac;
      this.#frame[address] = frame;
      this.#place[address] = place;
    }
    this.#contest(address, probe.mac, probe.frame, probe.place);
    const contest = this.contests.get(address);
    if (contest) contest.conflicts++;
  }

  #mismatch(address: number, claimed: Mac, ethernet: Mac, frame: number, place: number): void {
    const key = `${address} ${claimed} ${ethernet}`;
    const known = this.mismatches.get(key);
    if (known) known.packets++;
    else if (this.mismatches.size < MOST_MISMATCHES)
      this.mismatches.set(key, { address, claimed, ethernet, packets: 1, frame, place });
  }

  #grow(address: number): void {
    const capacity = 2 ** Math.ceil(Math.log2(address + 1));
    const grow = (from: Float64Array) => {
      const to = new Float64Array(capacity);
      to.set(from);
      return to;
    };
    this.#owner = grow(this.#owner);
    this.#last = grow(this.#last);
    this.#packets = grow(this.#packets);
    this.#frame = grow(this.#frame);
    const place = new Uint16Array(capacity);
    place.set(this.#place);
    this.#place = place;
  }
}

/** The hardware address at `at`. */
export function macAt(view: DataView, at: number): Mac {
  return view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2);
}

export function macText(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?=.)/g, '$1:');
}

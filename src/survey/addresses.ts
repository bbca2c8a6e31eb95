/** The addresses of a survey, as small numbers: each is kept once, however many packets carry it. */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../wire/text.ts';

/** Words of an address; an IPv4 address is kept as the IPv4-mapped one (RFC 4291 section 2.5.5.2). */
const WORDS = 4;
const MAPPED = 0xffff;
const FIRST_CAPACITY = 1 << 10;
/** Addresses beyond these share number 0. */
const MOST_ADDRESSES = 1 << 18;

export class AddressTable {
  /** How many there are, number 0 (all that no longer have one of their own) among them. */
  size = 1;
  #words = new Uint32Array(FIRST_CAPACITY * WORDS);
  #slots = new Int32Array(FIRST_CAPACITY * 2);

  /** The number of the address at `at`, `length` bytes (4 or 16). */
  intern(view: DataView, at: number, length: number): number {
    return length === 4
      ? this.#find(0, 0, MAPPED, view.getUint32(at))
      : this.#find(view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12));
  }

  /** The number of an address in text; undefined for one that is none. */
  internText(text: string): number | undefined {
    const bytes = parseIpv4(text) ?? parseIpv6(text);
    return bytes && this.intern(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }

  isV4(id: number): boolean {
    const at = id * WORDS;
    return this.#words[at] === 0 && this.#words[at + 1] === 0 && this.#words[at + 2] === MAPPED;
  }

  /** 0.0.0.0, :: or the shared number. */
  isUnspecified(id: number): boolean {
    return id === 0 || (this.#words[id * WORDS + 3] === 0 && (this.isV4(id) || this.#words[id * WORDS] === 0));
  }

  text(id: number): string {
    if (id === 0) return 'other addresses';
    const bytes = new DataView(new ArrayBuffer(16));
    for (let word = 0; word < WORDS; word++) bytes.setUint32(word * 4, this.#words[id * WORDS + word] ?? 0);
    const whole = new Uint8Array(bytes.buffer);
    return this.isV4(id) ? formatIpv4(whole, 12) : formatIpv6(whole, 0);
  }

  #find(a: number, b: number, c: number, d: number): number {
    const words = this.#words;
    const mask = this.#slots.length - 1;
    let hash = Math.imul(
      d ^ Math.imul(c, 0x27d4eb2f) ^ Math.imul(b ^ Math.imul(a, 0x165667b1), 0x9e3779b1),
      0x85ebca6b,
    );
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot] ?? 0;
      if (id === 0) return this.#add(slot, a, b, c, d);
      const at = id * WORDS;
      if (words[at + 3] === d && words[at + 2] === c && words[at + 1] === b && words[at] === a) return id;
    }
  }

  #add(slot: number, a: number, b: number, c: number, d: number): number {
    if (this.size >= MOST_ADDRESSES) return 0;
    const id = this.size++;
    this.#words.set([a, b, c, d], id * WORDS);
    this.#slots[slot] = id;
    if (this.size * WORDS >= this.#words.length) this.#grow();
    return id;
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Int32Array(this.#slots.length * 2);
    const size = this.size;
    this.size = 1;
    // Finding them again, in order, gives each the number it had.
    for (let id = 1, at = WORDS; id < size; id++, at += WORDS)
      this.#find(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0);
  }
}

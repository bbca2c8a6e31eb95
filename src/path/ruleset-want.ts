/** What a rule wants a field to be, prepared once: words, numbers, prefixes, ranges, sets of thousands of elements. */
import { type IpAddress, parseAddress, parsePrefix } from '../topology/address.ts';
import { every, type FilterPacket, type Truth } from './ruleset.ts';

/** True, false or not known of one value. */
export type Want = (value: string) => Truth;

/** Named sets by their name; undefined where there is none that can be read. */
export type Sets = (name: string) => NamedSet | undefined;

export interface NamedSet {
  readonly elements: readonly unknown[];
  /** Packets add to it: what is not in it may be by now. */
  readonly dynamic: boolean;
  /** Made when the first rule asks for it. */
  readonly prepared: { want?: Want; tuple?: WantTuple };
}

/** Addresses that were read already: a packet has few, and a ruleset asks for them thousands of times. */
export type AddressBook = Map<string, IpAddress | undefined>;

export interface Reading {
  readonly sets: Sets;
  /** Queues that programs listen to; absent: not known. */
  readonly listening?: ReadonlySet<number>;
  readonly addresses: AddressBook;
}

function addressIn(book: AddressBook, text: string): IpAddress | undefined {
  if (book.has(text)) return book.get(text);
  const parsed = parseAddress(text);
  // Only of packets, which are few: what rules ask for is read once anyway.
  if (book.size < 256) book.set(text, parsed);
  return parsed;
}

/** Names that nft has for codes of ICMP and ICMPv6 which no packet that is followed has. */
const OTHER_CODES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...['host-unreachable', 'prot-unreachable', 'port-unreachable', 'net-prohibited', 'host-prohibited'],
    ...['admin-prohibited', 'addr-unreachable', 'policy-fail', 'reject-route'],
  ].map((name) => [name, 'another']),
);

/** Numbers that stand for words. */
const NUMBERS: readonly (readonly [RegExp, Readonly<Record<string, string>>])[] = [
  [/^(ip|arp|ip6)$/, { '2048': 'ip', '2054': 'arp', '34525': 'ip6', '0x0800': 'ip', '0x0806': 'arp', '0x86dd': 'ip6' }],
  [/^ipv6-icmp$/, { '58': 'ipv6-icmp', icmpv6: 'ipv6-icmp' }],
  [/^ipv[46]$/, { '2': 'ipv4', '10': 'ipv6' }],
  [/^nd-/, { '135': 'nd-neighbor-solicit', '136': 'nd-neighbor-advert' }],
  [/^icmp$/, { '1': 'icmp' }],
  [/^udp$/, { '17': 'udp' }],
  [/^echo-/, { '8': 'echo-request', '0': 'echo-reply', '128': 'echo-request', '129': 'echo-reply' }],
  [/^(request|reply)$/, { '1': 'request', '2': 'reply' }],
  [/^(host|broadcast|multicast|other)$/, { unicast: 'host' }],
  [/^destination-unreachable$/, { '3': 'destination-unreachable' }],
  [/^packet-too-big$/, { '2': 'packet-too-big' }],
  [/^4$/, { ...OTHER_CODES, 'frag-needed': '4' }],
  [/^0$/, { ...OTHER_CODES, 'net-unreachable': '0', 'no-route': '0', root: '0' }],
  // No interface.
  [/^$/, { '0': '' }],
  [/^cs0$/, { '0': 'cs0', '0x00': 'cs0', df: 'cs0', be: 'cs0' }],
];

/** Is the field this word? Understands `eth*` and the words' numbers; letter case counts for names alone. */
function equalsWord(value: string, wanted: string): Truth {
  const numbers = NUMBERS.find(([pattern]) => pattern.test(value))?.[1];
  const word = numbers && Object.hasOwn(numbers, wanted) ? numbers[wanted] : wanted;
  if (value === word) return true;
  if (wanted.endsWith('*') && !wanted.endsWith('\\*')) return value.startsWith(wanted.slice(0, -1));
  if (isNumber(value)) {
    if (isNumber(wanted)) return Number(value) === Number(wanted);
    // A name that a table of this machine has for a number: it may be this one.
    if (/^[a-z][\w-]*$/i.test(wanted) && word === wanted) return undefined;
  }
  return /^[0-9a-f:]{17}$/i.test(value) ? value.toLowerCase() === wanted.toLowerCase() : false;
}

const isNumber = (text: string) => /^(\d{1,15}|0x[0-9a-f]{1,12})$/i.test(text);

/** A word, a number, an address or a prefix, as text. */
export function wantText({ addresses }: Reading, wanted: string): Want {
  const prefix = /[.:]/.test(wanted) ? parsePrefix(wanted) : undefined;
  if (prefix) {
    const bits = BigInt((prefix.family === 4 ? 32 : 128) - prefix.length);
    const network = prefix.value >> bits;
    return (value) => {
      if (value === wanted) return true;
      const at = addressIn(addresses, value);
      return at ? at.family === prefix.family && at.value >> bits === network : equalsWord(value, wanted);
    };
  }
  // A mask with holes.
  const masked = /^([0-9a-f.:]+)\/([0-9a-f.:]+)$/i.exec(wanted)?.slice(1).map(parseAddress);
  if (masked) {
    const [network, mask] = masked;
    if (!network || network.family !== mask?.family) return () => undefined;
    return (value) => {
      const at = addressIn(addresses, value);
      return at && (at.family === network.family ? (at.value & mask.value) === network.value : false);
    };
  }
  return (value) => equalsWord(value, wanted);
}

/** Between two others, both included: addresses, or numbers. Not known of anything else. */
export function wantRange({ addresses }: Reading, from: string, to: string): Want {
  const [low, high] = [parseAddress(from), parseAddress(to)];
  if (low && high)
    return (value) => {
      const at = addressIn(addresses, value);
      return at && (at.family === low.family ? low.value <= at.value && at.value <= high.value : false);
    };
  if (isNumber(from) && isNumber(to))
    return (value) => (isNumber(value) ? Number(from) <= Number(value) && Number(value) <= Number(to) : undefined);
  return () => undefined;
}

/** Any of several. Words that are the same are found without asking each. */
export function wantAny(wants: readonly Want[], words: ReadonlySet<string>): Want {
  return (value) => {
    if (words.has(value)) return true;
    let unknown = false;
    for (const want of wants) {
      const truth = want(value);
      if (truth) return true;
      unknown ||= truth === undefined;
    }
    return unknown ? undefined : false;
  };
}

/** The right side of a `match` of libnftables-json(5). */
export function wantJson(reading: Reading, wanted: unknown): Want {
  if (typeof wanted === 'string' && wanted.startsWith('@')) return wantNamed(reading, wanted.slice(1));
  if (typeof wanted === 'string' || typeof wanted === 'number') return wantText(reading, String(wanted));
  const list = Array.isArray(wanted) ? wanted : member(wanted, 'set');
  if (Array.isArray(list)) return wantList(reading, list);
  // A set of one element may be written without brackets.
  if (list !== undefined) return wantJson(reading, list);
  const prefix = member(wanted, 'prefix');
  if (prefix !== undefined)
    return wantText(reading, `${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`);
  const range = member(wanted, 'range');
  if (Array.isArray(range)) return wantRange(reading, String(range[0]), String(range[1]));
  const element = member(wanted, 'elem');
  return element === undefined ? () => undefined : wantJson(reading, member(element, 'val'));
}

function wantList(reading: Reading, list: readonly unknown[]): Want {
  const words = new Set<string>();
  const wants: Want[] = [];
  for (const item of list) {
    const plain = bareElement(item);
    if (typeof plain === 'string' && !plain.startsWith('@')) {
      words.add(plain);
      // An address alone is one of the words: of thousands only the odd ones are asked.
      if (parseAddress(plain)) continue;
    }
    wants.push(wantJson(reading, plain));
  }
  return wantAny(wants, words);
}

/** An element without its timeout and counter. */
export function bareElement(item: unknown): unknown {
  const element = member(item, 'elem');
  return element === undefined ? item : member(element, 'val');
}

function wantNamed(reading: Reading, name: string): Want {
  const set = reading.sets(name);
  if (!set) return () => undefined;
  set.prepared.want ??= wantList(reading, set.elements);
  const { want } = set.prepared;
  return (value) => want(value) || (set.dynamic ? undefined : want(value));
}

/** Several fields at once: each part of an element is wanted of its own field. */
export type WantTuple = (values: readonly string[]) => Truth;

export function wantTuple(reading: Reading, wanted: unknown): WantTuple {
  if (typeof wanted === 'string' && wanted.startsWith('@')) {
    const set = reading.sets(wanted.slice(1));
    if (!set) return () => undefined;
    set.prepared.tuple ??= anyTuple(reading, set.elements);
    const { tuple: want } = set.prepared;
    return (values) => want(values) || (set.dynamic ? undefined : want(values));
  }
  const list = Array.isArray(wanted) ? wanted : member(wanted, 'set');
  if (Array.isArray(list)) return anyTuple(reading, list);
  return oneTuple(reading, bareElement(wanted));
}

function anyTuple(reading: Reading, list: readonly unknown[]): WantTuple {
  const tuples = list.map((item) => oneTuple(reading, bareElement(item)));
  return (values) => {
    let unknown = false;
    for (const tuple of tuples) {
      const truth = tuple(values);
      if (truth) return true;
      unknown ||= truth === undefined;
    }
    return unknown ? undefined : false;
  };
}

function oneTuple(reading: Reading, item: unknown): WantTuple {
  const parts = member(item, 'concat');
  if (!Array.isArray(parts)) return () => undefined;
  const wants = parts.map((part) => wantJson(reading, part));
  return (values) =>
    values.length === wants.length ? every(values.map((value, index) => wants[index]?.(value))) : undefined;
}

/** Is it between two others, both included? Asked once: what asks often prepares it. */
export function between(value: string, from: string, to: string): Truth {
  return wantRange({ sets: () => undefined, addresses: new Map() }, from, to)(value);
}

/** A test of a packet. */
export type Test = (packet: FilterPacket) => Truth;

export function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

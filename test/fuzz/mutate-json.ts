/** JSON made wrong at its joints: values of other types and sizes, members gone, doubled, renamed and moved elsewhere. */
import type { Random } from './random.ts';

const TEXTS = [
  '',
  ' ',
  '0',
  '-1',
  'lo',
  'eth0',
  'br0',
  '10.0.0.1',
  '10.0.0.1/0',
  '10.0.0.0/33',
  '0.0.0.0',
  '255.255.255.255',
  '::',
  'fe80::1%eth0',
  'ff02::1',
  '1.2.3.4.5',
  '02:00:00:00:00:01',
  'ff:ff:ff:ff:ff:ff',
  'default',
  'all',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\u001b[31mred',
  '\u0000',
  'a\nb\r\t"\'`$(id)',
  '\ud800',
  '\u202e',
  '<script>alert(1)</script>',
  '9'.repeat(400),
  'x'.repeat(5000),
  '(((((((((((a+)+)+)+)+)+)+)+)+)+)+)',
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  32,
  33,
  128,
  129,
  255,
  256,
  65535,
  65536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e308,
  -1e308,
];
/** So deep a list is read by JSON.parse, and walked by nobody in vain. */
const DEEP = 2000;

/** A copy with one to a few changes. */
export function mutatedJson(random: Random, value: unknown): unknown {
  const root = { value: structuredClone(value) };
  for (let left = 1 + random.below(random.once(4) ? 12 : 3); left > 0; left--) change(random, root);
  return root.value;
}

type Holder = unknown[] | Record<string, unknown>;

function isHolder(value: unknown): value is Holder {
  return typeof value === 'object' && value !== null;
}

function change(random: Random, root: { value: unknown }): void {
  const { holder, key } = somewhere(random, root);
  const value = memberOf(holder, key);
  switch (random.below(10)) {
    case 0:
      remove(holder, key);
      return;
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 0, structuredClone(value));
      else setMember(holder, random.of(TEXTS), structuredClone(value));
      return;
    case 2:
      setMember(holder, key, [value]);
      return;
    case 3: {
      const other = somewhere(random, root);
      const moved = memberOf(other.holder, other.key);
      // A copy of what holds it would hold itself.
      if (sizeOf(moved) < 20_000) setMember(holder, key, structuredClone(moved));
      return;
    }
    case 4:
      // Sizes multiply: a long list of long lists has no end.
      if (Array.isArray(value) && value.length > 0 && value.length < 100 && sizeOf(value) / value.length < 1000)
        setMember(
          holder,
          key,
          Array.from({ length: 300 }, (_, index) => value[index % value.length]),
        );
      else setMember(holder, key, random.once(20) ? deep() : {});
      return;
    default:
      setMember(holder, key, another(random, value));
  }
}

/** Of the same type more often than not: a reader that checks types is passed by it. */
function another(random: Random, value: unknown): unknown {
  if (typeof value === 'number' && !random.once(4))
    return random.once(2) ? random.of(NUMBERS) : value + random.below(5) - 2;
  if (typeof value === 'boolean' && !random.once(4)) return !value;
  if (typeof value === 'string' && !random.once(4))
    return random.once(2) ? random.of(TEXTS) : editedText(random, value);
  return random.of<unknown>([null, true, false, [], {}, random.of(NUMBERS), random.of(TEXTS)]);
}

function editedText(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.of(TEXTS).slice(0, 40) + text.slice(at + random.below(4));
}

function somewhere(random: Random, root: { value: unknown }): { holder: Holder; key: string } {
  let holder: Holder = root;
  let key = 'value';
  for (;;) {
    const value = memberOf(holder, key);
    if (!isHolder(value) || (random.once(8) && holder !== root)) return { holder, key };
    const keys = Object.keys(value);
    if (keys.length === 0) return { holder, key };
    holder = value;
    key = random.of(keys);
  }
}

function memberOf(holder: Holder, key: string): unknown {
  return Array.isArray(holder) ? holder[Number(key)] : holder[key];
}

/** As JSON.parse does: a member of any name, `__proto__` among them, is the object's own. */
function setMember(holder: Holder, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

function remove(holder: Holder, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}

function deep(): unknown {
  let value: unknown = [];
  for (let depth = 0; depth < DEEP; depth++) value = [value];
  return value;
}

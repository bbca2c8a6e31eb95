/**
 * Names that the kernel keeps as bytes (interfaces, namespaces, aliases), as text and back. They are UTF-8 as a rule, and need
 * not be: a byte that belongs to no character becomes a lone surrogate, U+DC80 for 0x80 to U+DCFF for 0xff, so that two names
 * are never taken for one and every name has its bytes back. The same is done by Python (PEP 383).
 */

const FIRST_SURROGATE = 0xdc00;
/** Where a byte that is no character cannot be told, as in the arguments Node gets. */
const REPLACEMENT = '\ufffd';
const MOST_MENDED = 1 << 23;
const STRAY = /[\udc80-\udcff]/u;

/** Never fails, and takes nothing for anything else: a byte order mark is kept. */
export function nameText(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte < 0x80))
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return mended(bytes);
  }
}

/** The bytes of a name that `nameText` has read; any other text as UTF-8. */
export function nameBytes(name: string): Uint8Array {
  const encoder = new TextEncoder();
  if (!STRAY.test(name)) return encoder.encode(name);
  return Uint8Array.from(
    Array.from(name).flatMap((character) => {
      return STRAY.test(character) ? character.charCodeAt(0) - FIRST_SURROGATE : [...encoder.encode(character)];
    }),
  );
}

/**
 * The name that is meant by an argument of this program: itself, or the only one that differs by bytes that are no characters,
 * which Node has replaced.
 */
export function meantName(given: string, names: readonly string[]): string | undefined {
  if (names.includes(given)) return given;
  if (!given.includes(REPLACEMENT)) return undefined;
  const shown = (name: string): string =>
    Array.from(name, (character) => (STRAY.test(character) ? REPLACEMENT : character)).join('');
  const alike = names.filter((name) => shown(name) === given);
  return alike.length === 1 ? alike[0] : undefined;
}

/** Text of a program, in which names may stand: beyond a length that no listing of names has, bytes that are none are lost. */
export function printedText(bytes: Uint8Array): string {
  return bytes.length > MOST_MENDED ? new TextDecoder().decode(bytes) : nameText(bytes);
}

/** Runs of characters, and between them one byte after the other. */
function mended(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(decoder.decode(bytes.subarray(from, at)), String.fromCharCode(FIRST_SURROGATE + (bytes[at] ?? 0)));
    from = ++at;
  }
  parts.push(decoder.decode(bytes.subarray(from)));
  return parts.join('');
}

/** Bytes of the character that begins there; 0 where none does (RFC 3629, section 4). */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  // Overlong forms, surrogates and what lies beyond Unicode are told by the second byte.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let next = 1; next < length; next++) {
    const byte = bytes[at + next] ?? 0;
    if (byte < (next === 1 ? least : 0x80) || byte > (next === 1 ? most : 0xbf)) return 0;
  }
  return length;
}

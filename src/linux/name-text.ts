/**
 * Names that the kernel keeps as bytes (interfaces, namespaces, aliases), as text and back. They are UTF-8 as a rule, and need
 * not be: a byte that belongs to no character becomes a lone surrogate, U+DC80 for 0x80 to U+DCFF for 0xff, so that two names
 * are never taken for one and every name has its bytes back. The same is done by Python (PEP 383).
 */

const FIRST_SURROGATE = 0xdc00;
/** Where a byte that is no character cannot be told, as in the arguments Node gets. */
const REPLACEMENT = '\ufffd';
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

/** Character by character: the longest beginning that is one, or else one byte. */
function mended(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes[at] ?? 0);
    try {
      text += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(FIRST_SURROGATE + (bytes[at] ?? 0));
      at++;
    }
  }
  return text;
}

/** Of UTF-8, by its first byte (RFC 3629, section 3). */
function characterLength(first: number): number {
  if (first < 0xc0) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** Where all replacements come from: one secret per run, so that the same thing is replaced by the same everywhere. */
import { createHmac, randomBytes } from 'node:crypto';

export interface Secret {
  /** 32 bytes that only the secret and these words decide. */
  digest(words: string): Uint8Array;
}

const SECRET_BYTES = 32;

/** @param bytes the secret itself; absent: a random one, which nobody keeps */
export function createSecret(bytes: Uint8Array = randomBytes(SECRET_BYTES)): Secret {
  return { digest: (words) => createHmac('sha256', bytes).update(words).digest() };
}

/** Remembers the newest answers of a function of a text, up to so many. */
export function remembering<T>(answer: (text: string) => T, most = 65_536): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = answer(text);
    if (known.size >= most) known.clear();
    known.set(text, made);
    return made;
  };
}

/**
 * Reading fields of JSON that another program printed. Every reader has an answer for a field that is missing or of another
 * type: programs of other versions print other fields, and an interface's name or alias may be anything.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every object in an array; nothing when it is no array. */
export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Own fields only: `constructor` and `__proto__` are no fields. */
export function field(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function has(object: JsonObject, key: string): boolean {
  return Object.hasOwn(object, key);
}

export function text(object: JsonObject, key: string): string | undefined {
  const value = field(object, key);
  return typeof value === 'string' ? value : undefined;
}

export function child(object: JsonObject, key: string): JsonObject {
  const value = field(object, key);
  return isObject(value) ? value : {};
}

/** A whole number that JavaScript holds exactly, also when it stands in a string in decimal or as 0x… */
export function integer(object: JsonObject, key: string): number | undefined {
  const value = field(object, key);
  const number = typeof value === 'string' && /^(-?\d{1,16}|0x[0-9a-f]{1,13})$/i.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

/** true, 1 and "on" are set; `otherwise` where the field is missing or is something else. */
export function flag(object: JsonObject, key: string, otherwise: boolean): boolean {
  const value = field(object, key);
  if (value === true || value === 1 || value === 'on') return true;
  if (value === false || value === 0 || value === 'off') return false;
  return otherwise;
}

/** The strings in an array, at most 64. */
export function strings(object: JsonObject, key: string): string[] {
  const value = field(object, key);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string').slice(0, 64) : [];
}

/**
 * The JSON documents in what `ip -j -batch` and `bridge -j` print: one a line, an empty line where there was nothing to show.
 * Undefined when a line cannot be read: then it is not known which command a document answers.
 *
 * iproute2 prints control characters in names as they are, which JSON forbids: they are escaped on a second try.
 */
export function documents(output: string): unknown[] | undefined {
  const found: unknown[] = [];
  for (const line of output.split('\n')) {
    if (line.trim() === '') continue;
    const value = document(line);
    if (value === undefined) return undefined;
    found.push(value);
  }
  return found;
}

/** Beyond this (characters), output that cannot be read is not looked at again: no machine has so many odd names. */
const MOST_MENDED = 1 << 23;

/** One JSON document, whatever its white space; undefined when it cannot be read. */
export function document(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    if (output.length > MOST_MENDED || !/^\s*[[{]/.test(output)) return undefined;
    try {
      return JSON.parse(output.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, escaped));
    } catch {
      return undefined;
    }
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

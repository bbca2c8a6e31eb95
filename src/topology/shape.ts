/** Checking that JSON from a file has the shape it claims: the first field that has not is named in the error. */
import { VdiagError } from '../linux/error.ts';

/** Throws VdiagError `unreadable` when the value at `path` is not what it should be. */
export type Check = (value: unknown, path: string) => void;

/** A check for every field of T, so that no field added to the model is forgotten here. */
export type Checks<T> = { readonly [K in keyof T]-?: Check };

/** Deeper trees (a filter rule's expressions) are refused: what reads them may walk them recursively. */
const maxDepth = 64;

export const text: Check = (value, path) => demand(typeof value === 'string', path, 'a text');
export const truth: Check = (value, path) => demand(typeof value === 'boolean', path, 'true or false');
export const integer: Check = (value, path) => demand(Number.isSafeInteger(value), path, 'a whole number');
export const count: Check = (value, path) =>
  demand(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, path, 'a whole number, 0 or more');
/** 64-bit times, which JSON numbers do not hold exactly. */
export const decimal: Check = (value, path) =>
  demand(typeof value === 'string' && /^\d{1,20}$/.test(value), path, 'a decimal number in a text');

export function oneOf(...allowed: readonly (string | number)[]): Check {
  return (value, path) =>
    demand(
      allowed.some((known) => known === value),
      path,
      allowed.join(' or '),
    );
}

export function optional(check: Check): Check {
  return (value, path) => {
    if (value !== undefined) check(value, path);
  };
}

export function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(path, 'a list');
    for (const [at, item] of value.entries()) check(item, `${path}[${at}]`);
  };
}

/** An object with these fields; fields beyond them are left alone, as a newer version may write them. */
export function shape<T>(checks: Checks<T>): Check {
  return (value, path) => {
    const fields = objectAt(value, path);
    for (const [name, check] of Object.entries<Check>(checks)) check(fields.get(name), path ? `${path}.${name}` : name);
  };
}

/** An object used as a table: any names, every value of one kind. */
export function table(check: Check): Check {
  return (value, path) => {
    for (const [name, item] of objectAt(value, path)) check(item, `${path}[${JSON.stringify(name)}]`);
  };
}

/** Any JSON at all, to a bounded depth. */
export const anything: Check = (value, path) => {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    demand(depth <= maxDepth, path, `no deeper than ${maxDepth} levels`);
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
};

function objectAt(value: unknown, path: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object');
  return new Map(Object.entries(value));
}

function demand(right: boolean, path: string, wanted: string): void {
  if (!right) throw wrong(path, wanted);
}

function wrong(path: string, wanted: string): VdiagError {
  return new VdiagError(
    'unreadable',
    `${path || 'the document'} should be ${wanted}`,
    'a topology is JSON as vdiag wrote it, unchanged',
  );
}

/** A value of a JSON file that must be what it should be: every mismatch is an error that names the field. */
import { VdiagError } from '../linux/error.ts';

export class JsonValue {
  readonly value: unknown;
  /** Where it stands: "probes[2].sentNs". */
  readonly path: string;

  constructor(value: unknown, path = '') {
    this.value = value;
    this.path = path;
  }

  /** Own fields only: `constructor` and `__proto__` are none. */
  field(key: string): JsonValue {
    return new JsonValue(ownField(this.object(), key), this.path === '' ? key : `${this.path}.${key}`);
  }

  /** The field read by `read`, under its name in an object; an empty object where the field is missing. */
  optional<K extends string, V>(key: K, read: (field: JsonValue) => V): { [P in K]?: V } {
    const field = this.field(key);
    const found: { [P in K]?: V } = {};
    if (field.value !== undefined) found[key] = read(field);
    return found;
  }

  object(): object {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) this.fail('an object');
    return this.value;
  }

  items(): JsonValue[] {
    if (!Array.isArray(this.value)) this.fail('a list');
    return this.value.map((item: unknown, index) => new JsonValue(item, `${this.path}[${index}]`));
  }

  text(): string {
    if (typeof this.value !== 'string') this.fail('a text');
    return this.value;
  }

  truth(): boolean {
    if (typeof this.value !== 'boolean') this.fail('true or false');
    return this.value;
  }

  /** One of these texts. */
  word<W extends string>(...words: readonly W[]): W {
    const found = words.find((word) => word === this.value);
    if (found === undefined) this.fail(words.map((word) => `"${word}"`).join(' or '));
    return found;
  }

  /** A whole number, 0 or more, that JavaScript holds exactly. */
  count(): number {
    if (typeof this.value !== 'number' || !Number.isSafeInteger(this.value) || this.value < 0)
      this.fail('a whole number');
    return this.value;
  }

  /** A decimal number in a string: 64 bits do not fit a JSON number. */
  bigint(): bigint {
    if (typeof this.value !== 'string' || !/^-?\d{1,20}$/.test(this.value)) this.fail('a decimal number in quotes');
    return BigInt(this.value);
  }

  /** @throws VdiagError unreadable, always */
  fail(wanted: string): never {
    const where = this.path === '' ? 'the document' : this.path;
    throw new VdiagError(
      'unreadable',
      `${where} is ${this.value === undefined ? 'missing' : `not ${wanted}`}`,
      'give the file as vdiag wrote it',
    );
  }
}

function ownField(object: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}

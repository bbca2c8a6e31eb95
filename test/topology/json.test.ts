import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { document, documents, field, flag, integer, strings, text } from '../../src/topology/json.ts';

describe('documents of a batch', () => {
  it('are one a line', () => {
    expect(documents('[{"a":1}]\n\n[]\n')).toEqual([[{ a: 1 }], []]);
    expect(documents('')).toEqual([]);
  });

  it('are none at all when one cannot be read', () => {
    expect(documents('[]\nRTNETLINK answers: Operation not permitted\n')).toBeUndefined();
    expect(documents('[{"a":1}\n')).toBeUndefined();
  });

  it('may hold names with control characters, printed as they are', () => {
    expect(documents('[{"ifname":"a\x1b[31m\x01"}]\n')).toEqual([[{ ifname: 'a\x1b[31m\x01' }]]);
  });

  it('are read from any text without throwing', () => {
    fc.assert(fc.property(fc.string(), (output) => void [documents(output), document(output)]));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(document(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('fields', () => {
  it('are own ones of the right type only', () => {
    const object = { n: 7, s: '12', h: '0x1F', big: 2 ** 60, half: 1.5, list: ['a', 1, 'b'] };
    expect(['n', 's', 'h', 'big', 'half', 'list', 'none'].map((key) => integer(object, key))).toEqual([
      ...[7, 12, 31],
      ...[undefined, undefined, undefined, undefined],
    ]);
    expect(text(object, 'n')).toBeUndefined();
    expect(strings(object, 'list')).toEqual(['a', 'b']);
    expect(field(object, 'constructor')).toBeUndefined();
    expect(field(object, '__proto__')).toBeUndefined();
  });

  it('that switch are on, off, or as they are without the field', () => {
    const object = { a: true, b: 1, c: 'on', d: false, e: 0, f: 'off', g: 2, h: null };
    const read = (otherwise: boolean) => [...'abcdefghi'].map((key) => Number(flag(object, key, otherwise))).join('');
    expect(read(true)).toBe('111000111');
    expect(read(false)).toBe('111000000');
  });
});

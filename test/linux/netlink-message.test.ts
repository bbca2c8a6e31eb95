import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attribute,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  errorOf,
  joined,
  nest,
  numberAttribute,
  numberIn,
  textAttribute,
  textIn,
} from '../../src/linux/netlink-message.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

describe('netlink messages', () => {
  it('are read as they were written, several in one datagram', () => {
    const message = fc.record({
      type: fc.nat(0xffff),
      flags: fc.nat(0xffff),
      sequence: fc.nat(0xffffffff),
      payload: bytes,
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        expect(decodeMessages(joined(messages.map(encodeMessage)))).toEqual(messages);
      }),
    );
  });

  it('are never read beyond their end, whatever the bytes say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (any) => {
        for (const message of decodeMessages(any)) {
          errorOf(message);
          for (const value of decodeAttributes(message.payload).values()) {
            numberIn(value);
            textIn(value);
          }
        }
        decodeAttributes(any);
      }),
    );
  });

  it('stop at a length that does not fit', () => {
    const good = encodeMessage({ type: 3, flags: 0, sequence: 1, payload: Uint8Array.of(1) });
    const long = encodeMessage({ type: 4, flags: 0, sequence: 2, payload: Uint8Array.of(2) });
    new DataView(long.buffer).setUint32(0, 4096, true);
    expect(decodeMessages(joined([good, long])).map(({ type }) => type)).toEqual([3]);
    const cut = attribute(7, Uint8Array.of(1, 2, 3, 4)).subarray(0, 6);
    expect([...decodeAttributes(joined([textAttribute(1, 'a'), cut])).keys()]).toEqual([1]);
  });

  it('carry an errno, or none', () => {
    const error = (code: number) => {
      const payload = new Uint8Array(20);
      new DataView(payload.buffer).setInt32(0, code, true);
      return errorOf({ type: 2, flags: 0, sequence: 1, payload });
    };
    expect(error(-17)).toBe(17);
    expect(error(0)).toBe(0);
    expect(errorOf({ type: 5, flags: 0, sequence: 1, payload: new Uint8Array(20) })).toBeUndefined();
  });

  it('hold attributes in attributes, numbers in network order, texts with their zero', () => {
    const inner = decodeAttributes(nest(2, numberAttribute(1, 0xfffffffd), textAttribute(9, 'chain'))).get(2);
    const values = decodeAttributes(inner ?? new Uint8Array(0));
    expect(numberIn(values.get(1))).toBe(0xfffffffd);
    expect([...(values.get(1) ?? [])]).toEqual([255, 255, 255, 253]);
    expect(textIn(values.get(9))).toBe('chain');
    expect(values.get(9)?.length).toBe(6);
    expect(numberIn(Uint8Array.of(1, 2, 3))).toBeUndefined();
    expect(numberIn(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2))).toBe(2 ** 32 + 2);
    expect(textIn(undefined)).toBe('');
  });
});

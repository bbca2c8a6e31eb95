import { describe, expect, it } from 'vitest';
import { byteAt, longAt, Window, Writer, wordAt } from '../../src/wire/bytes.ts';
import { dirty, hex } from './vectors.ts';

describe('reading', () => {
  const bytes = hex('ff 01 02 80');

  it('is in network order and unsigned', () => {
    expect(byteAt(bytes, 0)).toBe(0xff);
    expect(wordAt(bytes, 0)).toBe(0xff01);
    expect(longAt(bytes, 0)).toBe(0xff010280);
  });

  it('yields zeros outside', () => {
    expect(byteAt(bytes, 4)).toBe(0);
    expect(byteAt(bytes, -1)).toBe(0);
    expect(wordAt(bytes, 3)).toBe(0x8000);
  });
});

describe('Window', () => {
  const frame = Window.ofFrame(new Uint8Array(10), 20);

  it('tells what the capture cut from what never was', () => {
    expect(frame.lacks('x', 10, 'x size')).toBeUndefined();
    const stop = { layer: 'x', offset: 0, have: 10, claimedBy: 'x size' };
    expect(frame.lacks('x', 20, 'x size')).toEqual({ ...stop, need: 20, reason: 'truncated' });
    expect(frame.lacks('x', 21, 'x size')).toEqual({ ...stop, need: 21, reason: 'malformed' });
  });

  it('counts offsets from the frame in a layer further in', () => {
    expect(frame.rest(8).lacks('y', 3, 'y size')).toMatchObject({ offset: 8, need: 3, have: 2, reason: 'truncated' });
  });

  it('ends a layer where its length field says', () => {
    const layer = frame.narrow(2, 6);
    expect(layer.length).toBe(4);
    expect(layer.isComplete).toBe(true);
    expect(layer.view()).toHaveLength(4);
    expect(layer.lacks('z', 5, 'z size')?.reason).toBe('malformed');
  });

  it('is incomplete where the capture or the claim falls short, also further in', () => {
    expect(frame.isComplete).toBe(false);
    expect(frame.narrow(2, 12).isComplete).toBe(false);
    expect(frame.narrow(2, 12).narrow(0, 4).isComplete).toBe(true);
    expect(Window.ofFrame(new Uint8Array(10), 10).narrow(2, 12).isComplete).toBe(false);
    expect(Window.ofFrame(new Uint8Array(10), 10).narrow(2, 12).rest(1).isComplete).toBe(false);
  });

  it('takes an impossible original length as the captured one', () => {
    for (const length of [0, -5, Number.NaN, 9])
      expect(Window.ofFrame(new Uint8Array(10), length).lacks('x', 11, 'x size')?.reason).toBe('malformed');
  });

  it('asks for no body in a quote, and calls what a header lacks truncated', () => {
    const quote = Window.ofFrame(new Uint8Array(10), 10).quote(2);
    expect(quote.lacksBody('x', 100, 'x length')).toBeUndefined();
    expect(quote.lacks('x', 100, 'x size')).toMatchObject({ offset: 2, have: 8, reason: 'truncated' });
    expect(quote.isComplete).toBe(false);
    expect(quote.narrow(0, 8).isComplete).toBe(true);
  });

  it('shows the frame itself, without a copy', () => {
    const bytes = hex('00 01 02 03');
    expect(Window.ofFrame(bytes, 4).rest(1).view(1).buffer).toBe(bytes.buffer);
    expect([...Window.ofFrame(bytes, 4).rest(1).view(1)]).toEqual([2, 3]);
  });
});

describe('Writer', () => {
  it('fills front to back and patches', () => {
    const written = new Writer(dirty(8)).u8(1).u16(0x0203).u32(0xfffefdfc).bytes(hex('07')).patch16(1, 0x0a0b).finish();
    expect(written).toEqual(hex('01 0a0b fffefdfc 07'));
  });

  it('refuses a buffer of another size', () => {
    expect(() => new Writer(dirty(3)).u16(1).finish()).toThrow(new RangeError('wrote 2 of 3 bytes'));
    expect(() => new Writer(dirty(1)).u16(1).finish()).toThrow(RangeError);
    expect(() => new Writer(dirty(1)).bytes(hex('0102'))).toThrow(RangeError);
  });
});

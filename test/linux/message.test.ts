import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { controlMessages } from '../../src/linux/message.ts';

function control(level: number, type: number, data: readonly number[], claimed = 16 + data.length): Uint8Array {
  const bytes = new Uint8Array((16 + data.length + 7) & ~7);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(claimed), true);
  view.setInt32(8, level, true);
  view.setInt32(12, type, true);
  bytes.set(data, 16);
  return bytes;
}

describe('control messages', () => {
  it('are walked in steps of eight bytes', () => {
    const buffer = Buffer.concat([control(1, 64, [1, 2, 3]), control(0, 11, [4])]);
    expect(controlMessages(buffer).map(({ level, type, data }) => [level, type, ...data])).toEqual([
      [1, 64, 1, 2, 3],
      [0, 11, 4],
    ]);
  });

  it('end at a length that does not fit', () => {
    const good = control(1, 2, [3]);
    for (const claimed of [0, 15, 25, 2 ** 40])
      expect(controlMessages(Buffer.concat([good, control(1, 2, [3], claimed)]))).toHaveLength(1);
  });

  it('never read beyond the buffer, whatever it says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const total = controlMessages(bytes).reduce((sum, { data }) => sum + 16 + data.length, 0);
        expect(total).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

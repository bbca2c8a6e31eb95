import { describe, expect, it } from 'vitest';
import { tableLines } from '../../src/report/table.ts';

const terminal = { width: 40, color: false, unicode: true };

describe('a table', () => {
  it('wraps its cells side by side', () => {
    expect(
      tableLines(
        terminal,
        'two',
        ['what', 'where'],
        [
          ['a text that is too long for its column', 'br0'],
          ['b', '上\n下'],
        ],
      ),
    ).toEqual([
      'two:',
      '  what                             where',
      '  a text that is too long for its  br0',
      '  column',
      '  b                                上',
      '                                   下',
    ]);
  });

  it('has an end for a cell of many lines, wide ones among them', () => {
    const lines = tableLines(
      terminal,
      'long',
      ['what'],
      [[Array.from({ length: 3000 }, () => '下x'.repeat(10)).join('\n')]],
    );
    expect(lines.join('')).toContain('下x下x');
    expect(lines.length).toBeGreaterThan(2000);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../src/report/printable.ts';
import { commandLines, wrapped } from '../../src/report/prose.ts';
import { detectTerminal, painted } from '../../src/report/terminal.ts';

const TTY = { isTTY: true, columns: 100 };
const UTF8 = { LANG: 'en_GB.UTF-8' };

describe('detectTerminal', () => {
  it('takes what a terminal offers', () => {
    expect(detectTerminal(TTY, UTF8)).toEqual({ width: 100, color: true, unicode: true });
  });

  it('has neither colour nor drawing characters for a pipe', () => {
    expect(detectTerminal({}, UTF8)).toEqual({ width: 120, color: false, unicode: false });
  });

  it.each([
    ['NO_COLOR', { ...UTF8, NO_COLOR: '1' }, {}],
    ['TERM=dumb', { ...UTF8, TERM: 'dumb' }, {}],
    ['--no-color', UTF8, { color: false }],
  ])('%s takes the colour and leaves the rest', (_, env, options) => {
    expect(detectTerminal(TTY, env, options)).toEqual({ width: 100, color: false, unicode: true });
  });

  it('an empty NO_COLOR means nothing (no-color.org)', () => {
    expect(detectTerminal(TTY, { ...UTF8, NO_COLOR: '' }).color).toBe(true);
  });

  it.each([
    [{}, false],
    [{ LANG: 'C' }, false],
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'de_DE.utf8' }, true],
    [{ LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, false],
    [{ LANG: 'C', LC_CTYPE: 'C.UTF-8' }, true],
    [{ LC_CTYPE: 'C', LC_ALL: 'C.UTF-8' }, true],
    [{ LANG: 'C.UTF-8', LC_ALL: '' }, true],
  ])('locale %j', (env, unicode) => {
    expect(detectTerminal(TTY, env).unicode).toBe(unicode);
  });

  it.each([
    ['72', 72],
    ['10', 40],
    ['0', 100],
    ['-5', 100],
    ['wide', 100],
    ['99999999', 100],
    ['', 100],
  ])('COLUMNS=%s', (COLUMNS, width) => {
    expect(detectTerminal(TTY, { COLUMNS }).width).toBe(width);
  });

  it('takes 80 for a terminal that does not say', () => {
    expect(detectTerminal({ isTTY: true, columns: 0 }, {}).width).toBe(80);
  });
});

describe('painted', () => {
  it('colours whatever the process’s own output is', () => {
    expect(painted({ width: 80, color: true, unicode: true }, 'good', 'ok')).toBe('\u001b[32mok\u001b[39m');
    expect(painted({ width: 80, color: false, unicode: true }, 'good', 'ok')).toBe('ok');
  });
});

describe('wrapped', () => {
  it('loses no word and keeps the width', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '零'), minLength: 1, maxLength: 30 }), { minLength: 1 }),
        fc.integer({ min: 20, max: 80 }),
        (words, width) => {
          const lines = wrapped(words.join(' '), width, '> ', '  ');
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
          expect(
            lines
              .map((line) => line.slice(2))
              .join('')
              .replaceAll(' ', ''),
          ).toBe(words.join(''));
        },
      ),
    );
  });

  it('breaks a word that has no other place', () => {
    expect(wrapped('ab cdefghij', 6, '', ' ')).toEqual(['ab', ' cdefg', ' hij']);
  });
});

describe('commandLines', () => {
  it('leaves a command that fits', () => {
    expect(commandLines('ip link set eth0 up', 40, '  ')).toEqual(['  ip link set eth0 up']);
  });

  it('breaks between words so that the shell joins them again', () => {
    expect(commandLines("nft add rule ip filter x comment 'a b' accept", 24, '  ')).toEqual([
      '  nft add rule ip \\',
      '    filter x comment \\',
      "    'a b' accept",
    ]);
  });

  it('never breaks inside a word', () => {
    const long = 'x'.repeat(60);
    expect(commandLines(long, 40, '  ')).toEqual([`  ${long}`]);
  });

  it('is the same command to a shell', () => {
    const word = fc.constantFrom('ip', 'link', '"a  b"', "'c d \\'", 'e\\ f', 'very-long-interface-name');
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const joined = commandLines(words.join(' '), 40, '  ')
          .join('\n')
          .replaceAll(/ \\\n {4}/g, ' ');
        expect(joined).toBe(`  ${words.join(' ')}`);
      }),
    );
  });
});

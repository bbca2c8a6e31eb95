import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorText } from '../../src/report/error-text.ts';
import { displayWidth, printable } from '../../src/report/printable.ts';
import type { Report } from '../../src/report/report.ts';
import { reportText } from '../../src/report/text.ts';
import {
  along,
  coverage,
  echo,
  echoExchange,
  finding,
  leg,
  link,
  namespace,
  report,
  terminal,
  topology,
} from './fixture.ts';

/** What moves the cursor, reorders or hides: none of it may be left, newlines between lines apart. */
const ACTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{M}]/u;

/** A report in which everything that comes from outside is one name. */
function called(name: string): Report {
  const there = `${name}@${name.replaceAll('@', '')}`;
  const here = name.replaceAll('@', '');
  const places = [here, there.replace(/@.*$/s, '@c2')];
  return report(
    {
      findings: [
        finding(here, {
          title: here,
          summary: here,
          where: { netns: here, name: here },
          evidence: [{ kind: 'state', text: here, look: here, place: { netns: here, name: here } }],
          remedies: [{ why: here, commands: [`ip link set ${here} up`], verify: `vdiag ping-trace ${here} 10.0.0.1` }],
          blocks: 'now',
        }),
        finding(here, { severity: 'note', title: here }),
      ],
      path: { end: 'unknown', legs: [leg('echo-request', here, here, places)] },
      example: echoExchange(here, here, { request: along(1, 'echo-request', 0, places, echo(8, here, here)) }),
      coverage: coverage([], { gaps: [here], lost: [{ netns: here, frames: 1 }] }),
      before: {
        ...topology([namespace(here, [link(here, 1, { kind: here, operstate: here })])], [here]),
        kernel: here,
      },
    },
    { target: { interface: here, address: here, netns: 'c1' } },
  );
}

const NAMES = [
  ['an escape sequence', '\u001b[31mred\u001b[0m'],
  ['a window title', '\u001b]0;owned\u0007'],
  ['a C1 control', 'eth\u009b2J'],
  ['a newline', 'eth\n0\r'],
  ['a right-to-left override', '\u202eeth0\u202c'],
  ['an isolate', '\u2066eth0\u2069'],
  ['a zero-width joiner', 'e\u200dth\ufeff0'],
  ['a lone surrogate', 'eth\ud800'],
  ['combining marks', 'e\u0301\u0336th'],
  ['fifteen letters', 'abcdefghijklmno'],
  ['wide letters', '接口零一'],
] as const;

describe('a hostile name', () => {
  it.each(NAMES)('%s is inert', (_, name) => {
    for (const verbose of [false, true])
      for (const unicode of [false, true]) {
        const text = reportText(called(name), terminal(80, unicode), { verbose });
        expect(text.replaceAll('\n', '')).not.toMatch(ACTIVE);
        for (const line of text.split('\n')) expect(displayWidth(line), line).toBeLessThanOrEqual(80);
      }
  });

  it('of any kind is inert', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 15 }), fc.boolean(), (name, unicode) => {
        const text = reportText(called(name), terminal(80, unicode), { verbose: true });
        expect(text.replaceAll('\n', '')).not.toMatch(unicode ? ACTIVE : /[^\x20-\x7e]/);
      }),
      { numRuns: 60 },
    );
  });

  // Four characters, each ten cells at most when it is spelt out: a word of a command is never broken, and these fit.
  it('of any kind fits', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        name,
        fc.integer({ min: 60, max: 200 }),
        fc.boolean(),
        fc.boolean(),
        (text, width, unicode, verbose) => {
          for (const line of reportText(called(text), terminal(width, unicode), { verbose }).split('\n'))
            expect(displayWidth(line), line).toBeLessThanOrEqual(width);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('printable', () => {
  it('spells out what it replaces', () => {
    expect(printable('a\u001b[2Jb\nc\u202ed\u{e0001}', true)).toBe('a\\x1b[2Jb\\nc\\u202ed\\u{e0001}');
    expect(printable('no\u00a0break\ttab', true)).toBe('no\\xa0break\\ttab');
  });

  it('leaves ordinary names alone', () => {
    for (const name of ['eth0', 'br-1a2b3c', 'vethé', 'wlan0.100', 'net:[4026531840]'])
      expect(printable(name, true)).toBe(name);
  });

  it('has ASCII words for its own signs', () => {
    expect(printable('a → b … c', false)).toBe('a -> b ... c');
    expect(printable('vethé', false)).toBe('veth\\xe9');
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, unicode) => {
        const once = printable(text, unicode);
        expect(printable(once, unicode)).toBe(once);
      }),
    );
  });
});

describe('errorText', () => {
  it('is the message and the hint', () => {
    const error = Object.assign(new Error('no interface "vet0"'), { hint: 'did you mean veth0?' });
    expect(errorText(error)).toBe('vdiag: no interface "vet0"\n  did you mean veth0?\n');
  });

  it('is one line without a hint', () => {
    expect(errorText(new Error('broken'))).toBe('vdiag: broken\n');
    expect(errorText(Object.assign(new Error('broken'), { hint: '' }))).toBe('vdiag: broken\n');
    expect(errorText('a string')).toBe('vdiag: a string\n');
    expect(errorText(new Error(''))).toBe('vdiag: unknown error\n');
  });

  it('is inert', () => {
    const error = Object.assign(new Error('no interface "\u001b[2J\n"'), { hint: '\u202e' });
    expect(errorText(error)).toBe('vdiag: no interface "\\x1b[2J\\n"\n  \\u202e\n');
    expect(errorText(new Error('vethé'), true)).toBe('vdiag: vethé\n');
  });
});

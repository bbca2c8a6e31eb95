/** docs/rules.md is what the rules and the labs make it; and whatever a rule says stays text in it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rulesPageEntries } from '../../src/cli/rules-page-entries.ts';
import { type RulesPageEntry, rulesPage } from '../../src/report/rules-page.ts';

const entries = rulesPageEntries();

describe('docs/rules.md', () => {
  it('is current: node scripts/rules-page.mjs', () => {
    const page = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
    expect(page).toBe(rulesPage(entries));
  });

  it('has every rule once in its table and once as a section', () => {
    const lines = rulesPage(entries).split('\n');
    for (const { rule } of entries) {
      expect(lines.filter((line) => line.startsWith(`| [${rule.id}](#${rule.id}) |`))).toHaveLength(1);
      expect(lines.filter((line) => line === `## ${rule.id}`)).toHaveLength(1);
    }
  });

  it('has as many fences that open as close, and no command outside of them', () => {
    let code = false;
    for (const line of rulesPage(entries).split('\n')) {
      if (line === '```') code = !code;
      else if (!code) expect(line).not.toMatch(/^\s{2,}/);
    }
    expect(code).toBe(false);
  });

  it('says what shows a rule', () => {
    const shown = new Map(entries.map((entry) => [entry.rule.id, entry.shown]));
    expect(shown.get('link-down')).toBe('live');
    expect(shown.get('neighbor-table-full')).toBe('built');
    expect(shown.get('capture-lossy')).toBe('tests');
    expect(shown.get('arp-sender-mismatch')).toBe('captures');
  });

  it('escapes what would be markup, and leaves commands as they are', () => {
    const explain = {
      what: 'a *b* <i> [c]',
      wire: '  ip *link* <x>\nthen',
      confirm: 'x',
      cure: '  a\n  b',
      otherwise: 'y',
    };
    const entry: RulesPageEntry = {
      rule: { id: 'x-y', severity: 'fault', title: 'a | b', explain },
      labs: ['one'],
      next: [],
      shown: 'live',
    };
    const page = rulesPage([entry]);
    expect(page).toContain('a \\*b\\* \\<i> \\[c\\]');
    expect(page).toContain('```\nip *link* <x>\n```\n\nthen\n');
    expect(page).toContain('```\na\nb\n```\n');
    expect(page).toContain('| a \\| b | 1 lab |');
  });
});

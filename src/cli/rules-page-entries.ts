/** What docs/rules.md is made of: the rules, the pages of what captures tell, and the labs and captures of this package. */
import { existsSync } from 'node:fs';
import { RULES } from '../diagnose/registry.ts';
import { SIGHTED_PAGES } from '../diagnose/sighted/pages.ts';
import { listLabs } from '../lab/lab.ts';
import { packageFile } from '../package-file.ts';
import type { RulesPageEntry } from '../report/rules-page.ts';

/** Every rule as it stands in the register, then what captures alone tell. */
export function rulesPageEntries(): RulesPageEntry[] {
  const labs = listLabs();
  const told = SIGHTED_PAGES.map((rule): RulesPageEntry => ({ rule, labs: [], next: [], shown: 'captures' }));
  const rules = RULES.map((rule): RulesPageEntry => {
    const { id } = rule;
    const shows = labs.filter(({ expect, note }) => expect === id || note === id).map(({ name }) => name);
    const next = labs.filter((lab) => lab.next.includes(id)).map(({ name }) => name);
    return { rule, labs: shows, next, shown: shows.length > 0 ? 'live' : hasCapture(id) ? 'built' : 'tests' };
  });
  return [...rules, ...told];
}

function hasCapture(id: string): boolean {
  return existsSync(packageFile(`fixtures/captures/${id}.pcapng`));
}

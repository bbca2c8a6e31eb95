/** What captures can tell of must be explained: every id that a finding or a candidate carries has a rule or a page, and only one. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../../src/diagnose/registry.ts';
import { SIGHTED_PAGES } from '../../../src/diagnose/sighted/pages.ts';

const folder = fileURLToPath(new URL('../../../src/diagnose/sighted', import.meta.url));

/** Ids as the sources write them: `rule: 'id'`, and what the kinds of ICMP errors are called. */
function idsIn(file: string): string[] {
  const source = readFileSync(`${folder}/${file}`, 'utf8');
  const written = [...source.matchAll(/\brule: '([a-z0-9-]+)'/g)].map(([, id = '']) => id);
  const returned = [...source.matchAll(/\breturn [^;]*;/g)]
    .flatMap(([text]) => [...text.matchAll(/'([a-z0-9]+(?:-[a-z0-9]+)+)'/g)])
    .map(([, id = '']) => id);
  return file === 'refused.ts' ? [...written, ...returned] : written;
}

const files = readdirSync(folder).filter((file) => file !== 'pages.ts');
const ids = [...new Set(files.flatMap(idsIn))];

describe('pages of what captures tell', () => {
  it('are looked for where ids are written', () => {
    expect(ids).toEqual(
      expect.arrayContaining([
        'loss-partial',
        'ttl-expired',
        'fragmentation-needed',
        'filter-rejected',
        'arp-filtered',
      ]),
    );
    expect(ids.length).toBeGreaterThan(25);
  });

  it.each(ids)('%s has a rule or a page', (id) => {
    const known = [...RULES, ...SIGHTED_PAGES].filter((page) => page.id === id);
    expect(known.length, known.length > 1 ? 'it is a rule now: take its page out of pages.ts' : '').toBe(1);
  });

  it.each(SIGHTED_PAGES.map((page) => [page.id, page] as const))('%s is used, and has a complete text', (id, page) => {
    expect(ids).toContain(id);
    expect(page.title).toMatch(/^[a-z"A-Z].*[^.]$/);
    for (const [part, text] of Object.entries(page.explain)) {
      expect(text.trim().length, part).toBeGreaterThan(20);
      for (const line of text.split('\n')) expect(line.length, `${part}: ${line}`).toBeLessThanOrEqual(121);
    }
  });
});

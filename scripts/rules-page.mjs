/**
 * Writes docs/rules.md from the rules and the labs (builds dist/ first). A test fails when the page is not current.
 * Usage: node scripts/rules-page.mjs
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, root } from './setup.mjs';

install();
await build();
const { rulesPage } = await import(join(root, 'dist/report/rules-page.js'));
const { rulesPageEntries } = await import(join(root, 'dist/cli/rules-page-entries.js'));
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/rules.md'), rulesPage(rulesPageEntries()));

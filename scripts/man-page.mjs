/**
 * Writes docs/vdiag.1 from the commands' own help (builds dist/ first). A test fails when the page is not current.
 * Usage: node scripts/man-page.mjs
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, root } from './setup.mjs';

install();
await build();
const { manPage } = await import(join(root, 'dist/cli/man-page.js'));
const { version } = await import(join(root, 'dist/version.js'));
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/vdiag.1'), await manPage(version()));

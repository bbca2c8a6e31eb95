/** docs/vdiag.1 is what the commands' own help makes it, and troff reads it without complaint. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { manPage } from '../../src/cli/man-page.ts';
import { version } from '../../src/version.ts';

const file = fileURLToPath(new URL('../../docs/vdiag.1', import.meta.url));
const groff = spawnSync('groff', ['--version']).status === 0;

describe('the man page', () => {
  it('is current: node scripts/man-page.mjs', async () => {
    expect(readFileSync(file, 'utf8')).toBe(await manPage(version()));
  });

  it('has every command', async () => {
    const lines = (await manPage('1')).split('\n');
    for (const name of Object.keys(COMMANDS))
      expect(
        lines.some((line) => `${line} `.startsWith(`.SS vdiag ${name.replaceAll('-', '\\-')} `)),
        name,
      ).toBe(true);
  });

  it.skipIf(!groff)('is read by groff without a warning', () => {
    const set = spawnSync('groff', ['-man', '-ww', '-z', '-Tutf8', file], { encoding: 'utf8' });
    expect(set.stderr).toBe('');
  });
});

/**
 * Records the captures that the rules are tested on: each rule's lab once, on the real kernel.
 * Usage: node scripts/record-captures.mjs [RULE...]   (builds dist/ first; the result is reviewed like code)
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, main, root, run } from './setup.mjs';

install();
await build();
const { RULES } = await import(join(root, 'dist/index.js'));
const wanted = process.argv.slice(2);
const captures = join(root, 'fixtures/captures');
mkdirSync(captures, { recursive: true });
for (const { id } of RULES) {
  if (wanted.length > 0 && !wanted.includes(id)) continue;
  if (!existsSync(join(root, `fixtures/labs/${id}.sh`))) continue;
  const status = run(process.execPath, [main, 'lab', 'run', id, '-q', '-w', join(captures, `${id}.pcapng`)]);
  if (status !== 0) process.exitCode = 1;
}

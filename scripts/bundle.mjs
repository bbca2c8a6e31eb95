/**
 * Joins the modules of src/ to a few files in dist/: loading 400 small ones takes longer than a whole trace computes.
 * Dependencies stay what they are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** What is started or imported by its own name: by users (package.json), by scripts/ and by tests. */
const ENTRIES = [
  'cli/main',
  'index',
  'capture/rule-trace',
  'cli/man-page',
  'cli/rules-page-entries',
  'lab/lab',
  'lab/session',
  'report/rules-page',
  'version',
];

/**
 * @param {string} root the package
 * @param {{ entries?: readonly string[], to?: string }} options other modules than the package's own, to another folder
 */
export async function bundle(root, { entries = ENTRIES, to = join(root, 'dist') } = {}) {
  const source = join(root, 'src');
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, join(source, `${name}.ts`)])),
    platform: 'node',
    external: [/^node:/, ...Object.keys({ ...dependencies, ...peerDependencies })],
  });
  try {
    await build.write({
      dir: to,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: '[name]-[hash].js',
      sourcemap: true,
    });
  } finally {
    await build.close();
  }
}

/** Files that come with vdiag: its description, labs, captures. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where a file of this package is, absolute. The package is the nearest directory above this code that has a package.json:
 * the code may lie in src/, or joined with other code anywhere in dist/.
 * @param path from the package's directory: `fixtures/labs`
 */
export function packageFile(path: string): string {
  let directory = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', directory)) && directory.pathname !== '/')
    directory = new URL('../', directory);
  return fileURLToPath(new URL(path, directory));
}

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { listLabs } from '../src/lab/lab.ts';
import { packageFile } from '../src/package-file.ts';

describe('files of the package', () => {
  it('are found from src/', () => {
    expect(packageFile('package.json')).toBe(fileURLToPath(new URL('../package.json', import.meta.url)));
    expect(existsSync(packageFile('fixtures/labs'))).toBe(true);
  });

  it('are found from dist/, wherever the bundler has put the code that looks for them', () => {
    const built = fileURLToPath(new URL('../dist/lab/lab.js', import.meta.url));
    expect(existsSync(built), `${built} is not there: npm run build`).toBe(true);
    const script = `import(process.argv[1]).then(({ listLabs }) => console.log(listLabs().length))`;
    const count = execFileSync(process.execPath, ['-e', script, built], { encoding: 'utf8', timeout: 20_000 });
    expect(Number(count)).toBe(listLabs().length);
  });
});

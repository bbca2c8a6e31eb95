/** npm run fuzz -- [options]: builds the fuzzer (test/fuzz) into build/ and runs it; its options are in test/fuzz/main.ts. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './setup.mjs';

const compiler = join(root, 'node_modules/typescript/bin/tsc');
const status = run(process.execPath, [compiler, '-p', join(root, 'tsconfig.fuzz.json')]);
// What version.ts reads.
copyFileSync(join(root, 'package.json'), join(root, 'build/package.json'));
process.exitCode =
  status === 0
    ? run(process.execPath, ['--enable-source-maps', join(root, 'build/test/fuzz/main.js'), ...process.argv.slice(2)])
    : status;

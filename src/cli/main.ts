#!/usr/bin/env node
/** Where vdiag starts. The version is told at once; everything else loads what it needs. */
import { version } from '../version.ts';
import { tolerateClosedPipe } from './output.ts';

tolerateClosedPipe(process.stdout);
tolerateClosedPipe(process.stderr);
const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) process.stdout.write(`${version()}\n`);
else await (await import('./program.ts')).run(words);

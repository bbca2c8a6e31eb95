#!/usr/bin/env node
/** Where vdiag starts and ends. The version is told at once; everything else loads what it needs. */
import { version } from '../version.ts';
import { handedOver, tolerateClosedPipe } from './output.ts';

const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
  tolerateClosedPipe(process.stdout);
  process.stdout.write(`${version()}\n`);
} else {
  const { endProcess, givenStreams } = await import('../linux/exit.ts');
  // Before anything opens them.
  const given = givenStreams();
  tolerateClosedPipe(process.stdout);
  tolerateClosedPipe(process.stderr);
  await (await import('./program.ts')).run(words);
  await handedOver();
  endProcess(given);
}

/** A word that is no command of vdiag: which one may have been meant. */
import { VdiagError } from '../linux/error.ts';
import { nearestNames } from '../linux/nearest.ts';
import { COMMANDS } from './commands.ts';

/** What other programs call it. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  trace: 'ping-trace',
  ping: 'ping-trace',
  traceroute: 'ping-trace',
  diagnose: 'ping-trace',
  why: 'ping-trace',
  predict: 'check',
  read: 'analyze',
  analyse: 'analyze',
  report: 'analyze',
  capture: 'record',
  dump: 'record',
  show: 'frames',
  topology: 'map',
  containers: 'map',
  ls: 'map',
  list: 'rules',
  man: 'explain',
};

export function unknownCommand(word: string): VdiagError {
  const known = Object.keys(COMMANDS);
  const near = Object.hasOwn(ELSEWHERE, word) ? [ELSEWHERE[word] ?? ''] : nearestNames(word, known);
  const hint = near.length > 0 ? `did you mean ${near.join(', ')}?` : `there is ${known.join(', ')}`;
  return new VdiagError('usage', `unknown command '${word}'`, hint);
}

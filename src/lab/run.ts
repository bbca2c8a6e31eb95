/** Commands in a lab: the system's ping, vdiag itself, a cure. */
import { existsSync } from 'node:fs';
import { packageFile } from '../package-file.ts';
import type { CommandResult } from './collect.ts';
import type { Lab, Trace } from './lab.ts';
import { type ExecOptions, openLab } from './session.ts';

/**
 * Builds a lab, runs the commands in it one after the other, and takes it down.
 * @throws VdiagError `lab`: it could not be built
 */
export async function runInLab(
  lab: Lab,
  commands: readonly (readonly string[])[],
  options: ExecOptions = {},
): Promise<CommandResult[]> {
  const session = await openLab(lab);
  try {
    const results: CommandResult[] = [];
    for (const command of commands) results.push(await session.exec(command, options));
    return results;
  } finally {
    await session.close();
  }
}

/** The system's ping on a lab's trace, three packets, from the namespace where the lab starts. */
export function pingCommand(lab: Lab, trace: Trace = lab.trace): string[] {
  // Long options are vdiag's alone.
  const args = lab.args.filter((word) => !word.startsWith('--'));
  const ping = ['ping', '-c', '3', '-i', '0.2', '-W', '1', '-I', trace.interface, ...args, trace.address];
  return lab.netns === undefined ? ping : ['ip', 'netns', 'exec', lab.netns, ...ping];
}

/** What a ping came to, from its status and its own count. */
export function pingOutcome(result: CommandResult): 'ok' | 'fail' | 'partial' {
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(result.stdout);
  const [sent, received] = [Number(counts?.[1] ?? 0), Number(counts?.[2] ?? 0)];
  if (received === 0) return 'fail';
  return received >= sent ? 'ok' : 'partial';
}

/** The arguments of `vdiag ping-trace` on a lab. */
export function traceArguments(lab: Lab, trace: Trace = lab.trace): string[] {
  const netns = lab.netns === undefined ? [] : ['--netns', lab.netns];
  return ['ping-trace', trace.interface, trace.address, ...netns, ...lab.args];
}

/** This very vdiag, as a program: node and the built command line. */
export function vdiagProgram(): string[] {
  const built = packageFile('dist/cli/main.js');
  const running = process.argv[1];
  return [process.execPath, existsSync(built) || running === undefined ? built : running];
}

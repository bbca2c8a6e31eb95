/** All commands, by name. */
import type { Command } from 'commander';

/** Each command's module is loaded when it is asked for: starting costs as much as the one, not as all. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  'ping-trace': async () => (await import('./ping-trace.ts')).pingTraceCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  analyze: async () => (await import('./analyze.ts')).analyzeCommand(),
  record: async () => (await import('./record.ts')).recordCommand(),
  watch: async () => (await import('./watch.ts')).watchCommand(),
  frames: async () => (await import('./frames.ts')).framesCommand(),
  drops: async () => (await import('./drops.ts')).dropsCommand(),
  map: async () => (await import('./map.ts')).mapCommand(),
  peer: async () => (await import('./peer.ts')).peerCommand(),
  rules: async () => (await import('./rules.ts')).rulesCommand(),
  explain: async () => (await import('./rules.ts')).explainCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
};

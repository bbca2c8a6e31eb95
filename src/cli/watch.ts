/** vdiag watch */
import { Command, InvalidArgumentError } from 'commander';
import { ownRights } from '../linux/capabilities.ts';
import { VdiagError } from '../linux/error.ts';
import { detectTerminal, type Terminal } from '../report/terminal.ts';
import { type MetricsServer, parseListen, serveMetrics } from '../session/metrics-server.ts';
import { type WatchOptions, watch } from '../session/watch.ts';
import type { Live } from '../session/watch-live.ts';
import { version } from '../version.ts';
import { summaryJson } from '../watch/event-json.ts';
import { CONTENT_TYPE, exposition } from '../watch/exposition.ts';
import { summaryText } from '../watch/summary-text.ts';
import { note, wantsColor, write } from './output.ts';
import { giveUpRights, shareRights } from './rights.ts';
import { type Audience, lineAudience } from './watch-lines.ts';

interface Flags {
  readonly netns?: string;
  readonly duration?: number;
  readonly json?: boolean;
  readonly drops?: boolean;
  readonly screen?: boolean;
  readonly prometheus?: string;
}

const EXAMPLES = `Examples:
  vdiag watch                               everything around, in all connected namespaces
  vdiag watch web db                        these containers
  vdiag watch br0 eth0@web                  these interfaces
  vdiag watch --json | jq -c 'select(.event == "finding")'
  vdiag watch --prometheus :9469 >watch.log
`;

const NOTES = `
Passive: it sends nothing. It follows what is asked and answered (ARP, neighbour discovery, echoes) and ICMP errors; other
traffic is not looked at. Namespaces, containers and interfaces that come are watched as soon as they are there.

On a terminal: p pauses, / filters, up and down choose, Enter shows details, w writes the last minute to a pcapng, q quits, ? helps.
In a pipe a line is an event. Of a flood, ten exchanges of a pair are told one by one in a second and the others are summed up.

Exit status: 0 watched and no fault is left, 1 a fault was found and is not over, 2 vdiag could not do it.`;

export function watchCommand(): Command {
  return new Command('watch')
    .summary('live and passive: exchanges as they happen, losses, and findings when they are certain')
    .description(
      'Watches exchanges on all interfaces of all connected namespaces as they happen, with the losses and the latency of each hop, and says what is wrong as soon as it is certain. Sends nothing.',
    )
    .argument('[iface[@netns]|container...]', 'watch these alone: interfaces, IFACE@NETNS, containers, namespaces')
    .option('--netns <name|pid|path|container>', 'start in this network namespace')
    .option('--duration <seconds>', 'end after this time (default: at Ctrl-C)', seconds)
    .option('--json', 'one JSON document a line, the summary last')
    .option('--no-drops', "do not listen to the kernel's drop events")
    .option('--no-screen', 'lines, also on a terminal')
    .option('--prometheus <[address]:port>', 'serve counters at /metrics, on loopback unless an address is given')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .action(run);
}

async function run(on: readonly string[], flags: Flags, command: Command): Promise<void> {
  shareRights();
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.once('SIGHUP', stop);
  process.once('SIGQUIT', stop);
  // Nobody reads any more.
  process.stdout.once('close', stop);
  const listen = flags.prometheus === undefined ? undefined : parseListen(flags.prometheus);
  const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
  let live: Live | undefined;
  let server: MetricsServer | undefined;
  let audience: Audience | undefined;
  try {
    const page = () => (live ? exposition(live) : '');
    server = listen && (await serveMetrics(listen, CONTENT_TYPE, page));
    if (server) note(`counters at http://${server.address}/metrics`);
    audience = await audienceOf(flags, terminal, () => live, stop);
    const heard = audience;
    live = await watch({
      ...optionsOf(on, flags, interrupted.signal),
      onEvent: (event) => heard.tell(event),
      onTick: (now) => {
        live = now;
        heard.tick(now);
      },
    });
  } catch (error) {
    if (!interrupted.signal.aborted || error instanceof VdiagError) throw error;
    throw new VdiagError('interrupted', 'interrupted before the watching began', 'run it again and let it go on', {
      cause: error,
    });
  } finally {
    audience?.end();
    server?.close();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    process.off('SIGHUP', stop);
    process.off('SIGQUIT', stop);
    process.stdout.off('close', stop);
  }
  giveUpRights();
  if (live) await summarise(live, flags, terminal);
}

async function summarise(live: Live, flags: Flags, terminal: Terminal): Promise<void> {
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  if (flags.json) await write(`${summaryJson(timeNs, { ...live, untold: live.givenUp }, version())}\n`);
  else await write(summaryText(live, terminal));
  if (live.findings.some(({ finding, over }) => !over && finding.severity === 'fault')) process.exitCode = 1;
}

function optionsOf(on: readonly string[], flags: Flags, signal: AbortSignal): WatchOptions {
  return {
    signal,
    onNote: note,
    rights: ownRights(),
    ...(on.length === 0 ? {} : { on }),
    ...(flags.netns === undefined ? {} : { netns: flags.netns }),
    ...(flags.duration === undefined ? {} : { durationMs: flags.duration * 1000 }),
    ...(flags.drops === false ? { drops: false } : {}),
  };
}

async function audienceOf(
  flags: Flags,
  terminal: Terminal,
  live: () => Live | undefined,
  stop: () => void,
): Promise<Audience> {
  const screen = process.stdout.isTTY === true && !flags.json && flags.screen !== false && process.env.TERM !== 'dumb';
  if (!screen) return lineAudience(flags.json === true, terminal, live, stop);
  return (await import('./watch-screen.ts')).openScreen({ color: terminal.color, stop });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || value <= 0) throw new InvalidArgumentError('seconds above 0 are wanted.');
  return value;
}

/** vdiag map */

import { Command, Option } from 'commander';
import { jsonText } from '../report/json-text.ts';
import { detectTerminal } from '../report/terminal.ts';
import { takeMap } from '../session/map.ts';
import { wantsColor, write } from './output.ts';
import { giveUpRights, shareRights } from './rights.ts';

interface Flags {
  readonly json?: boolean;
  readonly mermaid?: boolean;
  readonly dot?: boolean;
  readonly verbose?: boolean;
  readonly redact?: boolean;
}

const EXAMPLES = `Examples:
  vdiag map                          which veth belongs to which container?
  vdiag map --json | jq -r '.oddities[].text'
  vdiag map --dot | dot -Tsvg > map.svg
  vdiag peer web                     one container alone
`;

const NOTES = `
Marked with ! is what looks odd: look there first, it need not be a fault.

Names come from Docker, podman, containerd, CRI-O, LXC, Incus, systemd-nspawn and ip netns; which container a process is in
is the kernel's word. A runtime that does not answer within 0.3 s costs its names, and no more.

Exit status: 0 the map was made, 2 vdiag could not do it.`;

export function mapCommand(): Command {
  const only = (option: Option, ...others: string[]): Option => option.conflicts(others);
  return new Command('map')
    .summary('namespaces, containers, bridges and veth pairs of this machine, as a tree')
    .description(
      'Shows every network namespace with its containers, bridges, veth pairs, macvlans, tunnels and addresses, and which end belongs to which. Sends nothing and changes nothing.',
    )
    .addOption(only(new Option('--json', 'one JSON document (schema/vdiag.map.schema.json)'), 'mermaid', 'dot'))
    .addOption(only(new Option('--mermaid', 'a Mermaid flowchart'), 'json', 'dot'))
    .addOption(only(new Option('--dot', 'a graph for graphviz'), 'json', 'mermaid'))
    .option('--redact', 'replace addresses, hardware addresses and names by others, for a public issue')
    .option('-v, --verbose', 'every namespace by itself, with hardware addresses and processes')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES)
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  shareRights();
  const map = await takeMap({ redact: flags.redact === true });
  giveUpRights();
  // Each printer is loaded when it is asked for.
  if (flags.json) return write(jsonText((await import('../report/map-json.ts')).mapJson(map)));
  if (flags.mermaid) return write((await import('../report/map-graph.ts')).mapMermaid(map));
  if (flags.dot) return write((await import('../report/map-graph.ts')).mapDot(map));
  const { mapText } = await import('../report/map-text.ts');
  const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
  await write(mapText(map, terminal, { verbose: flags.verbose === true }));
}

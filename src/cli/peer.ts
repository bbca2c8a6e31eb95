/** vdiag peer */

import { Command } from 'commander';
import { jsonText } from '../report/json-text.ts';
import { hasOtherEnd, peerJson, peerText } from '../report/peer-text.ts';
import { detectTerminal } from '../report/terminal.ts';
import { findPeers } from '../session/peer.ts';
import { wantsColor, write } from './output.ts';
import { giveUpRights, shareRights } from './rights.ts';

const EXAMPLES = `Examples:
  vdiag peer veth9fef8a2      whose is this end?
  vdiag peer web              the ends of a container
  vdiag peer eth0@web         of one interface there
`;

const EXIT_STATUS = '\nExit status: 0 the other end was found, 1 there is none to be seen, 2 vdiag could not do it.';

export function peerCommand(): Command {
  return new Command('peer')
    .summary('the other end of a veth pair: its number, name, namespace, container and bridge')
    .description(
      'Prints what is at the other end of an interface, or of every interface of a container. The other end is found by its namespace and number together, since numbers repeat across namespaces.',
    )
    .argument('<interface>', 'an interface, IFACE@NETNS, or a container')
    .option('--json', 'one JSON document (schema/vdiag.peer.schema.json)')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', EXIT_STATUS)
    .action(run);
}

async function run(word: string, flags: { readonly json?: boolean }, command: Command): Promise<void> {
  shareRights();
  const answer = await findPeers(word);
  giveUpRights();
  const terminal = detectTerminal(process.stdout, process.env, { color: wantsColor(command) });
  await write(flags.json ? jsonText(peerJson(answer)) : peerText(answer, terminal));
  process.exitCode ??= hasOtherEnd(answer) ? 0 : 1;
}

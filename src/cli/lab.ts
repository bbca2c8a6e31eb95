/** vdiag lab: small real networks in private namespaces, each with one fault, or none. */

import { Command } from 'commander';
import { findLab, type Lab, listLabs } from '../lab/lab.ts';
import { traceArguments, vdiagProgram } from '../lab/run.ts';
import { openLab } from '../lab/session.ts';
import { complaints, readOutcome } from '../lab/verdict.ts';
import { jsonText } from '../report/json-text.ts';
import { write } from './output.ts';

const EXAMPLES = `Examples:
  vdiag lab list
  vdiag lab run bridge-port-owns-ip            build it, trace it, say whether the cause was named
  vdiag lab run link-down -v                   further arguments go to ping-trace
  vdiag lab shell link-down                    look around in it: ip, bridge, tcpdump, vdiag
`;

const NOTES = `
Nothing is changed outside: a lab lives in network namespaces of its own and is gone afterwards.
It needs root, or a kernel that allows user namespaces.`;

/** In the lab's own /run, which is gone with it. */
const REPORT = '/run/vdiag-report.json';

export function labCommand(): Command {
  const lab = new Command('lab')
    .summary('build a network with a known fault in private namespaces, and trace it')
    .description('Builds small real networks in private network namespaces, each with one fault or none.')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', NOTES);
  lab
    .command('list')
    .addHelpText('before', 'Example:\n  vdiag lab list | grep healthy\n')
    .description('every lab, and what it shows')
    .exitOverride()
    .option('--json', 'one JSON document on standard output')
    .action((flags: { json?: boolean }) => list(flags.json === true));
  lab
    .command('run')
    .addHelpText('before', 'Example:\n  vdiag lab run bridge-port-owns-ip -v\n')
    .description('build a lab, run ping-trace in it, and say whether the cause was named (exit 0) or not (1)')
    .exitOverride()
    .argument('<name>', 'a lab, as `vdiag lab list` names it')
    .argument('[arguments...]', 'further arguments of ping-trace, such as -v or --json')
    .allowUnknownOption()
    .action(run);
  lab
    .command('shell')
    .addHelpText('before', 'Example:\n  vdiag lab shell bridge-port-owns-ip\n')
    .description('build a lab and open a shell in it')
    .exitOverride()
    .argument('<name>', 'a lab, as `vdiag lab list` names it')
    .action(shell);
  return lab;
}

function list(json: boolean): Promise<void> {
  const labs = listLabs();
  if (json) {
    const rows = labs.map(({ name, expect, next, needs, netns, trace, args, description }) => {
      return {
        name,
        expect,
        ...(next.length > 0 ? { next } : {}),
        ...(needs.length > 0 ? { needs } : {}),
        ...(netns ? { netns } : {}),
        trace,
        args,
        description,
      };
    });
    return write(jsonText(rows));
  }
  const nameWidth = Math.max(0, ...labs.map(({ name }) => name.length));
  const expectWidth = Math.max(0, ...labs.map(({ expect }) => expect.length));
  return write(
    labs.map((lab) => `${lab.name.padEnd(nameWidth)}  ${lab.expect.padEnd(expectWidth)}  ${traceText(lab)}\n`).join(''),
  );
}

async function run(name: string, further: readonly string[]): Promise<void> {
  const lab = findLab(name);
  const json = further.includes('--json');
  // With --json standard output belongs to the report.
  const say = (text: string): Promise<void> => {
    if (!json) return write(text);
    process.stderr.write(text);
    return Promise.resolve();
  };
  const traced = [...traceArguments(lab), ...further];
  await say(`lab ${lab.name}\n\n${indented(lab.description)}\n\n$ vdiag ${traced.join(' ')}\n\n`);
  const session = await openLab(lab);
  try {
    const { status } = await session.exec([...vdiagProgram(), ...traced, '--json-file', REPORT], { inherit: true });
    const outcome = readOutcome((await session.exec(['cat', REPORT])).stdout);
    if (outcome === undefined) {
      // It has said itself why there is no report.
      process.exitCode = status === 0 ? 2 : status;
      return;
    }
    const wrong = complaints(lab, outcome);
    const expected = [lab.expect, ...lab.next.map((rule) => `then ${rule}`)].join(', ');
    const verdict =
      wrong.length === 0 ? `as expected (${expected})` : `not as expected (${expected}): ${wrong.join('; ')}`;
    await say(`\nlab ${lab.name}: ${verdict}\n`);
    process.exitCode = wrong.length === 0 ? 0 : 1;
  } finally {
    await session.close();
  }
}

async function shell(name: string): Promise<void> {
  const lab = findLab(name);
  const session = await openLab(lab);
  try {
    const inside = lab.netns === undefined ? '' : `ip netns exec ${lab.netns} `;
    const { interface: device, address } = lab.trace;
    process.stderr.write(`${indented(lab.description)}\n\n`);
    process.stderr.write(`try: ${inside}ping -I ${device} ${address}   vdiag ${traceArguments(lab).join(' ')}\n`);
    process.stderr.write('leave with exit: the lab and everything in it is then gone\n');
    const [node = '', main = ''] = vdiagProgram();
    // Where no vdiag is installed, the function makes the hint true; bash hands it to the shells below.
    const env = { VDIAG_LAB: lab.name, 'BASH_FUNC_vdiag%%': `() { '${node}' '${main}' "$@"; }` };
    const { status } = await session.exec([process.env.SHELL || 'bash'], { inherit: true, env });
    process.exitCode = status;
  } finally {
    await session.close();
  }
}

function traceText({ netns, trace, args, needs }: Lab): string {
  const where = netns === undefined ? trace.interface : `${trace.interface}@${netns}`;
  return [where, trace.address, ...args, ...needs.map((need) => `(needs ${need})`)].join(' ');
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

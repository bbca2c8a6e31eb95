/**
 * npm run test:nodes -- [--nodes 20,22,24] [--labs NAME|NAME…] [test paths]
 *
 * Everything but the labs, and some labs, under each of these versions of Node; npx fetches those that are not here. A version that
 * cannot be had is told and counts as a failure. The last line of each: `node 24.1.0: passed` or `failed`.
 */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, root, run, say } from './setup.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '20,22,24' },
    labs: { type: 'string', default: 'bridge-port-owns-ip|filter-forward-drop|healthy-host-to-container|vxlan-mtu' },
  },
});
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const own = process.versions.node.split('.')[0];

await build();
const failed = values.nodes.split(',').filter((version) => !passes(version));
process.exitCode = failed.length === 0 ? 0 : 1;

function passes(version) {
  const node = version === own ? process.execPath : fetched(version);
  if (node === undefined) {
    say(`node ${version}: not to be had`);
    return false;
  }
  // What the tests start as `node` is this one too. Labs have no network to fetch it from.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const paths = positionals.length > 0 ? positionals : ['--exclude', 'test/labs/**'];
  // Versions are compared, not speeds.
  const patience = ['--testTimeout', '120000', '--hookTimeout', '120000'];
  const tests = run(node, [vitest, 'run', ...patience, ...paths], { env });
  const labs =
    values.labs === '' ? 0 : run(node, [vitest, 'run', ...patience, 'test/labs', '-t', values.labs], { env });
  const exact = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  say(`node ${exact}: ${tests + labs === 0 ? 'passed' : 'failed'}`);
  return tests + labs === 0;
}

/** The path of a version's program, out of npx's cache. */
function fetched(version) {
  const words = ['--yes', '--package', `node@${version}`, 'node', '-p', 'process.execPath'];
  const { status, stdout } = spawnSync('npx', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return status === 0 ? stdout.trim().split('\n').at(-1) : undefined;
}

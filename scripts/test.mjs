/**
 * npm test: installs, builds, checks format, lint and types, runs every test, and says at the end what was skipped and why.
 * The last line is `N passed, N failed, N skipped`; the exit status is 0 only when nothing failed.
 * `npm test -- <vitest arguments>` narrows, for instance `npm test -- test/wire` or `npm test -- -t link-down`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDocker } from './docker.mjs';
import { build, install, programs, root, run, say } from './setup.mjs';

const NEEDED = new Map([
  ['ip', 'iproute2'],
  ['sysctl', 'procps'],
  ['unshare', 'util-linux'],
  ['nft', 'nftables'],
  ['ping', 'iputils-ping'],
  ['tcpdump', 'tcpdump'],
  ['tshark', 'tshark'],
  ['iptables', 'iptables'],
  ['ebtables', 'ebtables'],
  ['ethtool', 'ethtool'],
  ['busybox', 'busybox-static'],
  ['/usr/lib/cni/bridge', 'containernetworking-plugins'],
]);

const narrowed = process.argv.slice(2);
install();
const missing = programs(NEEDED);
findDocker();
await build(true);

const tally = { passed: 0, failed: 0, skipped: [] };
if (narrowed.length === 0) {
  check('format and lint', 'node_modules/@biomejs/biome/bin/biome', ['check', '.']);
  check('types', 'node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json']);
}
tests();

if (tally.skipped.length > 0) console.log(`\nskipped:\n${tally.skipped.map((line) => `  ${line}`).join('\n')}`);
if (missing.length > 0)
  console.log(`\nnot installed: ${missing.join(', ')}; tests that need them were skipped or failed`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
console.log(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped.length} skipped`);

function check(name, program, args) {
  say(`checking ${name}`);
  const failed = run(process.execPath, [join(root, program), ...args]) !== 0;
  if (failed) say(`${name}: failed`);
  tally[failed ? 'failed' : 'passed'] += 1;
}

/** vitest, with its own output and a reporter that counts into a file. */
function tests() {
  const directory = mkdtempSync(join(tmpdir(), 'vdiag-test-'));
  const file = join(directory, 'tally.json');
  try {
    const args = ['run', '--reporter=default', `--reporter=${join(root, 'scripts/tally-reporter.mjs')}`, ...narrowed];
    const env = { ...process.env, VDIAG_TALLY: file };
    const status = run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], { env });
    const counted = readTally(file);
    tally.passed += counted.passed;
    // With -t everything else counts as skipped in vitest; it was not asked for.
    if (!narrowed.some((argument) => /^(-t|--testNamePattern)\b/.test(argument)))
      tally.skipped.push(...counted.skipped);
    // A file that could not be loaded, or an error outside of every test, fails the run without failing a test.
    tally.failed += counted.failed > 0 || status === 0 ? counted.failed : 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readTally(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: [] };
  }
}

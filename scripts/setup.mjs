/** What `npm start` and `npm test` need first: dependencies, a build, Debian's network programs. Plain Node. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const main = join(root, 'dist/cli/main.js');

/** Debian keeps these out of an ordinary user's PATH. */
process.env.PATH = `${process.env.PATH ?? ''}${delimiter}/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;

/** Progress: never on standard output, which belongs to the command that is run. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Installs the dependencies as the lock file has them, when they are missing or older than it. */
export function install() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules/.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  say('installing dependencies (npm install)');
  // Not `npm ci`: it insists on the packages of every platform, which not every registry mirror has.
  // No package here needs an install script, and the build comes next anyway.
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev'];
  quietly(npm(), ['install', ...flags], 'npm install');
}

/** Builds dist/, when it is older than src/ or when `always`: the types by tsc, which checks them, the code by the bundler. */
export async function build(always = false) {
  const inputs = ['tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/bundle.mjs'].map(
    (file) => statSync(join(root, file)).mtimeMs,
  );
  if (!always && existsSync(main) && statSync(main).mtimeMs >= Math.max(newest(join(root, 'src')), ...inputs)) return;
  say('building');
  // From nothing: what was removed from src/ must not live on.
  const nothing = () => rmSync(join(root, 'dist'), { recursive: true, force: true });
  nothing();
  quietly(
    [process.execPath, join(root, 'node_modules/typescript/bin/tsc')],
    ['-p', 'tsconfig.build.json', '--emitDeclarationOnly'],
    'the build',
    nothing,
  );
  // Installed by now.
  const { bundle } = await import('./bundle.mjs');
  await bundle(root);
}

/**
 * Sees to it that programs are there: installs their Debian packages when this is root and says so.
 * @param {ReadonlyMap<string, string>} packages the package of each program
 * @returns {string[]} the programs that are still missing; what to do about them has been said
 */
export function programs(packages) {
  const missing = () => [...packages.keys()].filter((program) => !found(program));
  const lacking = missing();
  if (lacking.length === 0) return [];
  const names = [...new Set(lacking.map((program) => packages.get(program)))];
  const line = `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (process.getuid?.() !== 0 || !found('apt-get')) {
    say(`missing: ${lacking.join(', ')}. Install with, as root: ${line}`);
    return lacking;
  }
  say(`installing Debian packages, as root: ${line}`);
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const apt = () => spawnSync('apt-get', ['-qq', ...line.split(' ').slice(1)], options).status === 0;
  if (!apt()) {
    // A bare machine has no package lists yet, an old one outdated ones.
    spawnSync('apt-get', ['-qq', 'update'], options);
    apt();
  }
  const left = missing();
  if (left.length > 0) say(`still missing: ${left.join(', ')}. Install with, as root: apt-get update && ${line}`);
  return left;
}

/** Runs a program with this terminal; gives its exit status as a shell would. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options });
  if (result.error) say(`cannot run ${command}: ${result.error.message}`);
  return result.status ?? (result.signal ? 130 : 2);
}

/** Says what a program had to say only when it failed; then leaves with status 2. */
function quietly([command, ...first], args, what, undo = () => {}) {
  const result = spawnSync(command, [...first, ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return;
  undo();
  say(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trim());
  say(`${what} failed (in ${root})`);
  process.exit(2);
}

/** npm that started this script, else the one in PATH. */
function npm() {
  const path = process.env.npm_execpath;
  return path && /\.c?js$/.test(path) ? [process.execPath, path] : ['npm'];
}

export function found(program) {
  if (program.startsWith('/')) return existsSync(program);
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));
}

function newest(directory) {
  let latest = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    latest = Math.max(latest, statSync(path).mtimeMs, entry.isDirectory() ? newest(path) : 0);
  }
  return latest;
}

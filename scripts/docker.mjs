/**
 * Docker for the tests, where it is not installed: Debian's packages unpacked beside the dependencies, not installed, so that
 * no daemon is started and nothing of this machine's network is changed. The tests run it in namespaces of their own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { found, root, say } from './setup.mjs';

const PACKAGES = ['docker.io', 'containerd', 'runc'];
/** What they are linked with: these are installed, they start nothing. */
const LIBRARIES = ['libdevmapper1.02.1', 'libseccomp2'];
const folder = join(root, 'node_modules/.cache/docker');

/** Puts a dockerd into PATH, if this is a Debian of root's; says what it does. Without one the tests say what they lack. */
export function findDocker() {
  if (found('dockerd') || process.getuid?.() !== 0 || !found('apt-get') || !found('dpkg-deb')) return;
  if (!existsSync(join(folder, 'usr/sbin/dockerd')) && !unpack()) {
    say(`no Docker for the tests: ${PACKAGES.join(', ')} could not be unpacked`);
    return;
  }
  process.env.PATH = [join(folder, 'usr/sbin'), join(folder, 'usr/bin'), process.env.PATH].join(delimiter);
}

function unpack() {
  say(`unpacking ${PACKAGES.join(', ')} into node_modules/.cache`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const does = (program, ...words) => spawnSync(program, words, options).status === 0;
  does('apt-get', '-qq', 'install', '-y', '--no-install-recommends', ...LIBRARIES);
  if (!does('apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', ...PACKAGES)) return false;
  const files = readdirSync(folder).filter((file) => file.endsWith('.deb'));
  const unpacked = files.every((file) => does('dpkg-deb', '-x', file, '.'));
  for (const file of files) rmSync(join(folder, file));
  return unpacked && files.length === PACKAGES.length;
}

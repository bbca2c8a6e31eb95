/**
 * npm start: installs and builds what is not there, then runs vdiag with the arguments; without any, the main job:
 * the network of the veth and bridge tutorials, built in private namespaces and traced live.
 */
import { build, install, main, programs, run } from './setup.mjs';

const MAIN_JOB = ['lab', 'run', 'bridge-port-owns-ip'];

install();
await build();
const given = process.argv.slice(2);
// vdiag reads the kernel's state through ip; the labs also set it.
programs(
  new Map([
    ['ip', 'iproute2'],
    ...(given.length === 0 || given[0] === 'lab'
      ? [
          ['unshare', 'util-linux'],
          ['sysctl', 'procps'],
        ]
      : []),
  ]),
);
// Ctrl-C is for vdiag, which still has a report to write.
process.on('SIGINT', () => {});
// npm sets the directory to this package's; file names are meant where the user is.
const cwd = process.env.INIT_CWD || process.cwd();
process.exitCode = run(process.execPath, [main, ...(given.length > 0 ? given : MAIN_JOB)], { cwd });

/** errno(3): names, and the error a failed system call becomes. */
import { constants } from 'node:os';
import { VdiagError } from './error.ts';

/** `EPERM` for 1; `errno 517` for a number the platform has no name for. Where two names share one number, the first. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `errno ${errno}`;
}

/**
 * What a failed call means to a user.
 * EPERM and EACCES become `permission`, an address family or protocol the kernel does not have `unsupported-platform`,
 * everything else `system-call`.
 *
 * @param call as a reader of strace would write it: `socket(AF_PACKET)`
 */
export function systemCallError(call: string, errno: number): VdiagError {
  const name = errnoName(errno);
  if (name === 'EPERM' || name === 'EACCES')
    return new VdiagError(
      'permission',
      `${call}: ${name}: capturing and probing need CAP_NET_RAW`,
      'run it with sudo, give node the capability (setcap cap_net_raw+ep), or try it in a network of your own: unshare -Urnm',
    );
  if ((name === 'EAFNOSUPPORT' || name === 'ESOCKTNOSUPPORT') && call.includes('AF_PACKET'))
    return new VdiagError(
      'unsupported-platform',
      'this kernel has no AF_PACKET (CONFIG_PACKET)',
      'load it: modprobe af_packet; captures can be analyzed here: vdiag analyze FILE',
    );
  if (name === 'EAFNOSUPPORT' || name === 'EPROTONOSUPPORT')
    return new VdiagError('unsupported-platform', `${call}: ${name}: this kernel does not have it`);
  if (name === 'ENOMEM' || name === 'ENOBUFS')
    return new VdiagError('system-call', `${call}: ${name}: not enough kernel memory`, 'make the capture ring smaller');
  return new VdiagError('system-call', `${call}: ${name}`);
}

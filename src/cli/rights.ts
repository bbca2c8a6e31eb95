/** Giving up what a command needs no more: what others have sent is read, and what they have named is printed, without rights. */
import { dropCapabilities } from '../linux/capabilities.ts';

/**
 * What stays: reading files, since parts of vdiag are loaded when they are asked for and captures may be anybody's; and for
 * those that write, writing where an administrator may. A kernel that refuses is no reason to do nothing.
 */
export function giveUpRights(writes = false): void {
  dropCapabilities({ keep: ['CAP_DAC_READ_SEARCH', ...(writes ? (['CAP_DAC_OVERRIDE', 'CAP_FOWNER'] as const) : [])] });
}

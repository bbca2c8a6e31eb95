/** What a command may do: programs it asks have its rights; what others have sent or named is read and printed without. */
import { dropCapabilities, dropPoolCapabilities, passOnCapabilities } from '../linux/capabilities.ts';

export interface StillNeeded {
  /** Files are written yet. */
  readonly writes?: boolean;
  /** Functions of the kernel are named yet: without CAP_SYSLOG it hides their addresses (kptr_restrict). */
  readonly symbols?: boolean;
}

/**
 * What stays in any case: reading files, since parts of vdiag are loaded when they are asked for and captures may be anybody's;
 * and for those that write, writing where an administrator may. A kernel that refuses is no reason to do nothing.
 */
export function giveUpRights({ writes = false, symbols = false }: StillNeeded = {}): void {
  dropCapabilities({
    keep: [
      'CAP_DAC_READ_SEARCH',
      ...(writes ? (['CAP_DAC_OVERRIDE', 'CAP_FOWNER'] as const) : []),
      ...(symbols ? (['CAP_SYSLOG'] as const) : []),
    ],
  });
}

/** As `giveUpRights`, before a capture is read: gzip is unpacked on threads of libuv's pool, so they give them up as well. */
export async function giveUpRightsToRead(needed: StillNeeded = {}): Promise<void> {
  giveUpRights(needed);
  await dropPoolCapabilities();
}

/** For commands that ask `ip` and `nft`: where vdiag has its rights from its file, they are to have them as well. */
export function shareRights(): void {
  passOnCapabilities();
}

/** Holding on to namespaces while they are read. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { NetnsHandle } from './netns.ts';

export interface PinnedNetns {
  /** The same handles; the path of each is now a file that this process holds open. */
  readonly handles: NetnsHandle[];
  /** Lets go of them; afterwards those paths lead nowhere. */
  release(): void;
}

/**
 * Opens every namespace once, so that none of them vanishes, and no path comes to mean another one, until `release`: the
 * process whose number stands in a path may end at any moment. One that cannot be opened keeps the path it has, and whoever
 * enters it is told why.
 */
export function pinNetns(handles: readonly NetnsHandle[]): PinnedNetns {
  const open: number[] = [];
  return {
    handles: handles.map((handle) => {
      const fd = openAt(handle);
      if (fd === undefined) return handle;
      open.push(fd);
      return { ...handle, path: `/proc/self/fd/${fd}` };
    }),
    release() {
      for (const fd of open.splice(0)) closeSync(fd);
    },
  };
}

function openAt(handle: NetnsHandle): number | undefined {
  try {
    const fd = openSync(handle.path, 'r');
    if (fstatSync(fd).ino === handle.inode) return fd;
    closeSync(fd);
  } catch {
    // Gone, not permitted, or no file left to open: seen again when it is entered.
  }
  return undefined;
}

/** Does a network namespace live on, or do only this program's own sockets hold it? */
import { statSync } from 'node:fs';
import { listNetns, type NetnsHandle } from './netns.ts';

/** The namespace, by the way it was found or another one; undefined when only this program's own files lead to it. */
export function stillThere(handle: NetnsHandle): NetnsHandle | undefined {
  try {
    if (statSync(handle.path).ino === handle.inode) return handle;
  } catch {
    // The process or the name is gone; the namespace may be reached by another.
  }
  const found = listNetns().find(({ inode }) => inode === handle.inode);
  return found && { ...found, id: handle.id };
}

/** The map of this machine, taken now. */
import { readDirectory } from '../containers/directory.ts';
import { type HostMap, hostMap } from '../containers/host-map.ts';
import { takeLandscape } from '../topology/landscape.ts';

/**
 * Every network namespace that can be seen from here, its links and addresses, and the containers in it. Sends nothing and
 * changes nothing. What cannot be read becomes a line in `gaps`.
 *
 * @param options.redact addresses, hardware addresses and names replaced by others
 */
export async function takeMap({ redact = false }: { readonly redact?: boolean } = {}): Promise<HostMap> {
  // One after the other: reading the kernel holds the event loop up, and a runtime's answer must not time out for that.
  const landscape = takeLandscape();
  const map = hostMap(landscape, await readDirectory());
  return redact ? (await import('../redact/map.ts')).redactMap(map) : map;
}

/** The state before a probe is sent, or would be: around where it starts, and whether it may be asked at all. */
import { attachContainers } from '../containers/attach.ts';
import type { NetnsHandle } from '../linux/netns.ts';
import { takeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import { refuseBroadcast, refuseOwnAddress, startLink } from './start.ts';
import type { Known } from './whereabouts.ts';

export interface Asked {
  readonly interface: string;
  /** Canonical. */
  readonly address: string;
  readonly signal?: AbortSignal;
}

/** @throws VdiagError no-such-interface, own-address, permission, missing-program */
export async function takeStateBefore(
  asked: Asked,
  { start, home }: { readonly start: NetnsHandle; readonly home: NetnsHandle },
  { directory }: Known,
): Promise<Topology> {
  const taken = await takeTopology({
    start,
    home,
    interfaceName: asked.interface,
    targetAddress: asked.address,
    ...(asked.signal === undefined ? {} : { signal: asked.signal }),
  });
  const before = attachContainers(taken, directory);
  const link = startLink(before, start, asked.interface);
  refuseBroadcast(link, asked.address);
  refuseOwnAddress(before, link, asked.address);
  return before;
}

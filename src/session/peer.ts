/** The other ends of an interface, or of all interfaces of a container. */
import { hostMap } from '../containers/host-map.ts';
import type { PeerAnswer } from '../report/peer-text.ts';
import { takeLandscape } from '../topology/landscape.ts';
import { homeNetns, lookAround, meantPlaces } from './whereabouts.ts';

/**
 * @param word an interface of this namespace, `IFACE@NETNS`, a container or a namespace
 * @throws VdiagError `no-such-interface`, `no-such-namespace`, `permission`
 */
export async function findPeers(word: string): Promise<PeerAnswer> {
  const landscape = takeLandscape();
  const known = await lookAround();
  const { netns, names } = meantPlaces(word, homeNetns(known), known);
  const map = hostMap(landscape, known.directory);
  const namespace = map.namespaces.find(({ inode }) => inode === netns.inode);
  const ends = namespace
    ? names.flatMap((name) => namespace.links.filter((link) => link.name === name).map((link) => ({ namespace, link })))
    : [];
  return { map, ends };
}

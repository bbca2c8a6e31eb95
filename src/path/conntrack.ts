/** Room for another connection: each namespace counts its own, and the limit is one for all (__nf_conntrack_alloc, net/netfilter/nf_conntrack_core.c). */
import type { Namespace, Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import type { ConntrackGate } from './gate.ts';
import { neighbourSetting } from './neighbour-table.ts';
import { type Port, placeOf, type World } from './world.ts';

/** Settings, by their names below net.; the limit is written in the initial namespace alone. */
export const CONNTRACK_LIMIT = 'netfilter.nf_conntrack_max';
const CONNTRACK_COUNT = 'netfilter.nf_conntrack_count';

/**
 * Undefined where there is room, or where nothing is tracked. Never a stop: the kernel first throws out a connection that
 * nobody has answered (early_drop), and whether it finds one is not known.
 */
export function conntrackGate({ topology }: World, port: Port): ConntrackGate | undefined {
  const { namespace } = port;
  const count = namespace.sysctls[CONNTRACK_COUNT];
  const limit = namespace.sysctls[CONNTRACK_LIMIT];
  if (count === undefined || limit === undefined || limit === 0 || count < limit || !isTracking(namespace))
    return undefined;
  const place = placeOf(port);
  return {
    kind: 'conntrack',
    place,
    verdict: 'unknown',
    count,
    limit,
    facts: [
      {
        text: `conntrack follows ${count} connections where ${placeName(topology, place)} is, and has room for ${limit}`,
        look: commandIn(topology, namespace.id, ['sysctl', `net.${CONNTRACK_COUNT}`, `net.${CONNTRACK_LIMIT}`]),
      },
    ],
  };
}

/** The initial namespace, where it was read: it alone has the limits that are one for all. */
export function conntrackHome({ namespaces }: Topology): Namespace | undefined {
  return namespaces.find(
    ({ sysctls }) => sysctls[neighbourSetting(4)] !== undefined && sysctls[CONNTRACK_LIMIT] !== undefined,
  );
}

/** A namespace follows connections as soon as one of its rules asks for them, or translates (nf_ct_netns_get). */
function isTracking({ filters }: Namespace): boolean {
  const { nftables, iptablesLegacy } = filters;
  if (/--(ct)?state |-j (MASQUERADE|[SD]NAT|REDIRECT|CT|CONNMARK)\b|-m conn/.test(iptablesLegacy ?? '')) return true;
  return /"type":"nat"|"ct":|"ct |"name":"(conn\w*|state|CT|CONNMARK)"/.test(JSON.stringify(nftables ?? []));
}

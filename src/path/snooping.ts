/** Multicast snooping of a bridge, as far as it decides where neighbour discovery goes (net/bridge/br_multicast.c, br_input.c). */
import { commandIn, placeName } from '../topology/naming.ts';
import type { FrameAddresses } from './ethernet.ts';
import type { Fact, SnoopingGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/** ff02::1, all nodes of the link: its packets go everywhere (br_multicast_ipv6_rcv). */
const ALL_NODES = 'ff02::1';

/** A frame that goes to the members of its group alone. */
export interface Snooped {
  readonly group: string;
  /** Names of the ports it goes to, and of the bridge where its own stack listens. */
  readonly members: ReadonlySet<string>;
  readonly facts: readonly Fact[];
}

/**
 * Undefined where the bridge floods the frame: it does not snoop, it was not read what it has heard, the frame is no IPv6
 * multicast, or there is no querier: without one nobody is reminded to report, and the table proves nothing.
 */
export function snooped(
  { topology }: World,
  bridge: Port,
  { carries }: FrameAddresses,
  vlan?: number,
): Snooped | undefined {
  const { bridge: settings, data, name } = bridge.link;
  const group = carries?.destination;
  if (!settings?.mcastSnooping || !settings.snooping || group === undefined || !/^ff/.test(group)) return undefined;
  if (group === ALL_NODES) return undefined;
  const { groups, routers, otherQuerier } = settings.snooping;
  const own = data.mcast_querier === 1 && hasLinkLocal(bridge);
  if (!own && !otherQuerier) return undefined;
  const members = groups
    .filter((entry) => entry.group === group && (vlan === undefined || entry.vlan === undefined || entry.vlan === vlan))
    .filter(({ source }) => source === undefined || source === carries?.source)
    .map(({ port }) => port);
  // A bridge that is a router of its own gets every group (mcast_router 2).
  const all = data.mcast_router === 2 ? [...members, ...routers, name] : [...members, ...routers];
  const { netns } = placeOf(bridge);
  const at = placeName(topology, placeOf(bridge));
  const asker = own ? 'it asks for members itself (mcast_querier 1)' : heardAt(otherQuerier?.port);
  return {
    group,
    members: new Set(all),
    facts: [
      {
        text: `${at} snoops multicast (mcast_snooping 1), and ${asker}: groups go to their members alone`,
        look: commandIn(topology, netns, ['ip', '-d', 'link', 'show', 'dev', name]),
      },
    ],
  };
}

function heardAt(port: string | undefined): string {
  return `a querier is heard${port === undefined ? '' : ` at ${port}`}`;
}

/** Without one a bridge cannot ask (br_ip6_multicast_alloc_query). */
function hasLinkLocal({ link }: Port): boolean {
  return link.addresses.some(
    ({ family, scope, flags }) => family === 6 && scope === 'link' && !flags.includes('tentative'),
  );
}

/** Does the group go to this port, or to the bridge's own stack? Nothing to tell where it does. */
export function snoopingGates(
  { topology }: World,
  bridge: Port,
  egress: Port,
  { group, members, facts }: Snooped,
): SnoopingGate[] {
  if (members.has(egress.link.name)) return [];
  const place = placeOf(egress);
  const text = `${bridge.link.name} has no entry for ${group} at ${placeName(topology, place)}`;
  const look = commandIn(topology, place.netns, ['bridge', 'mdb', 'show', 'dev', bridge.link.name]);
  return [
    {
      kind: 'snooping',
      place,
      verdict: 'stop',
      bridge: placeOf(bridge),
      group,
      host: egress.link.index === bridge.link.index,
      facts: [...facts, { text, look }],
    },
  ];
}

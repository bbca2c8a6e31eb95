/** What a change to a device does to the model. */
import { withRoutes } from './apply-address.ts';
import type { Change } from './change.ts';
import { editLink } from './edit.ts';
import type { BridgePort, Namespace } from './model.ts';

export type LinkChange = Extract<Change, { kind: 'link-up' | 'link-arp' | 'link-mtu' | 'enslave' }>;

export function applyLinkChange(namespace: Namespace, change: LinkChange): Namespace {
  const { name } = change.at;
  switch (change.kind) {
    case 'link-up':
      return linkUp(namespace, name);
    case 'link-arp':
      return {
        // Switching it forgets every neighbour, also one set by hand (arp_netdev_event).
        ...editLink(namespace, name, (link) => ({ ...link, flags: link.flags.filter((flag) => flag !== 'NOARP') })),
        neighbours: namespace.neighbours.filter(({ device, proxy }) => proxy || device !== name),
      };
    case 'link-mtu':
      // IPv6's own MTU of the device follows (addrconf_notify).
      return editLink(namespace, name, (link) => ({
        ...link,
        mtu: change.mtu,
        ipv6: link.ipv6.mtu === undefined ? link.ipv6 : { ...link.ipv6, mtu: change.mtu },
      }));
    case 'enslave':
      return enslave(namespace, name, change.bridge);
    default:
      return change satisfies never;
  }
}

/** A port as the kernel makes it (net/bridge/br_if.c new_nbp). */
const NEW_PORT: BridgePort = {
  state: 'forwarding',
  hairpin: false,
  isolated: false,
  locked: false,
  learning: true,
  flood: true,
  mcastFlood: true,
  bcastFlood: true,
  neighSuppress: false,
  proxyArp: false,
  vlans: [],
};

function enslave(namespace: Namespace, name: string, bridgeName: string): Namespace {
  const bridge = namespace.links.find((link) => link.name === bridgeName);
  return editLink(namespace, name, (link) => ({
    ...link,
    ...(bridge === undefined ? {} : { master: bridge.index }),
    port: {
      ...NEW_PORT,
      state: bridge?.flags.includes('UP') && link.flags.includes('UP') ? 'forwarding' : 'disabled',
    },
  }));
}

function linkUp(namespace: Namespace, name: string): Namespace {
  const raised = editLink(namespace, name, (link) => ({
    ...link,
    flags: [...new Set([...link.flags.filter((flag) => flag !== 'NO-CARRIER'), 'UP', 'LOWER_UP'])],
    operstate: 'up',
    // What could not be tried for duplicates while it was down is tried now, and is usable then (addrconf_dad_run).
    addresses: link.addresses.map((own) =>
      own.flags.includes('dadfailed') ? own : { ...own, flags: own.flags.filter((flag) => flag !== 'tentative') },
    ),
    ...(link.port === undefined ? {} : { port: { ...link.port, state: 'forwarding' as const } }),
  }));
  const link = raised.links.find((candidate) => candidate.name === name);
  if (!link) return raised;
  // With the bridge, its ports come up; with the device, the routes of its addresses.
  const withPorts: Namespace = {
    ...raised,
    links: raised.links.map((port) =>
      link.kind === 'bridge' && port.master === link.index && port.port !== undefined && port.flags.includes('UP')
        ? { ...port, port: { ...port.port, state: 'forwarding' } }
        : port,
    ),
  };
  return link.addresses.reduce((state, address) => withRoutes(state, name, address), withPorts);
}

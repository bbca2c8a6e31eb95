/** What a change does to the model: so a cure can be tried before it is promised. */
import { addAddress, deleteAddress } from './apply-address.ts';
import { applyLinkChange } from './apply-link.ts';
import { applyRouteChange } from './apply-route.ts';
import type { Change } from './change.ts';
import { applyBridgeChange } from './change-bridge.ts';
import { applyDeviceChange } from './change-device.ts';
import { applyFilterChange } from './change-filter.ts';
import { applyNatChange } from './change-nat.ts';
import { applyRoutingChange } from './change-routing.ts';
import { applyTrafficChange } from './change-traffic.ts';
import { editLink, editNamespace } from './edit.ts';
import type { Namespace, NetnsId, Topology } from './model.ts';
import { isUp, namespaceOf, peerOf } from './query.ts';

/** The topology as the kernel would have it after the changes, as far as the path model reads it. */
export function applyChanges(topology: Topology, changes: readonly Change[]): Topology {
  return changes.reduce(applyChange, topology);
}

function applyChange(topology: Topology, change: Change): Topology {
  const netns = 'at' in change ? change.at.netns : change.netns;
  const made = editNamespace(topology, netns, (namespace) => changed(namespace, change));
  return change.kind === 'link-up' ? withCarrier(made, change.at) : made;
}

/** The other end of a veth pair gets its carrier back, and with it its routes (fib_sync_up, net/ipv4/fib_semantics.c). */
function withCarrier(
  topology: Topology,
  { netns, name }: { readonly netns: NetnsId; readonly name: string },
): Topology {
  const link = namespaceOf(topology, netns)?.links.find((candidate) => candidate.name === name);
  const peer = link && peerOf(topology, netns, link);
  if (!peer || !isUp(peer.link)) return topology;
  const lost = new Set(['dead', 'linkdown']);
  return editNamespace(topology, peer.namespace.id, (namespace) => ({
    ...namespace,
    routes: namespace.routes.map((route) => ({
      ...route,
      nextHops: route.nextHops.map((hop) =>
        hop.device === peer.link.name ? { ...hop, flags: hop.flags.filter((flag) => !lost.has(flag)) } : hop,
      ),
    })),
  }));
}

function changed(namespace: Namespace, change: Change): Namespace {
  switch (change.kind) {
    case 'link-up':
    case 'link-arp':
    case 'link-mtu':
    case 'enslave':
      return applyLinkChange(namespace, change);
    case 'address-add':
      return addAddress(namespace, change.at.name, change);
    case 'address-del':
      return deleteAddress(namespace, change.at.name, change);
    case 'interface-sysctl':
      return editLink(namespace, change.at.name, (link) => ({
        ...link,
        ...(change.family === 6
          ? { ipv6: { ...link.ipv6, [change.setting]: change.value } }
          : { ipv4: { ...link.ipv4, [change.setting]: change.value } }),
      }));
    case 'namespace-sysctl':
      return setNamespaceSysctl(namespace, change.setting, change.value);
    case 'neighbour-flush':
      return {
        ...namespace,
        neighbours: namespace.neighbours.filter(
          ({ address, device, state, proxy }) =>
            address !== change.address || device !== change.at.name || proxy || /^(PERMANENT|NOARP)$/.test(state),
        ),
      };
    case 'neighbour-del':
      return {
        ...namespace,
        neighbours: namespace.neighbours.filter(
          ({ address, device }) => address !== change.address || device !== change.at.name,
        ),
      };
    case 'route-add':
    case 'route-replace':
      return applyRouteChange(namespace, change);
    case 'path-mtu-flush':
      return {
        ...namespace,
        pathMtus: (namespace.pathMtus ?? []).filter(({ family }) => family !== change.family),
      };
    case 'route-del':
    case 'rule-del':
      return applyRoutingChange(namespace, change);
    case 'filter-delete':
    case 'filter-accept':
      return applyFilterChange(namespace, change);
    case 'nat-table':
    case 'nat-chain':
    case 'nat-masquerade':
      return applyNatChange(namespace, change);
    case 'macvlan-add':
    case 'macvlan-mode':
    case 'macvlan-allow':
    case 'link-del':
    case 'vxlan-add':
    case 'vxlan-append':
    case 'vxlan-replace':
    case 'neighbour-set':
    case 'neighbour-proxy':
      return applyDeviceChange(namespace, change);
    case 'queue-del':
    case 'xdp-off':
    case 'classifier-del':
      return editLink(namespace, change.at.name, (link) => applyTrafficChange(link, change));
    case 'link-down':
    case 'port-flag':
    case 'port-forwarding':
    case 'bridge-stp-off':
    case 'bridge-snooping-off':
    case 'fdb-flush':
    case 'fdb-del':
    case 'vlan-add':
    case 'link-mac':
      return applyBridgeChange(namespace, change);
    default:
      return change satisfies never;
  }
}

function setNamespaceSysctl(namespace: Namespace, setting: string, value: number): Namespace {
  const edited = { ...namespace, sysctls: { ...namespace.sysctls, [setting]: value } };
  // Writing `all` sets every interface (addrconf_fixup_forwarding).
  if (setting === 'ipv6.conf.all.forwarding')
    return {
      ...edited,
      links: edited.links.map((link) => ({ ...link, ipv6: { ...link.ipv6, forwarding: value } })),
    };
  if (setting !== 'ipv4.ip_forward') return edited;
  // Writing ip_forward sets every interface (inet_forward_change, net/ipv4/devinet.c).
  return {
    ...edited,
    sysctls: { ...edited.sysctls, 'ipv4.conf.all.forwarding': value, 'ipv4.conf.default.forwarding': value },
    links: edited.links.map((link) => ({ ...link, ipv4: { ...link.ipv4, forwarding: value } })),
  };
}

/**
 * Changes to a topology, as remedies make them. Each is both a command for a person and an edit of the model:
 * so a cure can be tried on the model before it is promised.
 */

import { type BridgeChange, bridgeWords } from './change-bridge.ts';
import { type DeviceChange, deviceWords } from './change-device.ts';
import { type FilterChange, filterWords } from './change-filter.ts';
import { type NatChange, natWords } from './change-nat.ts';
import { type RoutingChange, routingWords } from './change-routing.ts';
import { type TrafficChange, trafficWords } from './change-traffic.ts';
import type { NetnsId, Topology } from './model.ts';
import { commandIn, interfaceSysctl } from './naming.ts';

interface At {
  readonly netns: NetnsId;
  readonly name: string;
}

export type Change =
  | BridgeChange
  | DeviceChange
  | FilterChange
  | NatChange
  | RoutingChange
  | TrafficChange
  | { readonly kind: 'link-up'; readonly at: At }
  /** ARP on again. */
  | { readonly kind: 'link-arp'; readonly at: At }
  | { readonly kind: 'link-mtu'; readonly at: At; readonly mtu: number }
  | { readonly kind: 'enslave'; readonly at: At; readonly bridge: string }
  | {
      readonly kind: 'address-add' | 'address-del';
      readonly at: At;
      readonly address: string;
      readonly prefixLength: number;
    }
  /** One interface's net.ipv4.conf setting, or net.ipv6.conf where that is named. */
  | {
      readonly kind: 'interface-sysctl';
      readonly at: At;
      readonly family?: 6;
      readonly setting: string;
      readonly value: number;
    }
  /** A setting of a whole namespace, by its name below net. ("ipv4.ip_forward"). */
  | { readonly kind: 'namespace-sysctl'; readonly netns: NetnsId; readonly setting: string; readonly value: number }
  | { readonly kind: 'neighbour-del'; readonly at: At; readonly address: string }
  /** As `neighbour-del`, of an entry that may not be there, and not of one set by hand. */
  | { readonly kind: 'neighbour-flush'; readonly at: At; readonly address: string }
  | {
      readonly kind: 'route-add' | 'route-replace';
      readonly netns: NetnsId;
      readonly destination: string;
      readonly gateway?: string;
      readonly device?: string;
      /** The gateway is taken to be on the device's link, whatever its addresses say. */
      readonly onLink?: boolean;
      /** `main` when absent. */
      readonly table?: string;
      readonly metric?: number;
      readonly source?: string;
      /** The route's own MTU, bytes. */
      readonly mtu?: number;
    }
  /** Forgets what ICMP errors have taught the namespace of paths. */
  | { readonly kind: 'path-mtu-flush'; readonly netns: NetnsId; readonly family: 4 | 6 };

/** A change that sets a route. */
export type RouteChange = Extract<Change, { kind: 'route-add' | 'route-replace' }>;

/** The command line that makes the change, runnable as root in the starting namespace. */
export function changeCommand(topology: Topology, change: Change): string {
  const run = (netns: NetnsId, ...words: string[]) => commandIn(topology, netns, words);
  switch (change.kind) {
    case 'link-up':
      return run(change.at.netns, 'ip', 'link', 'set', ...linkWords(change.at.name), 'up');
    case 'link-arp':
      return run(change.at.netns, 'ip', 'link', 'set', ...linkWords(change.at.name), 'arp', 'on');
    case 'link-mtu':
      return run(change.at.netns, 'ip', 'link', 'set', ...linkWords(change.at.name), 'mtu', String(change.mtu));
    case 'enslave':
      return run(change.at.netns, 'ip', 'link', 'set', ...linkWords(change.at.name), 'master', change.bridge);
    case 'address-add':
    case 'address-del': {
      const verb = change.kind === 'address-add' ? 'add' : 'del';
      return run(
        change.at.netns,
        'ip',
        'addr',
        verb,
        `${change.address}/${change.prefixLength}`,
        'dev',
        change.at.name,
      );
    }
    case 'interface-sysctl': {
      const variable = interfaceSysctl(change.family === 6 ? 'ipv6' : 'ipv4', change.at.name, change.setting);
      return run(change.at.netns, 'sysctl', '-w', `${variable}=${change.value}`);
    }
    case 'namespace-sysctl':
      return run(change.netns, 'sysctl', '-w', `net.${change.setting}=${change.value}`);
    case 'neighbour-flush':
      return run(change.at.netns, 'ip', 'neigh', 'flush', 'to', change.address, 'dev', change.at.name);
    case 'neighbour-del':
      return run(change.at.netns, 'ip', 'neigh', 'del', change.address, 'dev', change.at.name);
    case 'route-add':
    case 'route-replace': {
      const destination = /\/0$/.test(change.destination) ? 'default' : change.destination;
      return run(
        change.netns,
        ...(/:/.test(change.destination) ? ['ip', '-6', 'route'] : ['ip', 'route']),
        ...[change.kind === 'route-add' ? 'add' : 'replace', destination],
        ...(change.gateway === undefined ? [] : ['via', change.gateway]),
        ...(change.device === undefined ? [] : ['dev', change.device]),
        ...(change.onLink ? ['onlink'] : []),
        ...(change.source === undefined ? [] : ['src', change.source]),
        ...(change.metric ? ['metric', String(change.metric)] : []),
        ...(change.mtu === undefined ? [] : ['mtu', String(change.mtu)]),
        ...(change.table === undefined || change.table === 'main' ? [] : ['table', change.table]),
      );
    }
    case 'path-mtu-flush':
      return run(change.netns, ...(change.family === 6 ? ['ip', '-6'] : ['ip']), 'route', 'flush', 'cache');
    case 'route-del':
    case 'rule-del':
      return run(change.netns, ...routingWords(change));
    case 'filter-delete':
    case 'filter-accept':
      return run(change.netns, ...filterWords(change));
    case 'nat-table':
    case 'nat-chain':
    case 'nat-masquerade':
      return run(change.netns, ...natWords(change));
    case 'macvlan-add':
    case 'macvlan-mode':
    case 'macvlan-allow':
    case 'link-del':
    case 'vxlan-add':
    case 'vxlan-append':
    case 'vxlan-replace':
    case 'neighbour-set':
    case 'neighbour-proxy':
      return run(change.at.netns, ...deviceWords(change));
    case 'queue-del':
    case 'xdp-off':
    case 'classifier-del':
      return run(change.at.netns, ...trafficWords(change));
    case 'link-down':
    case 'port-flag':
    case 'port-forwarding':
    case 'bridge-stp-off':
    case 'bridge-snooping-off':
    case 'fdb-flush':
    case 'fdb-del':
    case 'vlan-add':
    case 'link-mac':
      return run(change.at.netns, ...bridgeWords(change));
    default:
      return change satisfies never;
  }
}

/** `ip link set` reads some names as words of its own, also as the beginning of one, unless `dev` stands before them. */
const LINK_WORDS = (
  'up down dev name index link link-netnsid address broadcast brd txqueuelen qlen txqlen mtu xdp xdpgeneric xdpdrv xdpoffload netns ' +
  'multicast allmulticast promisc trailers arp carrier vf master vrf nomaster dynamic type alias group mode state ' +
  'numtxqueues numrxqueues addrgenmode protodown protodown_reason gso_max_size gso_max_segs gro_max_size ' +
  'gso_ipv4_max_size gro_ipv4_max_size parentdev help'
).split(' ');

function linkWords(name: string): string[] {
  return LINK_WORDS.some((word) => word.startsWith(name)) ? ['dev', name] : [name];
}

/** Causes that look alike on the wire, and the command that tells each from the others. Most frequent first. */
import type { Candidate } from '../analysis.ts';

/** ARP requests for an address that come everywhere and are answered by nobody. */
export function silentOwner(source: string, target: string): Candidate[] {
  return [
    {
      rule: 'address-missing',
      why: `nobody has ${target}: never set, lost when its interface moved, or the host is off`,
      look: `ip -br addr | grep ${target}`,
    },
    { rule: 'link-down', why: `the interface with ${target} is down`, look: 'ip -br link' },
    {
      rule: 'arp-ignored',
      why: 'the owner may not answer on that interface (arp_ignore, arp_filter)',
      look: "sysctl -a --pattern 'arp_(ignore|filter)'",
    },
    {
      rule: 'source-is-local',
      why: `${source} belongs to the answering namespace as well: it ignores the request`,
      look: `ip -br addr | grep ${source}`,
    },
    {
      rule: 'reverse-path-filter',
      why: `the owner has no way back to ${source} by that interface, and ignores the request`,
      look: `ip route get ${source}`,
    },
    { rule: 'arp-filtered', why: 'a filter of family arp drops the request or the reply', look: 'nft list ruleset' },
    {
      rule: 'bridge-port-owns-ip',
      why: `the interface with ${target} is a port of a bridge, which takes what comes in by it`,
      look: 'ip -br addr; bridge link',
    },
    {
      rule: 'gateway-unreachable',
      why: `${target} is the router of ${source}, and there is none on this segment`,
      look: `ip route show via ${target}`,
    },
    {
      rule: 'address-prefix-wrong',
      why: `${target} is behind a router, and ${source} takes it for a neighbour: its prefix is too short`,
      look: `ip route get ${target}`,
    },
    {
      rule: 'route-missing',
      why: `no route of ${source} covers ${target}, and it is asked for on the link (ping -I)`,
      look: `ip route get ${target}`,
    },
    {
      rule: 'arp-proxy-missing',
      why: `the router in front of ${target} should answer for it and does not`,
      look: "sysctl -a --pattern 'proxy_arp'",
    },
  ];
}

/** The same for neighbour solicitations. */
export function silentNeighbour(target: string): Candidate[] {
  return [
    {
      rule: 'address-missing',
      why: `nobody has ${target}: never set, lost when its interface moved or went down, or the host is off`,
      look: `ip -6 -br addr | grep ${target}`,
    },
    {
      rule: 'address-tentative',
      why: `${target} is still tentative, or failed duplicate address detection`,
      look: `ip -6 addr show to ${target}`,
    },
    { rule: 'ipv6-disabled', why: 'IPv6 is off on the interface', look: "sysctl -a --pattern 'disable_ipv6'" },
    {
      rule: 'bridge-snooping-drops-nd',
      why: 'multicast snooping on a bridge swallows the solicitation',
      look: 'ip -d link show type bridge; bridge mdb show',
    },
    {
      rule: 'bridge-multicast-flood-off',
      why: `a bridge port towards ${target} gets no multicasts`,
      look: 'bridge -d link show',
    },
    { rule: 'filter-input-drop', why: 'a filter of the owner drops ICMPv6', look: 'nft list ruleset' },
  ];
}

/** Echo requests that come to their target and are not answered. */
export function silentTarget(source: string): Candidate[] {
  return [
    { rule: 'filter-input-drop', why: 'a filter of the target drops them', look: 'nft list ruleset' },
    { rule: 'route-return-missing', why: `the target has no route back to ${source}`, look: `ip route get ${source}` },
    {
      rule: 'reverse-path-filter',
      why: 'the target would answer by another interface than they came in by, and drops them',
      look: "sysctl -a --pattern '\\.rp_filter'",
    },
    {
      rule: 'echo-ignored',
      why: 'the target answers no pings at all; TCP may well work',
      look: 'sysctl net.ipv4.icmp_echo_ignore_all',
    },
    { rule: 'link-tc-drop', why: 'a tc filter, a queue or an XDP program drops them', look: 'tc -s qdisc; ip -d link' },
    {
      rule: 'neighbor-wrong-mac',
      why: 'they are addressed to a hardware address that the target does not have, or has no longer',
      look: 'ip neigh show',
    },
    {
      rule: 'bridge-mac-changed',
      why: 'the target is a bridge that took another hardware address when its ports changed',
      look: 'ip -br link show type bridge',
    },
  ];
}

/** What comes to nobody but the asker's segment, although other places of it were captured. */
export function silentBridge(places: readonly string[]): Candidate[] {
  const [first = ''] = places;
  return [
    {
      rule: 'bridge-down',
      why: 'the bridge is down, or has no port with a carrier',
      look: 'ip -br link show type bridge',
    },
    { rule: 'bridge-port-detached', why: `${first} is in no bridge, or in another one`, look: 'bridge link' },
    ...floodStopped(first),
    { rule: 'bridge-port-locked', why: `the bridge port at ${first} is locked`, look: 'bridge -d link' },
    {
      rule: 'bridge-filter-drop',
      why: 'a filter of family bridge drops them',
      look: 'nft list tables bridge; ebtables -L',
    },
    {
      rule: 'bridge-hairpin-off',
      why: 'the target is behind the port they came by, and the bridge sends nothing back out of it',
      look: `bridge -d link show dev ${first}`,
    },
  ];
}

/**
 * Echo requests to a target that is no neighbour: the routers between may lose them, or the target may not find back.
 * @param forwarded a router has passed them on already
 */
export function silentBehindRouter(source: string, target: string, forwarded: boolean): Candidate[] {
  const lost = [
    { rule: 'filter-forward-drop', why: 'a router on the way drops them', look: 'nft list ruleset' },
    { rule: 'forwarding-off', why: 'the router does not forward', look: 'sysctl net.ipv4.ip_forward' },
  ];
  const back = [
    { rule: 'route-return-missing', why: `${target} has no route back to ${source}`, look: `ip route get ${source}` },
    {
      rule: 'nat-masquerade-missing',
      why: `${source} is a private address that nobody behind the router knows a way back to`,
      look: 'nft list table ip nat; iptables-save -t nat',
    },
    ...silentTarget(source).filter(({ rule }) => rule !== 'route-return-missing'),
  ];
  return forwarded ? back : [...lost, ...back];
}

/** Places that saw nothing at all, not even broadcasts. */
export function silentPort(places: readonly string[]): Candidate[] {
  const [first = ''] = places;
  return [
    {
      rule: 'bridge-port-not-forwarding',
      why: `${places.join(', ')} saw no frame at all: a bridge port there does not forward`,
      look: `bridge -d link show dev ${first}`,
    },
    {
      rule: 'bridge-port-detached',
      why: `${places.join(', ')} is in no bridge, or in another one`,
      look: `ip -d link show dev ${first}`,
    },
  ];
}

/** How a packet gets from one place to the next, as far as the sightings tell. */
export type Carriage = 'bridged' | 'routed' | 'unknown';

/** Packets that do not come from one place to the next. */
export function stoppedBetween(last: string, next: string, carriage: Carriage): Candidate[] {
  const bridged = [
    {
      rule: 'bridge-netfilter-drop',
      why: 'bridged packets pass the FORWARD chain, which drops them',
      look: 'sysctl net.bridge.bridge-nf-call-iptables; iptables-save -c -t filter',
    },
    {
      rule: 'bridge-filter-drop',
      why: 'a filter of family bridge drops them',
      look: 'nft list tables bridge; ebtables -L',
    },
    {
      rule: 'bridge-port-not-forwarding',
      why: `a bridge port towards ${next} does not forward`,
      look: `bridge -d link show dev ${next}`,
    },
    {
      rule: 'bridge-unicast-flood-off',
      why: `the bridge does not know the address, and floods nothing to ${next}`,
      look: `bridge -d link show dev ${next}; bridge fdb show`,
    },
    {
      rule: 'link-mac-duplicate',
      why: 'another port has the same hardware address, and the bridge sends to the one it heard last',
      look: 'ip -br link',
    },
    {
      rule: 'bridge-fdb-wrong-port',
      why: 'a forwarding entry of the bridge sends them out of another port',
      look: 'bridge fdb show',
    },
  ];
  const routed = [
    { rule: 'filter-forward-drop', why: 'the router between the two drops them', look: 'nft list ruleset' },
    { rule: 'forwarding-off', why: 'the machine between the two does not forward', look: 'sysctl net.ipv4.ip_forward' },
    {
      rule: 'reverse-path-filter',
      why: 'the router would answer by another interface than they came in by, and drops them',
      look: "sysctl -a --pattern '\\.rp_filter'",
    },
  ];
  const either = [
    {
      rule: 'link-tc-drop',
      why: 'a tc filter or an XDP program drops them',
      look: `tc filter show dev ${last} ingress`,
    },
    {
      rule: 'link-mtu-smaller',
      why: `${next} takes only smaller packets than ${last}`,
      look: `ip link show dev ${next}`,
    },
  ];
  return [...(carriage === 'routed' ? [] : bridged), ...(carriage === 'bridged' ? [] : routed), ...either];
}

/** Replies that go somewhere else than the requests came from. */
export function misdirected(source: string, target: string, carriage: Carriage): Candidate[] {
  const routed = {
    rule: 'route-return-missing',
    why: `the router where it ends has no route back to ${source}`,
    look: `ip route get ${source}`,
  };
  return [
    ...(carriage === 'bridged' ? [] : [routed]),
    {
      rule: 'address-duplicate',
      why: `somebody else has ${source} as well, and the replies go there`,
      look: `ip -br addr | grep ${source}`,
    },
    {
      rule: 'neighbor-wrong-mac',
      why: `${target} has a wrong neighbour entry for ${source}, or for its router`,
      look: 'ip neigh show',
    },
  ];
}

/** ARP or neighbour requests that do not come from one place to the next. */
export function floodStopped(next: string): Candidate[] {
  return [
    {
      rule: 'bridge-port-not-forwarding',
      why: `the bridge port towards ${next} does not forward`,
      look: `bridge -d link show dev ${next}`,
    },
    {
      rule: 'bridge-broadcast-flood-off',
      why: `the bridge does not flood broadcasts to ${next}`,
      look: `bridge -d link show dev ${next}`,
    },
    {
      rule: 'bridge-port-isolated',
      why: 'both ports are isolated from each other',
      look: `bridge -d link show dev ${next}`,
    },
    { rule: 'arp-filtered', why: 'a filter of family bridge or arp drops them', look: 'nft list ruleset' },
  ];
}

/** The length of a packet against the MTUs on its way: who cuts it, and who drops it without a word. */
import type { Family } from '../topology/address.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import type { MtuGate, Tunnel } from './gate.ts';
import type { RoutedMtu } from './path-mtu.ts';
import { type Port, placeOf, type World } from './world.ts';

/** Headers without options (RFC 791, RFC 8200), of an echo request (RFC 792, RFC 4443), and of a fragment over IPv6. */
export const IP_HEADER_BYTES: Readonly<Record<Family, number>> = { 4: 20, 6: 40 };
const FRAGMENT_HEADER_BYTES: Readonly<Record<Family, number>> = { 4: 0, 6: 8 };
export const ECHO_HEADER_BYTES = 8;

/** is_skb_forwardable (net/core/dev.c) leaves room for a VLAN tag, whether there is one or not. */
const SLACK_BYTES = 4;

/** The IP packet of an echo with so many data bytes. */
export function echoLength(sizeBytes: number, family: Family = 4): number {
  return IP_HEADER_BYTES[family] + ECHO_HEADER_BYTES + sizeBytes;
}

/** The longest fragment when a stack sends a packet of this length by a device of this MTU (ip_do_fragment): all but the last are multiples of 8. */
export function longestFragment(lengthBytes: number, mtu: number, family: Family = 4): number {
  if (lengthBytes <= mtu) return lengthBytes;
  const headers = IP_HEADER_BYTES[family] + FRAGMENT_HEADER_BYTES[family];
  return headers + Math.floor((mtu - headers) / 8) * 8;
}

/** What is carried, as far as its length decides. */
export interface Sized {
  /** The IP packet, bytes; absent for what fits everywhere (ARP). */
  readonly lengthBytes?: number;
  /** It may be cut on the way: no don't-fragment bit. */
  readonly fragmentable?: boolean;
  /** Its sender refuses to cut it to what it knows of the path (IP_PMTUDISC_DO). */
  readonly whole?: 'known' | 'device';
}

/**
 * is_skb_forwardable: what the end of a veth pair, or a macvlan's lower device, takes in is no longer than its MTU.
 * What is longer is dropped, and no error is sent. Undefined where there is nothing to decide: the device takes all that
 * Ethernet's usual MTU brings, and this is no more.
 */
export function receiverMtuGate(world: World, port: Port, { lengthBytes }: Sized): MtuGate | undefined {
  if (lengthBytes === undefined || fitsUsual(port, lengthBytes)) return undefined;
  return gate(world, port, 'peer', lengthBytes, lengthBytes > port.link.mtu + SLACK_BYTES);
}

/**
 * What a bridge port sends on. With bridged IP going through netfilter there is no room to spare, but what may be cut is
 * cut: `passes` is then the longest fragment (br_nf_dev_queue_xmit, net/bridge/br_netfilter_hooks.c).
 * @param bridge the bridge that passes the packet on from another port; absent for what its own stack sends
 */
export function portMtuGate(
  world: World,
  port: Port,
  { lengthBytes, fragmentable }: Sized,
  bridge?: Port,
): { readonly gate: MtuGate; readonly passes: number } | undefined {
  if (lengthBytes === undefined || fitsUsual(port, lengthBytes)) return undefined;
  const { mtu } = port.link;
  if (!bridge || !callsIptables(bridge))
    return { gate: gate(world, port, 'bridge', lengthBytes, lengthBytes > mtu + SLACK_BYTES), passes: lengthBytes };
  const cuts = fragmentable === true && lengthBytes > mtu;
  return {
    gate: gate(world, port, 'bridge', lengthBytes, lengthBytes > mtu && !cuts),
    passes: cuts ? longestFragment(lengthBytes, mtu) : lengthBytes,
  };
}

function fitsUsual({ link }: Port, lengthBytes: number): boolean {
  return link.mtu >= USUAL_MTU && lengthBytes <= link.mtu;
}

/** br_netfilter is loaded, and switched on for the namespace or for this bridge (br_nf_pre_routing). */
function callsIptables({ namespace, link }: Port): boolean {
  const setting = namespace.sysctls['bridge.bridge-nf-call-iptables'];
  return setting !== undefined && (setting !== 0 || link.bridge?.nfCallIptables === true);
}

const USUAL_MTU = 1500;

/**
 * What may not be cut, and is longer than what a tunnel has room for, is dropped by its device. From a port of a bridge it
 * gets an ICMP error in the name of its target.
 * @param room the longest IP packet that fits
 */
export function tunnelMtuGate(
  world: World,
  port: Port,
  { lengthBytes = 0 }: Sized,
  room: number,
  tunnel: Tunnel,
): MtuGate {
  const { topology } = world;
  const place = placeOf(port);
  const text = `${placeName(topology, place)} has room for ${room} bytes on its way to ${tunnel.remote}: a packet of ${lengthBytes} bytes does not fit`;
  const look = commandIn(topology, place.netns, ['ip', '-d', 'link', 'show', port.link.name]);
  return { kind: 'mtu', place, verdict: 'stop', by: 'router', mtu: room, lengthBytes, tunnel, facts: [{ text, look }] };
}

/** A sender that may not fragment refuses what its device, its route, or the path as it knows it cannot carry (EMSGSIZE). Undefined where it fits. */
export function senderMtuGate(
  world: World,
  port: Port,
  { mtu, of }: RoutedMtu,
  lengthBytes: number,
  destination: string,
): MtuGate | undefined {
  if (lengthBytes <= mtu) return undefined;
  const refused = gate(world, port, 'sender', lengthBytes, true);
  return of === 'device' ? { ...refused, mtu } : routed(world, port, { ...refused, mtu, of }, destination);
}

/** A router that may not cut a packet answers with an ICMP error (ip_forward, ip6_forward). Undefined where it fits. */
export function routerMtuGate(
  world: World,
  port: Port,
  { mtu, of }: RoutedMtu,
  lengthBytes: number,
  destination: string,
): MtuGate | undefined {
  if (lengthBytes <= mtu) return undefined;
  const refused = gate(world, port, 'router', lengthBytes, true);
  return of === 'device' ? { ...refused, mtu } : routed(world, port, { ...refused, mtu, of }, destination);
}

/** The limit is not the device's own. */
function routed(world: World, { namespace, link }: Port, found: MtuGate, destination: string): MtuGate {
  const { topology } = world;
  const name = placeName(topology, found.place);
  const text =
    found.of === 'route'
      ? `the route to ${destination} by ${name} has an MTU of ${found.mtu}: a packet of ${found.lengthBytes} bytes does not fit`
      : `${name} was told that no more than ${found.mtu} bytes pass on the way to ${destination}: a packet of ${found.lengthBytes} bytes does not fit`;
  const ip = /:/.test(destination) ? ['ip', '-6'] : ['ip'];
  const words = ['route', 'get', destination, 'oif', link.name];
  return { ...found, facts: [{ text, look: commandIn(topology, namespace.id, [...ip, ...words]) }] };
}

function gate(world: World, port: Port, by: MtuGate['by'], lengthBytes: number, stops: boolean): MtuGate {
  const { topology } = world;
  const place = placeOf(port);
  const { mtu } = port.link;
  const fits = stops ? 'does not fit' : 'fits';
  return {
    kind: 'mtu',
    place,
    verdict: stops ? 'stop' : 'pass',
    by,
    mtu,
    lengthBytes,
    facts: [
      {
        text: `the MTU of ${placeName(topology, place)} is ${mtu}: a packet of ${lengthBytes} bytes ${fits}`,
        look: commandIn(topology, place.netns, ['ip', 'link', 'show', port.link.name]),
      },
    ],
  };
}

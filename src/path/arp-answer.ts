/** Does a stack that owns the address asked for answer? NOARP, arp_ignore and arp_filter (net/ipv4/arp.c arp_rcv, arp_process). */
import type { Address, Link, Namespace } from '../topology/model.ts';
import { commandIn, interfaceSysctl, placeName } from '../topology/naming.ts';
import { prefixContains } from '../topology/prefix.ts';
import { ipv4Setting } from '../topology/query.ts';
import { findRoute, routeText } from './fib.ts';
import type { ArpAnswerGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/** IFF_NOARP: what arp_rcv throws away unread. */
export function noArpGate(world: World, port: Port): ArpAnswerGate {
  const { topology } = world;
  const place = placeOf(port);
  const off = port.link.flags.includes('NOARP');
  return {
    kind: 'arp-answer',
    place,
    by: off ? 'noarp' : 'nothing',
    verdict: off ? 'stop' : 'pass',
    facts: [
      {
        text: `${placeName(topology, place)} has ARP ${off ? 'off (NOARP)' : 'on'}`,
        look: commandIn(topology, place.netns, ['ip', 'link', 'show', port.link.name]),
      },
    ],
  };
}

/** arp_ignore and arp_filter (Documentation/networking/ip-sysctl.rst). */
export function arpSettingsGate(world: World, port: Port, sender: string, target: string): ArpAnswerGate {
  const { topology } = world;
  const { namespace, link } = port;
  const place = placeOf(port);
  const ignore = ipv4Setting(namespace, link, 'arp_ignore');
  const filter = ipv4Setting(namespace, link, 'arp_filter');
  const show = (setting: string) =>
    commandIn(topology, place.netns, [
      'sysctl',
      `net.ipv4.conf.all.${setting}`,
      interfaceSysctl('ipv4', link.name, setting),
    ]);
  const decided = (by: ArpAnswerGate['by'], verdict: ArpAnswerGate['verdict'], text: string): ArpAnswerGate => ({
    kind: 'arp-answer',
    place,
    by,
    verdict,
    facts: [{ text, look: show(by === 'arp_filter' ? 'arp_filter' : 'arp_ignore') }],
  });
  if (ignore === undefined || filter === undefined)
    return decided(
      'nothing',
      'unknown',
      `arp_ignore and arp_filter of ${placeName(topology, place)} could not be read`,
    );
  const refusal = ignoreReason(namespace, link, ignore, sender, target);
  if (refusal !== undefined)
    return decided('arp_ignore', 'stop', `arp_ignore is ${ignore} at ${placeName(topology, place)}${refusal}`);
  if (filter === 1) {
    const back = findRoute(namespace, { destination: sender, source: target });
    if (back?.device !== link.name)
      return decided(
        'arp_filter',
        'stop',
        `arp_filter is 1 at ${placeName(topology, place)}, and the way back to ${sender} is ${back ? routeText(back) : 'missing'}`,
      );
  }
  return decided('nothing', 'pass', `${placeName(topology, place)} answers for ${target}`);
}

/** arp_ignore() and inet_confirm_addr(): what of the request the setting does not like; undefined when it is answered. */
function ignoreReason(
  namespace: Namespace,
  link: Link,
  ignore: number,
  sender: string,
  target: string,
): string | undefined {
  const here = link.addresses.some(({ address }) => address === target);
  if (ignore === 8) return '';
  if ((ignore === 1 || ignore === 2) && !here) return `, and ${target} is not an address of ${link.name}`;
  if (ignore === 2 && sender !== '0.0.0.0' && !link.addresses.some((own) => covers(own, target) && covers(own, sender)))
    return `, and ${sender} is in no subnet of ${link.name}`;
  const anywhere = namespace.links.flatMap(({ addresses }) => addresses).filter(({ address }) => address === target);
  if (ignore === 3 && anywhere.every(({ scope }) => scope === 'host')) return `, and ${target} has scope host`;
  return undefined;
}

/** inet_ifa_match: of a point-to-point address the prefix is the other end's. */
export function covers({ family, address, peer, prefixLength }: Address, other: string): boolean {
  return family === 4 && prefixContains(`${peer ?? address}/${prefixLength}`, other);
}

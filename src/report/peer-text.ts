/** The other end of an interface, in the words of ip(8): number, name, namespace, container, bridge. */
import { type HostMap, type LinkFinder, linkFinder, type MapLink, networkOf } from '../containers/host-map.ts';
import { addressWords, kindWords, stateWords } from '../containers/link-words.ts';
import { linkJson } from './map-json.ts';
import { printable } from './printable.ts';
import { wrapped } from './prose.ts';
import type { Terminal } from './terminal.ts';

/** What was asked about: each interface with what is at its other end. */
export interface PeerAnswer {
  readonly map: HostMap;
  readonly ends: readonly MapLink[];
}

/** Is there another end, or a device below, for any of them? */
export function hasOtherEnd({ map, ends }: PeerAnswer): boolean {
  const finder = linkFinder(map);
  return ends.some(
    (at) => finder.peer(at) !== undefined || finder.lower(at) !== undefined || finder.ports(at).length > 0,
  );
}

/** One paragraph for each interface, ending in a newline. */
export function peerText({ map, ends }: PeerAnswer, terminal: Terminal): string {
  const finder = linkFinder(map);
  // Of all interfaces of a namespace a bridge tells of its ports as well.
  const told = new Set(ends.length > 1 ? ends.flatMap((at) => finder.ports(at)).map(({ link }) => link) : []);
  const lines = ends.filter(({ link }) => !told.has(link)).flatMap((at) => answerLines(at, map, finder, terminal));
  return `${lines.flatMap((line) => wrapped(printable(line, terminal.unicode), terminal.width, '', '      ')).join('\n')}\n`;
}

function answerLines(at: MapLink, map: HostMap, finder: LinkFinder, terminal: Terminal): string[] {
  const arrow = terminal.unicode ? '↔' : '<->';
  const self = ended(at, map, finder);
  const peer = finder.peer(at);
  if (peer) return [`${self}  ${arrow}  ${ended(peer, map, finder)}`];
  const lower = finder.lower(at);
  if (lower) return [`${self}  on  ${ended(lower, map, finder)}`];
  const ports = finder.ports(at);
  if (ports.length > 0)
    return [
      `${self}: no pair, it has ${ports.length} port${ports.length === 1 ? '' : 's'}:`,
      ...ports.flatMap((port) => answerLines(port, map, finder, terminal).map((line) => `  ${line}`)),
    ];
  return [`${self}: ${whyNone(at)}`];
}

function whyNone({ link }: MapLink): string {
  if (link.peer && link.peer.netns === undefined)
    return 'its other end is in a namespace that cannot be seen from here';
  switch (link.kind) {
    case 'loopback':
      return 'loopback: what is sent by it comes back by it';
    case 'bridge':
      return 'a bridge without ports';
    case 'vxlan':
      return 'a tunnel: its other end is on another machine';
    case 'tun':
      return 'its other end is a program that has /dev/net/tun open';
    case 'physical':
      return 'a device of the machine: its other end is not on this machine';
    default:
      return `a ${link.kind} has no other end`;
  }
}

/** "3: veth401722b@if2 in this namespace, up, master docker0 (bridge, docker network bridge, 172.17.0.1/16)" */
function ended(at: MapLink, map: HostMap, finder: LinkFinder): string {
  const { link, namespace } = at;
  const peer = finder.peer(at);
  // As ip prints it: the name of the other end here, its number where it is elsewhere.
  const behind = peer ? (peer.namespace.id === namespace.id ? `@${peer.link.name}` : `@if${peer.link.index}`) : '';
  const where = namespace.id === map.home ? 'in this namespace' : `in ${kindOfPlace(at)}${namespace.label}`;
  const master = finder.master(at);
  const words = [
    kindWords(link),
    ...stateWords(link),
    link.mac,
    ...addressWords(link),
    master ? `master ${masterText(master, map)}` : '',
  ];
  return `${link.index}: ${link.name}${behind} ${where}, ${words.filter((word) => word !== '').join(', ')}`;
}

function kindOfPlace({ namespace: { tenants, names } }: MapLink): string {
  const [owner] = tenants;
  if (owner) return owner.pod ? 'pod ' : `container ${owner.runtime === 'unknown' ? '' : `${owner.runtime}:`}`;
  return names.length > 0 ? 'namespace ' : '';
}

function masterText(master: MapLink, map: HostMap): string {
  const network = networkOf(map, master, map.home);
  const words = [
    kindWords(master.link),
    network ? `${network.runtime} network ${network.name}` : '',
    ...stateWords(master.link),
    ...addressWords(master.link),
  ];
  return `${master.link.name} (${words.filter((word) => word !== '').join(', ')})`;
}

/** `vdiag.peer/1`: links as in `vdiag.map/1`, each with where it is; `other` is the whole link at the other end. */
export function peerJson({ map, ends }: PeerAnswer): object {
  const finder = linkFinder(map);
  const whole = (at: MapLink): object => ({
    netns: at.namespace.id,
    ...(at.namespace.tenants.length > 0 && { container: at.namespace.label }),
    ...linkJson(at, map, finder),
  });
  return {
    schema: 'vdiag.peer/1',
    home: map.home,
    ends: ends.map((at) => {
      const other = finder.peer(at) ?? finder.lower(at);
      const ports = finder.ports(at);
      return {
        ...whole(at),
        ...(other && { other: whole(other) }),
        ...(ports.length > 0 && { ports: ports.map((port) => port.link.name) }),
      };
    }),
  };
}

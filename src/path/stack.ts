/** The gates of one IP stack: what a packet meets between the device it comes in by and whoever takes it. */
import { type Family, familyOf } from '../topology/address.ts';
import { commandIn, interfaceSysctl, placeName } from '../topology/naming.ts';
import { ipv4Setting, ipv6Setting } from '../topology/query.ts';
import { routeText } from './fib.ts';
import type { TimeToLive } from './filter-memory.ts';
import type {
  EchoGate,
  Fact,
  ForwardingGate,
  LoopbackGate,
  SenderGate,
  SourceGate,
  StackGate,
  TtlGate,
} from './gate.ts';
import { validateSource } from './source-validation.ts';
import { type Port, placeOf, type World } from './world.ts';

export function sourceGate(
  world: World,
  port: Port,
  protocol: 'arp' | 'ip',
  source: string,
  destination: string,
  outDevice?: string,
  mark?: number | 'unknown',
): SourceGate {
  const { topology } = world;
  const { namespace, link } = port;
  const place = placeOf(port);
  const result = validateSource(namespace, link, source, destination, outDevice, mark);
  const name = placeName(topology, place);
  const show = (setting: string) =>
    commandIn(topology, place.netns, [
      'sysctl',
      `net.ipv4.conf.all.${setting}`,
      interfaceSysctl('ipv4', link.name, setting),
    ]);
  const back = result.back ? routeText(result.back) : 'missing';
  const route: Fact = {
    text: `the way back to ${source} is ${result.reason === 'local-source' ? 'this namespace itself' : back}`,
    look: commandIn(topology, place.netns, ['ip', 'route', 'get', source]),
  };
  const facts: Fact[] =
    result.reason === 'local-source'
      ? [
          { text: `${source} is an address of the namespace ${name} is in`, look: route.look ?? '' },
          { text: `accept_local is ${result.acceptLocal} at ${name}`, look: show('accept_local') },
        ]
      : [{ text: `rp_filter is ${result.rpFilter ?? 'unknown'} at ${name}`, look: show('rp_filter') }, route];
  return { kind: 'source', place, verdict: result.verdict, protocol, source, destination, result, facts };
}

/** No router passes on what comes from a link-local address (RFC 4291 section 2.5.6). */
export function scopeGate({ topology }: World, start: Port, source: string): SenderGate {
  const place = placeOf(start);
  return {
    kind: 'sender',
    place,
    verdict: 'stop',
    facts: [
      {
        text: `${placeName(topology, place)} sends from ${source}: no router passes on what comes from a link-local address`,
        look: commandIn(topology, place.netns, ['ip', '-6', 'addr', 'show']),
      },
    ],
  };
}

/** Does the packet come to the device whose stack waits for it? A bridge port's own stack gets nothing. */
export function stackGate(
  world: World,
  waiting: Port,
  arrived: Port,
  awaits: 'neighbour' | 'socket',
  address: string,
): StackGate {
  const { topology } = world;
  const same = waiting.namespace.id === arrived.namespace.id && waiting.link.index === arrived.link.index;
  const place = placeOf(arrived);
  const waitingName = placeName(topology, placeOf(waiting));
  const master = waiting.link.master === arrived.link.index;
  return {
    kind: 'stack',
    place,
    verdict: same ? 'pass' : 'stop',
    waiting: placeOf(waiting),
    arrived: place,
    awaits,
    address,
    facts: [
      same
        ? { text: `${waitingName} takes it up` }
        : waiting.namespace.id !== arrived.namespace.id
          ? {
              text: `it comes in by ${placeName(topology, place)}, whose namespace has ${address} as well, and ${waitingName} waits for it`,
              look: commandIn(topology, place.netns, ['ip', 'addr', 'show', 'to', address]),
            }
          : {
              text: master
                ? `${waitingName} is a port of ${arrived.link.name}: what it receives goes to the stack of ${arrived.link.name}`
                : `it comes in by ${placeName(topology, place)}, and ${waitingName} waits for it`,
              look: commandIn(topology, place.netns, ['ip', 'addr', 'show', 'dev', waiting.link.name]),
            },
    ],
  };
}

export function forwardingGate(world: World, port: Port, destination: string): ForwardingGate {
  if (familyOf(destination) === 6) return forwardingGate6(world, port, destination);
  const { topology } = world;
  const { namespace, link } = port;
  const place = placeOf(port);
  const forwarding = ipv4Setting(namespace, link, 'forwarding');
  const ipForward = namespace.sysctls['ipv4.ip_forward'];
  return {
    kind: 'forwarding',
    place,
    destination,
    ipForward,
    verdict: forwarding === undefined ? 'unknown' : forwarding === 0 ? 'stop' : 'pass',
    facts: [
      {
        text: `forwarding is ${forwarding ?? 'unknown'} at ${placeName(topology, place)}, ip_forward is ${ipForward ?? 'unknown'}`,
        look: commandIn(topology, place.netns, [
          'sysctl',
          'net.ipv4.ip_forward',
          interfaceSysctl('ipv4', link.name, 'forwarding'),
        ]),
      },
    ],
  };
}

/** ip6_forward: `all` alone decides, but for an interface that is told to forward by itself (force_forwarding, Linux 6.17). */
function forwardingGate6(world: World, port: Port, destination: string): ForwardingGate {
  const { topology } = world;
  const { namespace, link } = port;
  const place = placeOf(port);
  const all = namespace.sysctls['ipv6.conf.all.forwarding'];
  const forced = ipv6Setting(namespace, link, 'force_forwarding') === 1;
  return {
    kind: 'forwarding',
    place,
    destination,
    ipForward: all,
    verdict: forced ? 'pass' : all === undefined ? 'unknown' : all === 0 ? 'stop' : 'pass',
    facts: [
      {
        text: forced
          ? `force_forwarding is 1 at ${placeName(topology, place)}`
          : `net.ipv6.conf.all.forwarding is ${all ?? 'unknown'} where ${placeName(topology, place)} is`,
        look: commandIn(topology, place.netns, ['sysctl', 'net.ipv6.conf.all.forwarding']),
      },
    ],
  };
}

export function ttlGate(
  world: World,
  port: Port,
  { ttl, ttlBy }: TimeToLive,
  circle: boolean,
  family: Family = 4,
): TtlGate {
  const place = placeOf(port);
  const name = placeName(world.topology, place);
  return {
    kind: 'ttl',
    place,
    ttl,
    ...(ttlBy === undefined ? {} : { setBy: ttlBy }),
    circle,
    verdict: circle || (ttl !== undefined && ttl <= 1) ? 'stop' : ttl === undefined ? 'unknown' : 'pass',
    facts: [
      {
        text: circle
          ? `the packet has come to ${name} before`
          : `the ${family === 6 ? 'hop limit' : 'time to live'} is ${ttl ?? 'not known'} when it comes to ${name}`,
      },
    ],
  };
}

export function echoGate(world: World, port: Port, family: Family = 4): EchoGate {
  const { topology } = world;
  const place = placeOf(port);
  const setting = family === 6 ? 'ipv6.icmp.echo_ignore_all' : 'ipv4.icmp_echo_ignore_all';
  const ignored = port.namespace.sysctls[setting];
  return {
    kind: 'echo',
    place,
    verdict: ignored === undefined ? 'unknown' : ignored !== 0 ? 'stop' : 'pass',
    facts: [
      {
        text: `${family === 6 ? 'icmp.echo_ignore_all' : 'icmp_echo_ignore_all'} is ${ignored ?? 'unknown'} where ${placeName(topology, place)} is`,
        look: commandIn(topology, place.netns, ['sysctl', `net.${setting}`]),
      },
    ],
  };
}

export function senderGate(world: World, port: Port, source: string): SenderGate {
  const { topology } = world;
  const place = placeOf(port);
  // Without any other IPv6 address the kernel takes that of lo, to which no answer can come.
  const none = ['0.0.0.0', '::', '::1'].includes(source);
  const family = familyOf(source);
  return {
    kind: 'sender',
    place,
    verdict: none ? 'stop' : 'pass',
    facts: [
      {
        text: none
          ? `${placeName(topology, place)} has no IPv${family} address${family === 6 ? ' to send from' : ''}, and no other interface beside it lends one`
          : `the source address is ${source}`,
        look: commandIn(topology, place.netns, ['ip', `-${family}`, 'addr', 'show']),
      },
    ],
  };
}

export function loopbackGate(world: World, port: Port, purpose: 'send' | 'reply'): LoopbackGate {
  const { topology } = world;
  const { namespace } = port;
  const lo = namespace.links.find(({ kind }) => kind === 'loopback');
  const up = lo?.flags.includes('UP') ?? false;
  const place = { netns: namespace.id, name: lo?.name ?? 'lo' };
  return {
    kind: 'loopback',
    place,
    purpose,
    verdict: up ? 'pass' : 'stop',
    facts: [
      {
        text: `${placeName(topology, place)} is ${up ? 'up' : 'down'}`,
        look: commandIn(topology, namespace.id, ['ip', 'link', 'show', place.name]),
      },
    ],
  };
}

/** Out by lo is in by lo, in the same namespace, which is not the destination. */
export function foreignGate({ topology }: World, { namespace, link }: Port, destination: string): LoopbackGate {
  const place = { netns: namespace.id, name: link.name };
  return {
    kind: 'loopback',
    place,
    purpose: 'foreign',
    verdict: 'stop',
    facts: [
      {
        text: `${placeName(topology, place)} leads nowhere else, and ${destination} is no address of this namespace`,
        look: commandIn(topology, namespace.id, ['ip', '-br', 'addr']),
      },
    ],
  };
}

/** Packet filters of an IP stack: what the rules at one hook of netfilter make of the packet, in the order of their priorities. */
import { familyOf } from '../topology/address.ts';
import type { Namespace, NetnsId } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { isSame } from './connection.ts';
import { fibAnswers } from './fib-answers.ts';
import { begin, type Filtered, live, memoryOf, relived, remember } from './filter-memory.ts';
import type { Fact, FilterGate, IpHook } from './gate.ts';
import {
  type Bounds,
  type Family,
  type FilterPacket,
  type Owner,
  type Ruling,
  rule,
  type Stopper,
  stopperText,
} from './ruleset.ts';
import { chainsIn, type Port, placeOf, type World } from './world.ts';

export interface IpPassage {
  readonly hook: IpHook;
  /** The device it came in by, or leaves by; where both are known, the other one is `beside`. */
  readonly port: Port;
  readonly beside?: Port | undefined;
  /** The port of the bridge it came in through, where br_netfilter made that known to the IP chains. */
  readonly physical?: string | undefined;
  readonly packet: Filtered;
}

/** Where address translation lies between the chains of a hook (enum nf_ip_hook_priorities). */
const TRANSLATION: Readonly<Record<IpHook, number>> = {
  prerouting: -100,
  output: -100,
  forward: Infinity,
  input: 100,
  postrouting: 100,
};

/** The chains before address translation, or all where there is none at the hook. Always one gate. */
export function filterGate(world: World, passage: IpPassage): FilterGate {
  const { hook, port, packet } = passage;
  const { namespace } = port;
  if (hook === 'prerouting' || hook === 'output') begin(world, namespace, hook, packet);
  const ruling = decide(world, passage, { below: TRANSLATION[hook] });
  return gateOf(world, passage, ruling, 'before-nat');
}

/** The chains behind address translation, which see the new addresses; none where nothing is there. */
export function lateFilterGates(world: World, passage: IpPassage): FilterGate[] {
  const ruling = decide(world, passage, { from: TRANSLATION[passage.hook] });
  return ruling ? [gateOf(world, passage, ruling, 'behind-nat')] : [];
}

function decide(world: World, passage: IpPassage, bounds: Bounds): Ruling | undefined {
  const { hook, port } = passage;
  const { namespace } = port;
  const families: readonly Family[] = [familyOf(passage.packet.source) === 6 ? 'ip6' : 'ip', 'inet'];
  // Behind address translation it is what the chains before that left.
  const packet = bounds.from === undefined ? passage.packet : relived(world, namespace.id, passage.packet);
  const ruling = rule(chainsIn(world, namespace), families, hook, filterPacket(world, { ...passage, packet }), bounds);
  live(memoryOf(world, namespace.id), namespace.id, packet, ruling);
  if (ruling) remember(world, namespace.id, packet.kind, ruling);
  return ruling;
}

function filterPacket(world: World, { hook, port, beside, physical, packet }: IpPassage): FilterPacket {
  const { namespace, link } = port;
  const memory = memoryOf(world, namespace.id);
  const { kind, source, destination, target, datagram, ttl, lengthBytes } = packet;
  const enters = hook === 'prerouting' || hook === 'input';
  const other = beside?.link.name ?? '';
  const connection = world.connections
    .get(namespace.id)
    ?.find(({ opened }) => memory.opened && isSame(opened, memory.opened));
  const opened = connection?.opened ?? memory.opened;
  const { rerouted: _, ...written } = memory.traversals.get(kind) ?? {};
  return {
    inputInterface: enters ? link.name : hook === 'forward' ? link.name : other,
    outputInterface: hook === 'forward' ? other : enters ? '' : link.name,
    ...(physical === undefined ? {} : { physicalInput: physical }),
    ...written,
    ...(opened ? { connection: opened } : {}),
    translated: {
      source: connection !== undefined && connection.answer.destination !== connection.opened.source,
      destination: connection !== undefined && connection.answer.source !== connection.opened.destination,
    },
    ...(ttl === undefined ? {} : { ttl }),
    ...(lengthBytes === undefined ? {} : { lengthBytes }),
    packetType: 'host',
    ...(hook === 'output' || hook === 'postrouting' ? { owner: ownerOf(packet, namespace.id, beside) } : {}),
    fib: fibAnswers(namespace),
    carries: {
      kind,
      source,
      destination,
      ...(target === undefined ? {} : { target }),
      ...(datagram === undefined ? {} : { datagram }),
    },
  };
}

/** What the kernel itself answers, and what is passed on, is no process' own. */
function ownerOf({ sender }: Filtered, netns: NetnsId, forwardedFrom: Port | undefined): Owner | null {
  return sender?.netns === netns && !forwardedFrom ? sender.owner : null;
}

function gateOf(
  world: World,
  { hook, port, beside, packet }: IpPassage,
  ruling: Ruling | undefined,
  part: FilterGate['part'],
): FilterGate {
  const { namespace } = port;
  const place = placeOf(port);
  const { kind, source, destination } = packet;
  const rewrites = ruling?.packet.rewritten === true && ruling.verdict !== 'stop';
  const unread = namespace.filters.nftables === undefined && ruling?.verdict !== 'stop';
  const verdict = unread || rewrites ? 'unknown' : (ruling?.verdict ?? 'pass');
  const state = memoryOf(world, namespace.id).traversals.get(kind)?.state;
  const from = hook === 'prerouting' || hook === 'input' || hook === 'forward' ? port : beside;
  const to = hook === 'forward' ? beside : hook === 'output' || hook === 'postrouting' ? port : undefined;
  return {
    kind: 'filter',
    place,
    hook,
    part,
    packet: kind,
    source,
    destination,
    ...(from ? { from: placeOf(from) } : {}),
    ...(to ? { to: placeOf(to) } : {}),
    ...(state === undefined ? {} : { state }),
    verdict,
    ...(verdict === 'stop' && ruling?.stopper ? { stopper: ruling.stopper } : {}),
    ...(ruling?.suspects ? { suspects: ruling.suspects } : {}),
    ...(ruling?.open || unread ? { open: true } : {}),
    ...(rewrites ? { rewrites } : {}),
    facts: facts(
      world,
      namespace,
      hook,
      placeName(world.topology, place),
      unread && !ruling?.suspects ? undefined : (ruling ?? 'none'),
    ),
  };
}

/** Rules that may have dropped it are named up to this many. */
const MAX_NAMED = 3;

function facts(
  { topology }: World,
  { id }: Namespace,
  hook: IpHook,
  where: string,
  ruling: Ruling | 'none' | undefined,
): Fact[] {
  const list = commandIn(topology, id, ['nft', 'list', 'ruleset']);
  if (ruling === undefined) return [{ text: `the filter rules at ${hook} could not be read`, look: list }];
  if (ruling !== 'none' && ruling.packet.rewritten && ruling.verdict !== 'stop')
    return [{ text: `rules at ${hook} change its addresses at ${where}: where it goes then is not known`, look: list }];
  if (ruling === 'none') return [{ text: `no filter rules at ${hook}`, look: list }];
  if (ruling.verdict === 'pass') return [{ text: `the rules at ${hook} let it pass at ${where}`, look: list }];
  const named = ruling.stopper ? [ruling.stopper] : (ruling.suspects ?? []).slice(0, MAX_NAMED);
  if (named.length === 0)
    return [{ text: `rules at ${hook} that are not decided may drop it at ${where}`, look: list }];
  return named.map((stopper) => ({
    text: `${stopperText(stopper)} ${ruling.stopper ? verb(stopper) : `may ${verb(stopper).slice(0, -1)}`} it${wording(stopper)}`,
    look: commandIn(topology, id, stopperListing(stopper)),
  }));
}

function verb({ rejects }: Stopper): string {
  return rejects === undefined ? 'drops' : 'rejects';
}

function wording({ text }: Stopper): string {
  return text === undefined || text === '' ? '' : `: ${text}`;
}

/** The command that shows the chain a rule is in. */
export function stopperListing({ family, table, chain, legacy, xtables }: Stopper): string[] {
  if (!legacy && !xtables) return ['nft', '-a', 'list', 'chain', family, table, chain];
  const program = `${family === 'ip6' ? 'ip6tables' : 'iptables'}-${legacy ? 'legacy' : 'nft'}`;
  return [program, ...(table === 'filter' ? [] : ['-t', table]), '-v', '-n', '-L', chain, '--line-numbers'];
}

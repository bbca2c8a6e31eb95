/**
 * Address translation of one namespace (net/netfilter/nf_nat_core.c): the rules decide for the first packet of a connection,
 * and conntrack does the same to all that follow, and the reverse to what comes back.
 */
import { familyOf } from '../topology/address.ts';
import { addressesOf } from '../topology/query.ts';
import { connectionOf, type Ends, isSame, openConnection, relatedTo, type Tracked } from './connection.ts';
import type { Carried } from './ethernet.ts';
import type { EchoQuery } from './expect.ts';
import { chooseSource } from './fib.ts';
import { fibAnswers } from './fib-answers.ts';
import { packetMark } from './filter-memory.ts';
import type { Fact, TranslationGate } from './gate.ts';
import type { Sized } from './mtu.ts';
import { becomes, endsText, lacking, undecided } from './nat-facts.ts';
import { type NatRule, natRuling } from './nat-rules.ts';
import type { NatHook } from './nat-statement.ts';
import type { Chain, Family, FilterPacket } from './ruleset.ts';
import { chainsIn, type Port, placeOf, type World } from './world.ts';

/** A packet behind a hook: with other addresses perhaps, and as what conntrack knows it. */
export interface Translated {
  readonly ends: Ends;
  /** Absent where nothing is tracked: the namespace has no NAT rules, or the packet belongs to no connection. */
  readonly tracked?: Tracked;
  readonly gates: readonly TranslationGate[];
  /** Where it goes from here is not known. */
  readonly lost?: true;
}

/** A packet at a hook. */
export interface NatPassage<Hook extends NatHook = NatHook> {
  readonly world: World;
  readonly query: EchoQuery;
  readonly hook: Hook;
  /** The device it came in by; behind the routing decision, and for what the namespace sends, the one it leaves by. */
  readonly port: Port;
  readonly carries: Carried & Sized;
  /** Postrouting: the device a forwarded packet came in by. */
  readonly input?: string;
  /** The ports of the bridge it is passed on between, where br_netfilter shows it to these hooks. */
  readonly ports?: { readonly input: string; readonly output: string };
}

interface At extends NatPassage {
  readonly packet: FilterPacket;
}

/** Prerouting, or output for what the namespace sends itself: the destination. */
export function translateDestination(passage: NatPassage<'prerouting' | 'output'>): Translated {
  const { world, port, carries } = passage;
  const ends = endsOf(carries);
  if (!hasNat(world, port, carries)) return { ends, gates: [] };
  const { id } = port.namespace;
  const related = carries.kind === 'icmp-error' ? relatedTo(world.connections, id, ends) : undefined;
  if (related) return { ends: { ...ends, destination: related.opened.source }, gates: [] };
  const known = connectionOf(world.connections, id, ends);
  const at = { ...passage, packet: packetAt(passage) };
  if (known?.direction === 'answer')
    return followed(at, ends, { ...ends, destination: known.connection.opened.source }, known);
  if (known) return followed(at, ends, { ...ends, destination: known.connection.answer.source }, known);
  // An answer to nothing that passed here is translated by no rule.
  if (carries.kind !== 'echo-request') return { ends, gates: [] };
  const tracked = openConnection(world.connections, placeOf(port), ends);
  const chosen = choose(at, ends, 'destination');
  tracked.connection.answer = { ...tracked.connection.answer, source: chosen.ends.destination };
  return { ...chosen, tracked };
}

/** Postrouting, or input for what the namespace takes for itself: the source. */
export function translateSource(
  passage: NatPassage<'postrouting' | 'input'>,
  tracked: Tracked | undefined,
): Translated {
  const ends = endsOf(passage.carries);
  if (!tracked) return { ends, gates: [] };
  const { connection, direction } = tracked;
  const at = { ...passage, packet: packetAt(passage) };
  if (direction === 'answer') return followed(at, ends, { ...ends, source: connection.opened.destination }, tracked);
  if (direction === 'onwards') return followed(at, ends, { ...ends, source: connection.answer.destination }, tracked);
  const chosen = choose(at, ends, 'source');
  connection.answer = { ...connection.answer, destination: chosen.ends.source };
  return { ...chosen, tracked };
}

function endsOf({ source, destination }: Carried): Ends {
  return { source, destination };
}

function packetAt({ world, hook, port, carries, input, ports }: NatPassage): FilterPacket {
  const enters = hook === 'prerouting' || hook === 'input';
  const { kind, source, destination, lengthBytes } = carries;
  const mark = packetMark(world, port.namespace.id, carries);
  return {
    inputInterface: enters ? port.link.name : (input ?? ''),
    outputInterface: enters ? '' : port.link.name,
    ...(ports === undefined ? {} : { physicalInput: ports.input }),
    ...(ports === undefined || enters ? {} : { physicalOutput: ports.output }),
    tracked: true,
    state: 'new',
    ...(mark === undefined ? {} : { mark }),
    connectionMark: 0,
    ...(lengthBytes === undefined ? {} : { lengthBytes }),
    fib: fibAnswers(port.namespace),
    carries: { kind, source, destination },
  };
}

function hasNat(world: World, { namespace }: Port, { source }: Carried): boolean {
  if (namespace.detail === 'links') return false;
  const families = natFamilies(source);
  return chainsIn(world, namespace).some(
    ({ type, hook, family }) => type === 'nat' && hook !== undefined && families.includes(family),
  );
}

/** Families of chains that see packets with this address. */
export function natFamilies(address: string): readonly Family[] {
  return [familyOf(address) === 6 ? 'ip6' : 'ip', 'inet'];
}

/** By conntrack alone. */
function followed(at: At, from: Ends, to: Ends, tracked: Tracked): Translated {
  if (isSame(from, to)) return { ends: from, tracked, gates: [] };
  const fact = {
    text: `conntrack turns ${endsText(from)} into ${endsText(to)}, as it belongs to ${endsText(tracked.connection.opened)}`,
  };
  return { ends: to, tracked, gates: [gateOf(at, 'answer', 'pass', from, to, [fact])] };
}

type Side = keyof Ends;

/** What the rules make of it; where they leave a doubt, what was sighted leaving the namespace. */
function choose(at: At, from: Ends, side: Side): Pick<Translated, 'ends' | 'gates' | 'lost'> {
  const { world, port, hook, packet } = at;
  const { namespace } = port;
  const chains = chainsIn(world, namespace);
  const ruling = natRuling(namespace.filters, chains, natFamilies(from.source), hook, packet);
  const { taken, perhaps } = ruling;
  // A packet that was taken out of conntrack is not translated.
  const certain = ruling.certain && !chains.some(({ untracks }) => untracks);
  const address = taken && addressFor(at, taken, from);
  const ruled = address === undefined || address === 'none' ? undefined : { ...from, [side]: address };
  if (taken && address === 'none' && certain) return withoutAddress(at, from, taken);
  if (taken && ruled && certain) return changed(at, from, ruled, taken);
  const sighted = sightedAs(at, from, side, ruled);
  if (sighted) return changed(at, from, sighted, perhaps.length === 0 ? taken : undefined);
  if (!taken && certain) return { ends: from, gates: [] };
  const ends = ruled ?? from;
  const gate = gateOf(at, 'undecided', 'unknown', from, ends, undecided(world.topology, port, ruling));
  return { ends, gates: [gate], lost: true };
}

function changed(at: At, from: Ends, to: Ends, rule: NatRule | undefined): Pick<Translated, 'ends' | 'gates'> {
  if (isSame(from, to)) return { ends: from, gates: [] };
  return {
    ends: to,
    gates: [gateOf(at, 'translated', 'pass', from, to, becomes(at.world.topology, at.port, from, to, rule), rule)],
  };
}

/** Undefined where it is not known to which; `none` where the device lends no address. */
function addressFor(
  { port, hook }: At,
  { statement }: NatRule,
  { source, destination }: Ends,
): string | 'none' | undefined {
  const { namespace, link } = port;
  const family = familyOf(source);
  if (statement.by === 'snat' || statement.by === 'dnat')
    return statement.target.kind === 'address' ? statement.target.address : undefined;
  if (statement.by === 'redirect') {
    // nf_nat_redirect: to the loopback address what is sent from here, else to the first of the device.
    if (hook === 'output') return family === 6 ? '::1' : '127.0.0.1';
    const own = addressesOf(link, family).find(({ scope, flags }) => scope !== 'link' && !flags.includes('secondary'));
    return own?.address ?? 'none';
  }
  return chooseSource(namespace, link.name, destination) ?? 'none';
}

/** With which addresses it was sighted leaving the namespace, where that decides: what the model expects, or the only other one. */
function sightedAs({ query, port, packet }: At, from: Ends, side: Side, expected: Ends | undefined): Ends | undefined {
  if (packet.carries.kind !== 'echo-request') return undefined;
  const left = query.sightedAs?.get(port.namespace.id) ?? [];
  const other = side === 'source' ? left.filter(({ destination }) => destination === from.destination) : left;
  const values = [...new Set(other.map((ends) => ends[side]))];
  if (values.length === 0) return undefined;
  if (expected && values.includes(expected[side])) return expected;
  const changed = values.filter((value) => value !== from[side]);
  const [only] = changed;
  if (only === undefined) return from;
  return changed.length === 1 ? { ...from, [side]: only } : undefined;
}

/** inet_select_addr found nothing: the packet is dropped (nf_nat_masquerade_ipv4). */
function withoutAddress(at: At, from: Ends, rule: NatRule): Pick<Translated, 'ends' | 'gates'> {
  const facts = lacking(at.world.topology, at.port, rule);
  return { ends: from, gates: [gateOf(at, 'no-address', 'stop', from, from, facts, rule)] };
}

function gateOf(
  { hook, port }: Pick<At, 'hook' | 'port'>,
  reason: TranslationGate['reason'],
  verdict: TranslationGate['verdict'],
  from: Ends,
  to: Ends,
  facts: readonly Fact[],
  rule?: NatRule,
): TranslationGate {
  return {
    kind: 'translation',
    place: placeOf(port),
    hook,
    reason,
    verdict,
    from,
    to,
    ...(rule === undefined ? {} : { by: rule.statement.by, rule: rule.rule }),
    facts,
  };
}

/** Chains that translate sources behind the routing decision, of the packet's family. */
export function sourceChains(chains: readonly Chain[], address: string): readonly Chain[] {
  const families = natFamilies(address);
  return chains.filter(
    ({ type, hook, family }) => type === 'nat' && hook === 'postrouting' && families.includes(family),
  );
}

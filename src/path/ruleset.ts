/**
 * Packet filter rules, decided as far as they can be: every expression is true, false or not known, and only what is
 * certain becomes a verdict (nft(8), iptables(8), ebtables-nft(8)).
 */
import type { Filters } from '../topology/model.ts';
import type { Carried } from './ethernet.ts';
import type { Hook } from './gate.ts';
import { legacyChains } from './ruleset-legacy.ts';
import { nftChains } from './ruleset-nft.ts';
import { type Ending, type Suspect, walkChain } from './ruleset-walk.ts';

/** undefined: not known. */
export type Truth = boolean | undefined;

export type Family = 'ip' | 'ip6' | 'inet' | 'bridge' | 'arp' | 'netdev';

/** What conntrack says of a packet (ct(8), `ct state`). */
export type ConnectionState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** What a rule may look at. Interface names are empty where the hook has none; what is absent is not known. */
export interface FilterPacket {
  readonly inputInterface: string;
  readonly outputInterface: string;
  /** The bridge the interfaces are ports of, in the bridge family. */
  readonly bridge?: string;
  /** The ports behind the bridge's name, where br_netfilter shows the packet to the IP family. */
  readonly physicalInput?: string;
  readonly physicalOutput?: string;
  /** Its connection is known to conntrack, as far as no rule says otherwise. */
  readonly tracked?: boolean;
  /** Where more is known of its connection than that. */
  readonly state?: ConnectionState;
  /** The connection's first packet, as it came into this namespace. */
  readonly connection?: { readonly source: string; readonly destination: string };
  /** Whether address translation changed the connection's addresses. */
  readonly translated?: { readonly source: boolean; readonly destination: boolean };
  /** Marks of the packet and of its connection. */
  readonly mark?: number;
  readonly connectionMark?: number;
  readonly ttl?: number;
  /** The rule that set that, where one did. */
  readonly ttlBy?: Stopper;
  /** Of the IP packet. */
  readonly lengthBytes?: number;
  /** Addressed to this host; absent on frames that are none of its own. */
  readonly packetType?: 'host' | 'broadcast' | 'multicast' | 'other';
  /** What the routing tables of the namespace say. */
  readonly fib?: FibAnswers;
  readonly etherSource?: string;
  readonly etherDestination?: string;
  /** Whose socket sends it, where it is made here: null, nobody's. */
  readonly owner?: Owner | null;
  /** A rule may have changed its addresses: where it goes is not known any more. */
  readonly rewritten?: true;
  readonly carries: Carried;
}

/** Of the process that sends. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Questions of rules to the routing tables (nft(8) "fib", iptables-extensions(8) addrtype and rpfilter). */
export interface FibAnswers {
  /** local, unicast, broadcast …; with a device, only what is on that device is local. */
  addressType(address: string, device?: string): string | undefined;
  /** The device to an address, for what comes from another one; with a device, only where it is that one. Undefined: not known. */
  deviceTo(address: string, from: string, asked: FibAsked): string | undefined;
}

/** `none`: there is no way, or none by the device that is asked for. */
export interface FibAsked {
  readonly device?: string;
  readonly mark?: number;
  /** An address of the namespace itself counts as reached. */
  readonly local?: true;
}

/** What a rule does with a packet that it matches. */
export type Action =
  /** `unheard`: it gives the packet to a queue that no program listens to. */
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' | 'unknown'; readonly unheard?: true }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** What a rule changes of a packet; `unknown` where it cannot be told to what. */
export interface Changes {
  readonly mark?: number | 'unknown';
  readonly connectionMark?: number | 'unknown';
  readonly state?: ConnectionState;
  /** Its time to live, or hop limit. */
  readonly ttl?: number | 'unknown';
  /** Its addresses are others then. */
  readonly rewritten?: true;
}

export interface Rule {
  /** nftables' handle; absent in legacy tables. */
  readonly handle?: number;
  /** It asks for something of the packet. */
  readonly specific: boolean;
  /** With which error it refuses ("icmp port-unreachable"), where it does not drop silently. */
  readonly rejects?: string;
  /** As nft's JSON has it, or in the words of iptables-save: one of them, and both where the table is iptables-nft's. */
  readonly expressions?: readonly unknown[];
  readonly words?: readonly string[];
  matches(packet: FilterPacket): Truth;
  act(packet: FilterPacket): Action;
  /** What it does to a packet that it matches; undefined: nothing. */
  changes?(packet: FilterPacket): Changes | undefined;
}

export interface Chain {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly legacy: boolean;
  /** The table is one of iptables-nft's or ip6tables-nft's. */
  readonly xtables?: boolean;
  /** filter, nat or route; absent on chains that are jumped to. */
  readonly type?: string;
  /** Present on a chain the kernel calls itself. */
  readonly hook?: string;
  /** Of a chain at a device's own hook. */
  readonly devices?: readonly string[];
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** A rule in it may take packets out of conntrack. */
  readonly untracks: boolean;
  readonly rules: readonly Rule[];
  /** The chain of the same table with this name. */
  sibling(name: string): Chain | undefined;
}

/** What drops a packet: a rule, or else the policy of the chain that the kernel calls. */
export interface Stopper {
  readonly family: Family;
  readonly table: string;
  /** The chain the rule is in. */
  readonly chain: string;
  /** The chain at the hook. */
  readonly base: string;
  readonly legacy: boolean;
  /** The table is one of iptables-nft's or ip6tables-nft's. */
  readonly xtables?: true;
  readonly handle?: number;
  /** Position of the rule in its chain, from 1; absent: the policy. */
  readonly position?: number;
  /** The rule asks for something; one that does not is as good as a policy. */
  readonly specific?: boolean;
  /** The error it refuses with. */
  readonly rejects?: string;
  /** It gives packets to a queue that no program listens to. */
  readonly unheard?: true;
  /** The rule as its own program lists it. */
  readonly text?: string;
}

export interface Ruling {
  readonly verdict: 'pass' | 'stop' | 'unknown';
  readonly stopper?: Stopper;
  /** Of an unknown verdict: what may have dropped it; more than these may, where `open`. */
  readonly suspects?: readonly Stopper[];
  readonly open?: true;
  /** The packet behind the hook: rules may have marked it. */
  readonly packet: FilterPacket;
  /** A chain of type route changed its mark: what is sent here is routed again by the new one (nf_route_table_hook4). */
  readonly rerouted?: true;
}

/** Chains that were read already. One diagnosis asks about the same rulesets again and again. */
export type Rulesets = WeakMap<Filters, readonly Chain[]>;

export function chainsOf(filters: Filters): readonly Chain[] {
  return [...nftChains(filters), ...legacyChains(filters)];
}

/** NF_IP_PRI_CONNTRACK: chains before it see no connection. */
const CONNTRACK_PRIORITY = -200;

export interface Bounds {
  /** Only chains of a priority of at least, or below, this one: address translation lies between. */
  readonly from?: number;
  readonly below?: number;
  /** Chains at hooks of a device: only those of this one. */
  readonly device?: string;
}

/** Undefined where no chain of these families is at the hook. */
export function rule(
  chains: readonly Chain[],
  families: readonly Family[],
  hook: Hook,
  packet: FilterPacket,
  { from = -Infinity, below = Infinity, device }: Bounds = {},
): Ruling | undefined {
  const bases = chains
    .filter(
      (chain) =>
        chain.hook === hook &&
        families.includes(chain.family) &&
        chain.priority >= from &&
        chain.priority < below &&
        (chain.devices === undefined || (device !== undefined && chain.devices.includes(device))) &&
        // Chains that translate are asked for the first packet of a connection alone.
        !(chain.type === 'nat' && packet.state !== undefined && packet.state !== 'new'),
    )
    .sort((a, b) => a.priority - b.priority);
  if (bases.length === 0) return undefined;
  let current = packet;
  let again: { rerouted?: true } = {};
  const suspects: Suspect[] = [];
  for (const base of bases) {
    const early = base.priority < CONNTRACK_PRIORITY && (hook === 'prerouting' || hook === 'output');
    const ending = walkChain(base, early ? beforeConntrack(current) : current);
    const policy = ending.returns && base.policy === 'drop';
    const drops = policy ? [...ending.drops, stopperOf(base, base)] : ending.drops;
    const passes = ending.accepts || (ending.returns && !policy);
    // The last one is what certainly takes what others before it let pass. A chain that certainly drops does so whatever
    // one before it may have done.
    const last = drops.at(-1);
    if (last !== undefined && !passes && last !== 'somewhere')
      return { verdict: 'stop', stopper: last, packet: current, ...suspected([...suspects, ...drops.slice(0, -1)]) };
    suspects.push(...drops);
    const { mark } = current;
    current = afterChain(current, ending, early);
    if (base.type === 'route' && current.mark !== mark) again = { rerouted: true };
  }
  if (suspects.length === 0) return { verdict: 'pass', packet: current, ...again };
  return { verdict: 'unknown', packet: current, ...again, ...suspected(suspects) };
}

function suspected(all: readonly Suspect[]): Pick<Ruling, 'suspects' | 'open'> {
  const suspects = all.filter((suspect) => suspect !== 'somewhere');
  return {
    ...(suspects.length > 0 ? { suspects } : {}),
    ...(suspects.length < all.length ? { open: true as const } : {}),
  };
}

/** No connection is attached yet (nft_ct_get_eval): but for what is taken out of conntrack, the state is invalid. */
function beforeConntrack(packet: FilterPacket): FilterPacket {
  return packet.state === undefined || packet.state === 'untracked' ? packet : { ...packet, state: 'invalid' };
}

function afterChain(packet: FilterPacket, { packet: after }: Ending, early: boolean): FilterPacket {
  if (!early || after.state === 'untracked') return after;
  // What a rule may have taken out of conntrack is no longer known to be in it.
  const { state: _, ...rest } = after;
  return after.state === undefined || packet.state === undefined ? rest : { ...rest, state: packet.state };
}

export function stopperOf(
  chain: Chain,
  base: Chain,
  one?: Rule,
  position?: number,
  text?: string,
  unheard?: boolean,
): Stopper {
  return {
    family: chain.family,
    table: chain.table,
    chain: chain.name,
    base: base.name,
    legacy: chain.legacy,
    ...(chain.xtables ? { xtables: true } : {}),
    ...(one?.handle === undefined ? {} : { handle: one.handle }),
    ...(position === undefined ? {} : { position }),
    ...(one?.specific ? { specific: true } : {}),
    ...(one?.rejects === undefined ? {} : { rejects: one.rejects }),
    ...(unheard ? { unheard } : {}),
    ...(text === undefined ? {} : { text }),
  };
}

/** "the policy of chain ip filter FORWARD", "rule 3 (handle 9) of chain bridge f x". */
export function stopperText({ family, table, chain, legacy, position, handle }: Stopper): string {
  const program = family === 'ip6' ? 'ip6tables-legacy' : 'iptables-legacy';
  const name = `chain ${legacy ? program : family} ${table} ${chain}`;
  if (position === undefined) return `the policy of ${name}`;
  return `rule ${position}${handle === undefined ? '' : ` (handle ${handle})`} of ${name}`;
}

/** True when all are, false when one is not, else not known. */
export function every(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.every((truth) => truth === true) ? true : undefined;
}

export function not(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

/**
 * Packet filters inside a bridge: the bridge family's own, and, with br_netfilter, those of IP
 * (net/bridge/br_netfilter_hooks.c: bridged IP is shown to the IP hooks with the bridge as its interface).
 */
import { familyOf } from '../topology/address.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { portsOf } from '../topology/query.ts';
import { type Carried, type FrameAddresses, networkOf } from './ethernet.ts';
import { fibAnswers } from './fib-answers.ts';
import type { BridgeFilterGate, Fact } from './gate.ts';
import { type Chain, type Family, type FilterPacket, type Ruling, rule, type Stopper, stopperText } from './ruleset.ts';
import type { WayStep } from './trail.ts';
import { chainsIn, type Port, placeOf, type World } from './world.ts';

/** Where in the bridge: `forward` without `from` is what its own stack sends. */
export interface Passage {
  readonly hook: 'prerouting' | 'input' | 'forward';
  readonly from?: Port;
  readonly to?: Port;
}

/** The gates of the hooks that have something to say; none where no chain is there. */
export function bridgeFilterGates(
  world: World,
  frame: FrameAddresses,
  bridge: Port,
  passage: Passage,
): BridgeFilterGate[] {
  const { carries } = frame;
  if (!carries || bridge.namespace.detail === 'links') return [];
  const chains = chainsIn(world, bridge.namespace);
  const at = { world, frame, bridge, passage, carries, chains };
  const gates = bridgeHooks(passage).flatMap((hook) => gateOf(at, 'bridge', ['bridge'], hook));
  // What comes up to the bridge's own stack meets the IP hooks there.
  const network = networkOf(carries);
  if (network !== 'arp' && passage.hook === 'forward' && passage.from)
    for (const hook of ['prerouting', 'forward', 'postrouting'] as const)
      gates.push(...gateOf(at, 'br_netfilter', [network, 'inet'], hook));
  return gates;
}

function bridgeHooks({ hook, from }: Passage): BridgeFilterGate['hook'][] {
  if (hook !== 'forward') return [hook];
  return [from ? 'forward' : 'output', 'postrouting'];
}

interface Where {
  readonly world: World;
  readonly frame: FrameAddresses;
  readonly bridge: Port;
  readonly passage: Passage;
  readonly carries: Carried;
  readonly chains: readonly Chain[];
}

function gateOf(
  where: Where,
  by: BridgeFilterGate['by'],
  families: readonly Family[],
  hook: BridgeFilterGate['hook'],
): BridgeFilterGate[] {
  const { bridge, passage, carries } = where;
  const calls = by === 'bridge' ? true : callsIptables(where);
  if (calls === false) return [];
  const ruling = rule(where.chains, families, hook, packetAt(where, by, hook));
  if (!ruling) return [];
  // Nothing that passes is worth a doubt about the switch before it.
  const verdict = calls === undefined && ruling.verdict !== 'pass' ? 'unknown' : ruling.verdict;
  const port = hook === 'prerouting' || hook === 'input' ? passage.from : passage.to;
  return [
    {
      kind: 'bridge-filter',
      place: placeOf(port ?? bridge),
      verdict,
      by,
      hook,
      packet: carries.kind,
      source: carries.source,
      destination: carries.destination,
      bridge: placeOf(bridge),
      ...(passage.from ? { from: placeOf(passage.from) } : {}),
      ...(passage.to ? { to: placeOf(passage.to) } : {}),
      ...(verdict === 'stop' && ruling.stopper ? { stopper: ruling.stopper } : {}),
      ...(verdict === 'unknown' ? onlySuspect(ruling) : {}),
      facts: [...switchFacts(where, by), rulingFact(where, hook, by, ruling)],
    },
  ];
}

function onlySuspect({ suspects = [], open }: Ruling): Pick<BridgeFilterGate, 'suspect'> {
  const [suspect, ...others] = suspects;
  return suspect && others.length === 0 && !open ? { suspect } : {};
}

/** What the hook shows of the packet: to the IP hooks, the ports are hidden behind the bridge. */
function packetAt({ frame, bridge, passage, carries, chains }: Where, by: string, hook: string): FilterPacket {
  const from = passage.from?.link.name ?? '';
  const to = passage.to?.link.name ?? '';
  const entering = hook === 'prerouting' || hook === 'input' || hook === 'forward';
  const leaving = hook === 'forward' || hook === 'output' || hook === 'postrouting';
  const own = by === 'bridge' ? undefined : bridge.link.name;
  return {
    inputInterface: entering ? (own ?? from) : '',
    outputInterface: leaving ? (own ?? to) : '',
    ...(by === 'bridge' ? { bridge: bridge.link.name } : {}),
    ...(own !== undefined ? { physicalInput: from, ...(leaving ? { physicalOutput: to } : {}) } : {}),
    // Bridged frames are not followed as connections but for br_netfilter, which also shows them to the IP rules.
    tracked: by === 'br_netfilter' && !chains.some(({ untracks }) => untracks),
    ...(by === 'br_netfilter' ? { mark: 0, connectionMark: 0, fib: fibAnswers(bridge.namespace) } : {}),
    etherSource: frame.source,
    etherDestination: frame.destination,
    carries,
  };
}

/** Undefined where the setting could not be read although br_netfilter is loaded: older kernels show it in one namespace alone. */
function callsIptables({ world, bridge, carries }: Where): boolean | undefined {
  const program = programOf(carries);
  const own = bridge.namespace.sysctls[settingOf(program)];
  if (own !== undefined) return own !== 0 || isSwitchedOn(bridge, program);
  const elsewhere = world.topology.namespaces.some(({ sysctls }) => sysctls[settingOf(program)] !== undefined);
  return elsewhere ? undefined : false;
}

/** Bridged packets of the address's family go through the IP chains of the bridge's namespace. */
export function showsToIp({ namespace, link }: Port, address: string): boolean {
  const program = familyOf(address) === 6 ? 'ip6tables' : 'iptables';
  return namespace.sysctls[settingOf(program)] === 1 || isSwitchedOn({ namespace, link }, program);
}

/**
 * The port that a packet came up to its bridge through, where br_netfilter is on: the prerouting chains of IP saw it there, with
 * the bridge as its interface, before the bridge's own stack gets it, and see it no second time (br_nf_pre_routing, ip_sabotage_in).
 * @param steps its way to the bridge's stack
 */
export function shownAtPort(bridge: Port, steps: readonly WayStep[], address: string): string | undefined {
  const port = steps.flatMap((step) => (step.kind === 'place' ? [step.place] : [])).at(-2);
  if (port?.netns !== bridge.namespace.id || !showsToIp(bridge, address)) return undefined;
  const isPort = portsOf(bridge.namespace, bridge.link).some(({ name }) => name === port.name);
  return isPort ? port.name : undefined;
}

type Program = 'iptables' | 'ip6tables';

function programOf(carries: Carried): Program {
  return networkOf(carries) === 'ip6' ? 'ip6tables' : 'iptables';
}

const settingOf = (program: Program) => `bridge.bridge-nf-call-${program}`;

function isSwitchedOn({ link }: Port, program: Program): boolean {
  return program === 'iptables' ? link.bridge?.nfCallIptables === true : Number(link.data.nf_call_ip6tables) === 1;
}

function switchFacts({ world, bridge, carries }: Where, by: string): Fact[] {
  if (by === 'bridge') return [];
  const { namespace, link } = bridge;
  const program = programOf(carries);
  const value = namespace.sysctls[settingOf(program)];
  return [
    {
      text:
        value === 0
          ? `${link.name} has nf_call_${program} on: its bridged IP packets go through the IP chains`
          : `bridge-nf-call-${program} is ${value ?? 'unknown'}: bridged IP packets go through the IP chains`,
      look: commandIn(world.topology, namespace.id, ['sysctl', `net.${settingOf(program)}`]),
    },
  ];
}

function rulingFact({ world, bridge, carries }: Where, hook: string, by: string, { verdict, stopper }: Ruling): Fact {
  const { topology } = world;
  const netns = bridge.namespace.id;
  const what = by === 'bridge' ? 'the bridge family' : 'IP';
  if (stopper)
    return {
      text: `${stopperText(stopper)} drops it${stopper.text ? `: ${stopper.text}` : ''}`,
      look: commandIn(topology, netns, listing(stopper)),
    };
  return {
    text: `the rules of ${what} at ${hook} ${verdict === 'pass' ? 'let' : 'may not let'} the ${carries.kind} pass ${placeName(topology, placeOf(bridge))}`,
    look: commandIn(topology, netns, ['nft', 'list', 'ruleset']),
  };
}

function listing({ family, table, chain, legacy }: Stopper): string[] {
  return legacy
    ? ['iptables-legacy', '-t', table, '-v', '-L', chain, '--line-numbers']
    : ['nft', '-a', 'list', 'chain', family, table, chain];
}

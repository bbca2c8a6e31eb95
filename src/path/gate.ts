/**
 * A gate: one decision of the kernel between two places of the path.
 * Each kind carries what a rule has to know to name the cause; nothing in it is prose but the facts.
 */
import type {
  AdvertiseGate,
  ArpAnswerGate,
  ArpFilterGate,
  NeighbourGate,
  NeighbourTableGate,
  OwnerGate,
} from './gate-arp.ts';
import type {
  BridgeFilterGate,
  FdbGate,
  PortFlagGate,
  PortStateGate,
  SnoopingGate,
  TwinGate,
  VlanGate,
} from './gate-bridge.ts';
import type { MacvlanGate, VxlanGate } from './gate-device.ts';
import type {
  EchoGate,
  FilterGate,
  ForwardingGate,
  Ipv6Gate,
  LoopbackGate,
  RouteGate,
  SenderGate,
  SourceGate,
  StackGate,
  TtlGate,
} from './gate-ip.ts';
import type {
  ClassifierGate,
  DeviceGate,
  MtuGate,
  PathMtuGate,
  QueueGate,
  UnmodelledGate,
  XdpGate,
} from './gate-link.ts';
import type { ConntrackGate, TranslationGate } from './gate-nat.ts';

export type * from './gate-arp.ts';
export type * from './gate-bridge.ts';
export type * from './gate-device.ts';
export type * from './gate-ip.ts';
export type * from './gate-link.ts';
export type * from './gate-nat.ts';
export type * from './verdict.ts';

export type Gate =
  | DeviceGate
  | LoopbackGate
  | SenderGate
  | RouteGate
  | PortStateGate
  | PortFlagGate
  | FdbGate
  | VlanGate
  | SnoopingGate
  | BridgeFilterGate
  | TwinGate
  | ClassifierGate
  | QueueGate
  | XdpGate
  | MtuGate
  | PathMtuGate
  | ArpFilterGate
  | OwnerGate
  | ArpAnswerGate
  | AdvertiseGate
  | Ipv6Gate
  | SourceGate
  | StackGate
  | NeighbourGate
  | NeighbourTableGate
  | ForwardingGate
  | TtlGate
  | EchoGate
  | FilterGate
  | TranslationGate
  | ConntrackGate
  | MacvlanGate
  | VxlanGate
  | UnmodelledGate;

/** One string per gate and direction of travel: the same decision, met again, is the same gate. */
export function gateKey(gate: Gate): string {
  const about = 'protocol' in gate ? gate.protocol : 'purpose' in gate ? gate.purpose : detailOf(gate);
  const around = gate.tunnel ? ` in ${gate.tunnel.remote}` : '';
  return `${gate.kind} ${about} ${gate.place.netns}/${gate.place.name}${around}`;
}

/** Decisions of one kind at one port that a packet may pass while another does not. */
function detailOf(gate: Gate): string {
  if (gate.kind === 'port-flag') return gate.flag;
  if (gate.kind === 'vlan') return gate.direction;
  if (gate.kind === 'arp-answer') return gate.by;
  if (gate.kind === 'macvlan') return `${gate.by} ${gate.from.name}@${gate.from.netns}`;
  if (gate.kind === 'vxlan') return `${gate.by} ${gate.mac} ${gate.remote ?? ''}`;
  if (gate.kind === 'mtu') return gate.by === 'sender' || gate.by === 'router' ? gate.by : '';
  if (gate.kind === 'classifier') return gate.hook;
  if (gate.kind === 'translation') return `${gate.hook} ${gate.reason === 'answer' ? 'answer' : 'first'}`;
  if (gate.kind === 'filter') return `${gate.hook} ${gate.part} ${gate.packet}`;
  if (gate.kind === 'arp-filter') return `${gate.hook} ${gate.packet}`;
  return gate.kind === 'bridge-filter' ? `${gate.by} ${gate.hook} ${gate.packet} ${gate.from?.name}` : '';
}

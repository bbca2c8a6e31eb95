/** Who on a segment claims an address: those who were sighted answering for it, and those who would. */
import { ownersAnswering } from '../path/arp.ts';
import { chooseSource, isLocal } from '../path/fib.ts';
import { isAsk, type Path } from '../path/model.ts';
import { ownersAdvertising } from '../path/nd.ts';
import { type Port, placeOf, portAt } from '../path/world.ts';
import { familyOf } from '../topology/address.ts';
import type { Topology } from '../topology/model.ts';
import { resolvedMac } from '../trace/exchange.ts';
import { type Place, placeKey } from '../trace/frame.ts';
import type { Context } from './rule.ts';

export interface Claimant {
  readonly mac: string;
  /** Absent where no interface of this machine has the hardware address. */
  readonly place?: Place;
}

/** An address on the packet's way that more than one host claims. */
export interface Contest {
  readonly address: string;
  /** Who had to ask for it. */
  readonly asker: Place;
  /** The one that answered first is the first. */
  readonly claimants: readonly Claimant[];
  /** Two of them were sighted answering one request. */
  readonly sighted: boolean;
}

/** Every address that is resolved on the packet's way and has two owners, in the order of the way. */
export function contests(context: Context): Contest[] {
  const { topology, path } = context;
  return questions(topology, path).flatMap(({ asker, askerAddress, address }): Contest[] => {
    const answered = sightedClaimants(context, asker, address);
    const answering = familyOf(address) === 6 ? ownersAdvertising : ownersAnswering;
    const owners = answering(topology, asker, askerAddress, address).map(
      (port): Claimant => ({ mac: port.link.mac, place: placeOf(port) }),
    );
    const all = new Map(
      [...owners.toReversed(), ...answered.toReversed()].map((claimant) => [keyOf(claimant), claimant]),
    );
    const claimants = [...all.values()].toReversed();
    const sighted = new Set(answered.map(keyOf)).size > 1;
    return claimants.length > 1 ? [{ address, asker: placeOf(asker), claimants, sighted }] : [];
  });
}

/** One host may have several interfaces on the segment. */
function keyOf({ mac, place }: Claimant): string {
  return place?.netns ?? mac;
}

export interface Question {
  readonly asker: Port;
  readonly askerAddress: string;
  readonly address: string;
}

/** Who has to know whose hardware address, whether it asks or has it in its table. */
export function questions(topology: Topology, { legs }: Path): Question[] {
  const found = new Map<string, Question>();
  const add = (place: Place, address: string, askerAddress?: string) => {
    const asker = portAt(topology, place);
    const source = asker && (askerAddress ?? chooseSource(asker.namespace, asker.link.name, address));
    const key = `${placeKey(place)} ${address}`;
    if (asker && source !== undefined && !found.has(key)) found.set(key, { asker, askerAddress: source, address });
  };
  for (const { kind, asker, source, destination, steps } of legs) {
    if (isAsk(kind) && asker) add(asker, destination, source);
    for (const step of steps)
      if (step.kind === 'gate' && step.gate.kind === 'neighbour') add(step.gate.holder, step.gate.entry.address);
  }
  return [...found.values()];
}

/** Those who answered one request of the asker's; routers that answer for others are no claimants. */
function sightedClaimants({ exchanges, topology }: Context, asker: Port, address: string): Claimant[] {
  for (const exchange of exchanges) {
    if (exchange.kind === 'echo' || exchange.targetProtocol !== address) continue;
    if (resolvedMac(exchange.request) !== asker.link.mac) continue;
    const macs = exchange.replies.flatMap((reply) => resolvedMac(reply) ?? []);
    const claimants = [...new Set(macs)].flatMap((mac) => claimantAt(topology, mac, address));
    if (claimants.length > 1) return claimants;
  }
  return [];
}

function claimantAt({ namespaces }: Topology, mac: string, address: string): Claimant[] {
  const ports = namespaces.flatMap((namespace) =>
    namespace.links.filter((link) => link.mac === mac).map((link): Port => ({ namespace, link })),
  );
  if (ports.length === 0) return [{ mac }];
  const owner = ports.find(({ namespace }) => isLocal(namespace, address));
  return owner ? [{ mac, place: placeOf(owner) }] : [];
}

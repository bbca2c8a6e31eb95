/** What comes to a VXLAN socket: which device takes the frame out of its packet (vxlan_rcv, drivers/net/vxlan/vxlan_core.c). */
import { socketNamespace, vxlanSettings } from '../topology/vxlan.ts';
import type { Arrival } from './layer2.ts';
import { deviceGate } from './layer2.ts';
import { stopsOf, type WayStep } from './trail.ts';
import type { Sending } from './vxlan.ts';
import { mismatchGate, movedGate, opaqueGate } from './vxlan-gate.ts';
import { entryFor, learnRemote, type Peer, type Remote } from './vxlan-remote.ts';
import { gateStep, type Port, placeOf, placeStep, type World } from './world.ts';

/** @param at where the packet that carries it was delivered, and the address it came from */
export function receiveVxlan(
  sending: Sending,
  remote: Remote,
  { at, source }: { readonly at: Port; readonly source: string },
  before: readonly WayStep[],
): Arrival[] {
  const { walk, receive } = sending;
  const { world, frame } = walk;
  const here = devicesAt(world, at, remote.address);
  const exact = here.find(
    ({ settings }) => settings.vni === remote.vni && settings.port === remote.port && !settings.external,
  );
  const open = here.find(({ settings }) => settings.external && settings.port === remote.port);
  const found = exact ?? open ?? nearest(here, sending);
  if (!found) {
    const steps = [...before, gateStep(mismatchGate(sending, at, remote, undefined, 'absent'))];
    return [{ port: at, steps, stops: stopsOf(steps), accepted: false, reaches: 'nobody' }];
  }
  const steps = [...before];
  if (found === open)
    steps.push(gateStep(opaqueGate({ walk, port: found.port }, 'takes what somebody else tells it to')));
  else if (!exact)
    steps.push(
      gateStep(mismatchGate(sending, at, remote, found, found.settings.port === remote.port ? 'vni' : 'port')),
    );
  const down = deviceGate(world, found.port);
  if (down.verdict !== 'pass') steps.push(gateStep(down));
  if (found.settings.learning) {
    const entry = entryFor(found.port, frame.source);
    const fixed = entry !== undefined && entry.state !== '' && entry.remote !== source;
    if (fixed) steps.push(gateStep(movedGate(sending, found, entry, source)));
    else if (stopsOf(steps) === 0) learnRemote(world, found.port, frame.source, source);
  }
  const { tag: _, ...untagged } = walk;
  return receive(untagged, found.port, [...steps, placeStep(found.port, 'in')]);
}

/** The devices whose socket is in the namespace the packet came to. */
function devicesAt({ topology }: World, at: Port, address: string): Peer[] {
  const { netns } = placeOf(at);
  return topology.namespaces.flatMap((namespace) =>
    namespace.links.flatMap((link): Peer[] => {
      const settings = vxlanSettings(link);
      const here = settings && socketNamespace(namespace.id, link) === netns;
      return here ? [{ port: { namespace, link }, settings, address }] : [];
    }),
  );
}

/** The one that is meant, most likely: of the same identifier, else of the same port. */
function nearest(here: readonly Peer[], { settings }: Sending): Peer | undefined {
  return (
    here.find((peer) => peer.settings.vni === settings.vni) ??
    here.find((peer) => peer.settings.port === settings.port) ??
    here[0]
  );
}

/** Packet filters at a device: nftables' family netdev, and the ingress chains of family inet (nf_ingress, nf_hook_egress in net/core/dev.c). */
import { commandIn, placeName } from '../topology/naming.ts';
import { type FrameAddresses, isGroup } from './ethernet.ts';
import { isLocal } from './fib.ts';
import type { FilterGate } from './gate.ts';
import { stopperListing } from './ip-filter.ts';
import { type FilterPacket, rule, stopperText } from './ruleset.ts';
import { chainsIn, type Port, placeOf, type World } from './world.ts';

/**
 * What is sent is decided before it can be seen on the device, what is received after that.
 * Nothing where the chains let it pass.
 */
export function deviceFilterGates(
  world: World,
  port: Port,
  hook: 'ingress' | 'egress',
  frame: FrameAddresses,
): FilterGate[] {
  const { namespace, link } = port;
  const { carries } = frame;
  if (!carries || namespace.detail === 'links') return [];
  const ruling = rule(chainsIn(world, namespace), ['netdev', 'inet'], hook, packetAt(port, hook, frame, carries), {
    device: link.name,
  });
  if (!ruling || ruling.verdict === 'pass') return [];
  const { topology } = world;
  const { stopper, suspects = [], verdict, open } = ruling;
  const place = placeOf(port);
  const named = stopper ? [stopper] : suspects.slice(0, 3);
  const forwarded = hook === 'egress' && !isLocal(namespace, carries.source);
  const [list, name] = [commandIn(topology, place.netns, ['nft', 'list', 'ruleset']), placeName(topology, place)];
  return [
    {
      kind: 'filter',
      place,
      hook,
      part: 'before-nat',
      packet: carries.kind,
      source: carries.source,
      destination: carries.destination,
      ...(hook === 'ingress' || forwarded ? { from: place } : {}),
      ...(hook === 'egress' ? { to: place } : {}),
      verdict,
      ...(verdict === 'stop' && stopper ? { stopper } : {}),
      ...(ruling.suspects ? { suspects: ruling.suspects } : {}),
      ...(open ? { open } : {}),
      facts:
        named.length === 0
          ? [{ text: `rules at ${hook} of ${name} that are not decided may drop it`, look: list }]
          : named.map((one) => ({
              text: `${stopperText(one)} ${stopper ? 'drops' : 'may drop'} it at ${hook} of ${name}: ${one.text ?? 'its policy'}`,
              look: commandIn(topology, place.netns, stopperListing(one)),
            })),
    },
  ];
}

function packetAt(
  { link }: Port,
  hook: 'ingress' | 'egress',
  { source, destination, lengthBytes }: FrameAddresses,
  carries: FilterPacket['carries'],
): FilterPacket {
  return {
    inputInterface: hook === 'ingress' ? link.name : '',
    outputInterface: hook === 'egress' ? link.name : '',
    etherSource: source,
    etherDestination: destination,
    // No connection is attached there yet.
    state: 'invalid',
    packetType: isGroup(destination) ? 'broadcast' : 'host',
    ...(hook === 'ingress' ? { mark: 0 } : {}),
    ...(lengthBytes === undefined ? {} : { lengthBytes }),
    carries,
  };
}

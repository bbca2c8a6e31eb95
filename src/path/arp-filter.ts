/** Filters of the ARP family: what a stack takes in of ARP, and what it sends (NF_ARP_IN in arp_rcv, NF_ARP_OUT in arp_xmit, net/ipv4/arp.c). */
import { commandIn, placeName } from '../topology/naming.ts';
import type { FrameAddresses } from './ethernet.ts';
import type { ArpFilterGate } from './gate.ts';
import { chainsOf, type FilterPacket, rule, stopperText } from './ruleset.ts';
import { type Port, placeOf, type World } from './world.ts';

/** None where no chain is there. */
export function arpFilterGates(
  { topology }: World,
  { namespace, link }: Port,
  hook: 'input' | 'output',
  { source, destination, carries }: FrameAddresses,
): ArpFilterGate[] {
  if (!carries || namespace.detail === 'links') return [];
  const packet: FilterPacket = {
    inputInterface: hook === 'input' ? link.name : '',
    outputInterface: hook === 'output' ? link.name : '',
    etherSource: source,
    etherDestination: destination,
    carries,
  };
  const ruling = rule(chainsOf(namespace.filters), ['arp'], hook, packet);
  if (!ruling) return [];
  const { verdict, stopper } = ruling;
  const place = placeOf({ namespace, link });
  const way = hook === 'input' ? 'in by' : 'out of';
  const text = stopper
    ? `${stopperText(stopper)} drops ARP ${way} ${placeName(topology, place)}`
    : `the ARP rules at ${hook} ${verdict === 'pass' ? 'let' : 'may not let'} it ${way} ${placeName(topology, place)}`;
  const look = stopper
    ? ['nft', '-a', 'list', 'chain', 'arp', stopper.table, stopper.chain]
    : ['nft', 'list', 'ruleset', 'arp'];
  return [
    {
      kind: 'arp-filter',
      place,
      verdict,
      hook,
      packet: carries.kind,
      ...(stopper ? { stopper } : {}),
      facts: [{ text, look: commandIn(topology, namespace.id, look) }],
    },
  ];
}

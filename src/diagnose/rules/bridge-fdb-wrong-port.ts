import { inNetns, placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgeFdbWrongPort: Rule = {
  id: 'bridge-fdb-wrong-port',
  severity: 'fault',
  title: 'a forwarding entry of the bridge sends the frame where its owner is not',
  explain: {
    what: `A bridge keeps a table of which hardware address is behind which port. An entry that is sticky stays where it was
put even when the host speaks from elsewhere; one made with "bridge fdb add ... master" and no "static" is permanent,
which means local: frames for it go up to the host. A learnt entry is wrong for as long as a host that has moved is
silent.`,
    wire: `ARP requests, being broadcast, arrive. The unicast frame leaves by the wrong port, or goes up to the bridge, and never
leaves by the port the owner is behind.`,
    confirm: `  bridge fdb show br BRIDGE           the entry of the address, against the port its owner is behind`,
    cure: `  bridge fdb del MAC dev WRONG master
The next frame is flooded, and the answer teaches the bridge the right port. Whatever set the entry may set it again.`,
    otherwise: `If two hosts have the same address, the entry is right for one of them: that is link-mac-duplicate. An entry that is
static, but not sticky, moves by itself when the host speaks.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'fdb') return undefined;
    const { entry, place, bridge, owner, port } = situation.gate;
    const local = entry.state === 'permanent';
    const to = local ? `up to ${bridge.name} itself` : `out of ${placeName(topology, place)}`;
    return {
      title: `${bridge.name} sends frames for ${entry.mac} ${to}, but ${placeName(topology, owner)} is behind ${port.name}`,
      summary: `the table of ${bridge.name}${inNetns(topology, bridge.netns)} has ${entry.mac} on ${entry.device}${
        local ? ', as an address of its own (permanent)' : entry.flags.includes('sticky') ? ', sticky' : ''
      }. That is the address of ${placeName(topology, owner)}, which is behind ${placeName(topology, port)}: unicast never comes there.`,
      where: { netns: bridge.netns, name: entry.device },
      cure: {
        why: 'forget the entry: the bridge learns the right one',
        changes: [
          {
            kind: 'fdb-del',
            at: { netns: bridge.netns, name: entry.device },
            mac: entry.mac,
            ...(entry.vlan === undefined ? {} : { vlan: entry.vlan }),
          },
        ],
      },
    };
  },
};

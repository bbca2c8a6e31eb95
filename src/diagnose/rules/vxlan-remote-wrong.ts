import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const vxlanRemoteWrong: Rule = {
  id: 'vxlan-remote-wrong',
  severity: 'fault',
  title: 'an entry of a VXLAN device has a hardware address behind the wrong node',
  explain: {
    what: `An entry of a VXLAN device's forwarding table sends what is for a hardware address to one node, and the owner of the
address is behind another: the container was moved, the node has another address now, or the entry was written wrong.
Entries that were set by hand stay until somebody removes them. A device that learns goes further: it also drops what
comes from an address that such an entry has behind another node.`,
    wire: `The frame leaves by the uplink in a UDP packet to a node where the owner is not, and is lost there. Or it arrives at the
right node, in the uplink, and does not come out of the VXLAN device.`,
    confirm: `  bridge fdb show dev VX | grep MAC       "dst NODE self permanent"
  ip -br addr                             on that node: is it the right one?`,
    cure: `  bridge fdb replace MAC dev VX dst NODE
What wrote the entry will write it again: correct it there.`,
    otherwise: `No entry at all is vxlan-remote-missing. If the right node gets the packet and has no device for it, that is
vxlan-vni-mismatch.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'vxlan') return undefined;
    const { gate } = situation;
    const { peer, remote } = gate;
    if ((gate.by !== 'astray' && gate.by !== 'moved') || !peer) return undefined;
    const at = gate.by === 'astray' ? gate.sender : peer.place;
    const right = gate.by === 'astray' ? peer.address : (remote ?? peer.address);
    const wrong = gate.entry?.remote ?? remote;
    const name = placeName(topology, at);
    const changes = [{ kind: 'vxlan-replace', at, mac: gate.mac, remote: right } as const];
    return {
      title: `${name} has ${gate.mac} behind ${wrong}, and it is behind ${right}`,
      summary:
        gate.by === 'astray'
          ? `${name} sends what is for ${gate.mac} to ${wrong}. Its owner is not there: it is reached by ${placeName(topology, peer.place)}, at ${right}.`
          : `the frame comes from ${gate.mac} at ${right}. An entry set by hand has that address behind ${wrong}, and ${name}, which learns, drops what comes from elsewhere.`,
      where: at,
      ...(context.passes(changes) ? { cure: { why: `${gate.mac} is behind ${right}`, changes } } : {}),
    };
  },
};

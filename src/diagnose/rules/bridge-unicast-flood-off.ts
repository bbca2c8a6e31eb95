import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import type { Rule } from '../rule.ts';

export const bridgeUnicastFloodOff: Rule = {
  id: 'bridge-unicast-flood-off',
  severity: 'fault',
  title: 'the bridge does not know the address, and the port gets nothing it does not know',
  explain: {
    what: `A bridge sends a frame for an address it has not learnt out of every port, unless flood is off on the port. With
flood off, the port gets only what the bridge's table names; if learning is off there too, or the entry has grown old
while the host behind it was silent, nothing does.`,
    wire: `ARP works, since it is broadcast. The echo request comes in by the sender's port, and never leaves by this one.`,
    confirm: `  bridge -d link show dev PORT        "flood off", perhaps "learning off"
  bridge fdb show br BRIDGE           no entry for the address`,
    cure: `  bridge link set dev PORT flood on
  bridge link set dev PORT learning on
or, where both are off on purpose: bridge fdb add MAC dev PORT master static`,
    otherwise: `If there is an entry for the address and it names another port, it is bridge-fdb-wrong-port.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-flag' || situation.gate.flag !== 'flood')
      return undefined;
    const { place, bridge, mac } = situation.gate;
    const name = placeName(topology, place);
    const deaf = linkOf(topology, place)?.port?.learning === false;
    const on = (flag: 'flood' | 'learning'): Change => ({ kind: 'port-flag', at: place, flag, on: true });
    return {
      title: `${bridge.name} does not know ${mac}, and floods nothing to ${name} (flood off)`,
      summary: `the frame is for ${mac}, for which ${bridge.name} has no entry, and what it does not know it does not send out of ${name}.${
        deaf ? ` It learns no addresses there either: learning is off.` : ''
      }`,
      where: place,
      cure: {
        why: deaf ? 'flood what is not known, and learn what is there' : 'flood what is not known',
        changes: deaf ? [on('flood'), on('learning')] : [on('flood')],
      },
    };
  },
};

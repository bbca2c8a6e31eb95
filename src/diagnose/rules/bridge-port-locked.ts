import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const bridgePortLocked: Rule = {
  id: 'bridge-port-locked',
  severity: 'fault',
  title: 'a locked bridge port refuses a sender it does not know',
  explain: {
    what: `A locked port (IEEE 802.1X) takes frames only from addresses that the bridge's table already has on that port; it
learns none by itself. Everything else is dropped as it comes in.`,
    wire: `The frame is seen coming in by the port, and nothing after: neither on the bridge nor on any other port.`,
    confirm: `  bridge -d link show dev PORT        "locked on"
  bridge fdb show brport PORT         no entry for the sender's address, or one with the flag "locked"`,
    cure: `Either let that address in:
  bridge fdb add MAC dev PORT master static
or open the port to all:
  bridge link set dev PORT locked off
It is a protection somebody set up: find out what should have authorised the host.`,
    otherwise: `If the table has the sender's address on this port, it is not this.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'port-flag' || situation.gate.flag !== 'locked')
      return undefined;
    const { place, bridge, mac } = situation.gate;
    const name = placeName(topology, place);
    return {
      title: `${name} is a locked port of ${bridge.name}, and ${mac} is not known there`,
      summary: `the frame comes from ${mac}, and a locked port drops what comes from an address that ${bridge.name} has no entry for on it. ${name} learns none by itself.`,
      where: place,
      cure: {
        why: 'open the port to all senders',
        changes: [{ kind: 'port-flag', at: place, flag: 'locked', on: false }],
      },
    };
  },
};

import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const tunNoReader: Rule = {
  id: 'tun-no-reader',
  severity: 'fault',
  title: 'no process has the tun or tap device open that the packet should leave by',
  explain: {
    what: `Behind a tun or tap device is a process: a virtual machine monitor, a VPN, an overlay's daemon. What is sent by the
device is read by that process, and what the process writes comes in by it. A persistent device stays when the process
ends; it then has no carrier, and what is sent by it is dropped in its own queue.`,
    wire: `The packet is sighted up to the device, and not leaving by it; or nothing is sighted at all, where the device is the
sender's own.`,
    confirm: `  ip -d link show DEV                       NO-CARRIER, "tun type tap … persist on"
  grep -l "iff:.*DEV" /proc/[0-9]*/fdinfo/*   the processes that have it open: none`,
    cure: `Start what should have it open: the virtual machine, the VPN's daemon. Look why it ended first (journalctl, its own
log). A device that nothing needs any more is removed with
  ip tuntap del dev DEV mode tap        (or mode tun)`,
    otherwise: `A device that is administratively down is link-down. If a process has it open and the packet leaves by it, look in
the virtual machine, or at the VPN's other end.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped') return undefined;
    const { gate } = situation;
    if (gate.kind === 'device' && gate.state === 'no-carrier' && linkOf(topology, gate.place)?.kind === 'tun')
      return unread(context, gate.place);
    // Nobody has the address, and what is behind the device was not asked.
    if (gate.kind !== 'owner' || gate.elsewhere.length > 0 || gate.outside.length > 0) return undefined;
    const [device, ...others] = gate.unread ?? [];
    if (!device) return undefined;
    const names = [device, ...others].map((place) => placeName(topology, place)).join(', ');
    return {
      title: `nobody answers for ${gate.target}, and no process has ${names} open`,
      summary: `no interface the request reaches has ${gate.target}. It should also leave by ${names}, and there is nobody to take it: whatever is to be reached by it (a virtual machine, a VPN) is not running.`,
      where: device,
      confidence: 'likely',
      evidence: [carrier(context, device)],
    };
  },
};

function unread(context: Context, place: Place): Claim {
  const name = placeName(context.topology, place);
  return {
    title: `no process has ${name} open: nobody takes what is sent by it`,
    summary: `the packet should leave by ${name}, a ${kindOf(context, place)} device. It is up and has no carrier: the process that should read from it (a virtual machine, a VPN) is not running. Start it.`,
    where: place,
  };
}

function carrier(context: Context, place: Place) {
  return {
    kind: 'state' as const,
    text: `${placeName(context.topology, place)} has no carrier: no process has it open`,
    place,
  };
}

function kindOf({ topology }: Context, place: Place): string {
  return linkOf(topology, place)?.data.type === 'tun' ? 'tun' : 'tap';
}

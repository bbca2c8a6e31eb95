import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import { xdpOf } from '../../topology/traffic-control.ts';
import type { Rule } from '../rule.ts';
import { culprit } from '../suspect.ts';

export const linkXdpDrop: Rule = {
  id: 'link-xdp-drop',
  severity: 'fault',
  title: 'an XDP program of an interface drops the packet before anybody sees it',
  explain: {
    what: `An XDP program is run by the driver for every frame that comes in, before the kernel makes a packet of it: before
any capture, bridge, route or packet filter. Load balancers and guards against floods use it. What it drops has never
been there, as far as the rest of the kernel is concerned.`,
    wire: `The packet is seen leaving the other end, and never coming in at the interface: tcpdump there shows nothing.`,
    confirm: `  ip -d link show dev DEV             "prog/xdp", or xdp, xdpgeneric, xdpoffload in its first line
  bpftool net show dev DEV            the program; bpftool prog dump xlated id N shows what it does
  ethtool -S DEV | grep xdp           on a veth: rx_queue_0_xdp_drops`,
    cure: `  ip link set dev DEV xdp off            or xdpgeneric off, where the first line says xdpgeneric
Whatever loaded it may load it again: look for its owner first.`,
    otherwise: `If the packet is seen coming in, XDP has let it pass. vdiag does not read what the program does: it names it where
the packet was lost just before it, and nothing else stands there, or where the kernel says so.`,
  },
  evaluate(context) {
    const found = culprit(context, 'xdp');
    if (!found) return undefined;
    const { place } = found.gate;
    const name = placeName(context.topology, place);
    const link = linkOf(context.topology, place);
    const modes = (link && xdpOf(link)?.modes) ?? [];
    return {
      title: `the XDP program of ${name} ${found.certain ? 'drops' : 'takes'} what comes in there`,
      summary: `the packet is sent to ${name} and is not seen coming in. An XDP program is attached to ${name}: it sees every frame before anybody else does, and nothing else stands between.`,
      where: place,
      confidence: found.certain ? 'proven' : 'likely',
      cure: {
        why: `take the program off ${name}`,
        changes: (modes.length > 0 ? modes : (['xdp'] as const)).map((mode) => ({ kind: 'xdp-off', at: place, mode })),
      },
    };
  },
};

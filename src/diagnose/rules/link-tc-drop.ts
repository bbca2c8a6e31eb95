import { placeName } from '../../topology/naming.ts';
import type { Classifier } from '../../topology/traffic-control.ts';
import type { Place } from '../../trace/frame.ts';
import type { Cure, Rule } from '../rule.ts';
import { culprit } from '../suspect.ts';

export const linkTcDrop: Rule = {
  id: 'link-tc-drop',
  severity: 'fault',
  title: 'a traffic control filter (tc) of an interface drops the packet',
  explain: {
    what: `Traffic control can look at every frame an interface takes in (ingress) or sends (egress), before bridges, routing and
the packet filters see it. Filters there (u32, flower, matchall, BPF programs) may drop. Network plugins built on eBPF,
Cilium among them, enforce their policies in this place; a filter may also be left over from a test.`,
    wire: `At ingress: the packet is seen coming in by the interface, and nowhere after, neither on its bridge nor answered.
At egress: it is not seen at all, not even on the interface that should send it. iptables counters stay at zero.`,
    confirm: `  tc qdisc show dev DEV                     clsact or ingress
  tc -s filter show dev DEV ingress         the filters, with what they do
  tc -s filter show dev DEV egress
  bpftool prog show                         the programs behind them`,
    cure: `  tc filter del dev DEV ingress protocol P pref N handle H KIND
Where a network plugin made it, change its policy: it makes the filter again.`,
    otherwise: `If the packet gets as far as the bridge, or comes to the stack, it has passed these filters. XDP drops earlier still,
before the packet is seen: link-xdp-drop.`,
  },
  evaluate(context) {
    const found = culprit(context, 'classifier');
    if (!found) return undefined;
    const { place, hook, classifier } = found.gate;
    const name = placeName(context.topology, place);
    const way = hook === 'ingress' ? 'comes in by' : 'should leave by';
    const which = classifier
      ? `the ${classifier.kind} filter with preference ${classifier.preference}`
      : 'one of several filters';
    const cure = classifier && deletion(place, classifier);
    return {
      title: `${which} of traffic control at ${hook} of ${name} ${found.certain ? 'drops' : 'may drop'} the packet`,
      summary: `the packet ${way} ${name}, and ${which} at its ${hook} ${found.certain ? 'drops it' : 'is all that can have taken it'}. No bridge, no route and no packet filter has a say in that.`,
      where: place,
      ...(found.certain ? {} : { confidence: 'possible' as const }),
      ...(cure ? { cure } : {}),
    };
  },
};

function deletion(at: Place, { hook, kind, protocol, preference, handle }: Classifier): Cure {
  return {
    why: 'delete that filter',
    changes: [
      {
        kind: 'classifier-del',
        at,
        hook,
        protocol,
        preference,
        classifier: kind,
        ...(handle === undefined ? {} : { handle }),
      },
    ],
  };
}

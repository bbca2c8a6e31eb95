/** Translation of bridged packets: with br_netfilter a bridge shows what it passes on to the NAT rules of its namespace, as if it were routed. */
import { masterOf } from '../topology/query.ts';
import { showsToIp } from './bridge-filter.ts';
import type { Packet, Walk } from './forward.ts';
import type { Step } from './model.ts';
import { translateDestination, translateSource } from './nat.ts';
import { gateStep, portAt } from './world.ts';

/** @param steps the way of the packet over one link; @returns it with the addresses it has at the end of it */
export function translatedInBridges({ world, trail, query }: Walk, steps: readonly Step[], packet: Packet): Packet {
  let carried = packet;
  const places = steps.flatMap((step) => (step.kind === 'place' ? [step] : []));
  for (const [index, entering] of places.entries()) {
    const leaving = places[index + 1];
    if (entering.direction !== 'in' || leaving?.direction !== 'out') continue;
    const from = portAt(world.topology, entering.place);
    const to = portAt(world.topology, leaving.place);
    const link = from && masterOf(from.namespace, from.link);
    if (!from || !to || !link || to.link.master !== link.index || from.namespace.id !== to.namespace.id) continue;
    const bridge = { namespace: from.namespace, link };
    if (!showsToIp(bridge, carried.source)) continue;
    const common = { world, query, port: bridge, ports: { input: from.link.name, output: to.link.name } };
    const entered = translateDestination({ ...common, hook: 'prerouting', carries: carried });
    // Another destination is routed anew (br_nf_pre_routing_finish): where to is not followed.
    if (entered.ends.destination !== carried.destination) {
      trail.add(...entered.gates.map((gate) => gateStep({ ...gate, verdict: 'unknown', reason: 'undecided' })));
      continue;
    }
    const left = translateSource(
      { ...common, hook: 'postrouting', carries: carried, input: link.name },
      entered.tracked,
    );
    trail.add(...[...entered.gates, ...left.gates].map(gateStep));
    carried = { ...carried, ...left.ends };
  }
  return carried;
}

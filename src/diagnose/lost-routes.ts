/** The routes of a device vanish when it goes down: a route that is missing, or a wider one in its place, may have that cause. */
import type { Link } from '../topology/model.ts';
import { prefixContains, prefixLength } from '../topology/prefix.ts';
import { addressesOf, isUp, namespaceOf } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';
import type { Context } from './rule.ts';

export interface DownLink {
  readonly at: Place;
  readonly link: Link;
}

/**
 * A device that is down where the packet was routed, whose address covers the destination more closely than the route taken,
 * and whose coming up lets the packet pass.
 */
export function downLinkBehind(context: Context): DownLink | undefined {
  const { situation, topology, path } = context;
  if (situation.kind !== 'stopped' || situation.gate.kind === 'device') return undefined;
  for (const { steps } of path.legs)
    for (const step of steps) {
      if (step.kind !== 'gate') continue;
      const routed = routedBy(step.gate);
      if (!routed) continue;
      for (const link of namespaceOf(topology, routed.netns)?.links ?? []) {
        const at = { netns: routed.netns, name: link.name };
        const covers = addressesOf(link, 4).some(
          (own) =>
            own.prefixLength > routed.length &&
            prefixContains(`${own.address}/${own.prefixLength}`, routed.destination),
        );
        if (covers && !isUp(link) && context.passes([{ kind: 'link-up', at }])) return { at, link };
      }
    }
  return undefined;
}

type AnyGate = Extract<Context['path']['legs'][number]['steps'][number], { kind: 'gate' }>['gate'];

/** Where a routing decision was made, and the length of the prefix it found: -1 for none. */
function routedBy(gate: AnyGate): { netns: string; destination: string; length: number } | undefined {
  const { netns } = gate.place;
  if (gate.kind === 'route') {
    const length = gate.route ? prefixLength(gate.route.route.destination) : -1;
    return { netns, destination: gate.destination, length };
  }
  return gate.kind === 'owner' && gate.assumedOnLink ? { netns, destination: gate.target, length: -1 } : undefined;
}

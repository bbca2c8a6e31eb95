/** One request and more than one reply: where the second copy first appeared, and what on this machine makes copies. */

import type { Change } from '../topology/change.ts';
import { child, field, integer, isObject, objects, text } from '../topology/json.ts';
import type { Namespace, Topology } from '../topology/model.ts';
import { commandIn, netnsName, placeName } from '../topology/naming.ts';
import { classifiersOf } from '../topology/traffic-control.ts';
import type { EchoExchange } from '../trace/exchange.ts';
import type { Place } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';
import type { Sighting } from '../trace/sighting.ts';

/** What was multiplied, and where. */
export interface Multiplied {
  /** Probes with more than one reply. */
  readonly probes: readonly EchoExchange[];
  /** Replies beyond the first of each. */
  readonly further: number;
  readonly example: EchoExchange;
  /** The copy's first sighting. Absent: only the socket got it twice. */
  readonly copy?: Sighting;
  /** `request`: copied on its way. `answer`: the target answered twice. `hosts`: two answered. `reply`: copied on its way back. */
  readonly what: 'request' | 'answer' | 'hosts' | 'reply';
  /** Where the replies set out; two places where two hosts answered. */
  readonly origins: readonly Place[];
}

/** The probes whose socket got more than one reply; undefined where there is none. */
export function multiplied(echoes: readonly EchoExchange[]): Multiplied | undefined {
  const probes = echoes.filter(({ probe }) => (probe?.replies.length ?? 0) > 1);
  const [example] = probes;
  if (!example) return undefined;
  const further = probes.reduce((sum, { probe }) => sum + (probe?.replies.length ?? 1) - 1, 0);
  const [first, second] = example.replies;
  const origins = [first, second].flatMap((reply) => originOf(reply)?.frame.place ?? []);
  const copied = example.copies?.[0]?.sightings[0];
  const [one, other] = [originOf(first), originOf(second)];
  // A router that copies it sees the first one come by.
  const passed = first?.sightings.some(({ frame }) => frame.place.netns === other?.frame.place.netns) === true;
  const hosts = other && !passed && isStart(other);
  const again = one && other && samePlace(one, other);
  const what = hosts ? 'hosts' : copied ? 'request' : again ? 'answer' : 'reply';
  const copy = what === 'request' ? copied : other;
  return { probes, further, example, what, origins, ...(copy === undefined ? {} : { copy }) };
}

function originOf(journey: Journey | undefined): Sighting | undefined {
  return journey?.sightings[0];
}

/** It was made there: what is copied on the way comes in first. */
function isStart({ frame }: Sighting): boolean {
  return frame.direction === 'out';
}

function samePlace(one: Sighting, other: Sighting): boolean {
  return (
    one.frame.place.netns === other.frame.place.netns &&
    one.frame.place.name === other.frame.place.name &&
    one.frame.direction === other.frame.direction
  );
}

/** A setting that makes a second packet of one. */
export interface Copier {
  /** The device it is hung on, where it is on one. */
  readonly place?: Place;
  readonly text: string;
  readonly look: string;
  readonly cure: Change;
}

/** What makes copies in a namespace: filters of traffic control that mirror, and rules with `dup` or TEE. */
export function copiersIn(topology: Topology, namespace: Namespace): Copier[] {
  return [...mirrors(topology, namespace), ...duplicators(topology, namespace)];
}

function mirrors(topology: Topology, namespace: Namespace): Copier[] {
  return namespace.links.flatMap((link) =>
    (['ingress', 'egress'] as const).flatMap((hook) =>
      classifiersOf(link, hook).flatMap((classifier): Copier[] => {
        const action = objects(field(classifier.options, 'actions')).find(
          (each) => text(each, 'kind') === 'mirred' && text(each, 'mirred_action') === 'mirror',
        );
        if (!action) return [];
        const place = { netns: namespace.id, name: link.name };
        const { kind, protocol, preference, handle } = classifier;
        return [
          {
            place,
            text: `the ${kind} filter with preference ${preference} at ${hook} of ${placeName(topology, place)} sends a copy by ${text(action, 'to_dev') ?? 'another device'}`,
            look: commandIn(topology, namespace.id, ['tc', '-s', 'filter', 'show', 'dev', link.name, hook]),
            cure: {
              kind: 'classifier-del',
              at: place,
              hook,
              protocol,
              preference,
              ...(handle === undefined ? {} : { handle }),
              classifier: kind,
            },
          },
        ];
      }),
    ),
  );
}

function duplicators(topology: Topology, namespace: Namespace): Copier[] {
  return objects(namespace.filters.nftables ?? []).flatMap((entry): Copier[] => {
    const rule = child(entry, 'rule');
    const copies = objects(field(rule, 'expr')).some(
      (expression) => isObject(field(expression, 'dup')) || text(child(expression, 'xt'), 'name') === 'TEE',
    );
    const [family, table, chain] = [text(rule, 'family'), text(rule, 'table'), text(rule, 'chain')];
    const handle = integer(rule, 'handle');
    if (!copies || family === undefined || table === undefined || chain === undefined || handle === undefined)
      return [];
    return [
      {
        text: `the rule with handle ${handle} in chain ${chain} of table ${family} ${table} in ${netnsName(topology, namespace.id)} makes copies`,
        look: commandIn(topology, namespace.id, ['nft', '-a', 'list', 'chain', family, table, chain]),
        cure: { kind: 'filter-delete', netns: namespace.id, family, table, chain, legacy: false, rule: handle },
      },
    ];
  });
}

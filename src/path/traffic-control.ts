/**
 * What a device does to a frame beside bridges and stacks: classifiers at its ingress and egress (sch_handle_ingress and
 * sch_handle_egress, net/core/dev.c), its queueing discipline, an XDP program. Egress is decided before the frame can be
 * seen on the device, XDP before it can be seen coming in, ingress after that.
 */
import { field, isObject, objects } from '../topology/json.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { type Classifier, classifiersOf, queueOf, xdpOf } from '../topology/traffic-control.ts';
import type { FrameAddresses } from './ethernet.ts';
import type { ClassifierGate, QueueGate, Verdict, XdpGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

const ETHERNET_HEADER_BYTES = 14;
const ARP_BYTES = 28;

/** Of what a device sends. */
export function egressTrafficGates(world: World, port: Port, frame: FrameAddresses): (ClassifierGate | QueueGate)[] {
  return [...classifierGates(world, port, 'egress', frame), ...queueGates(world, port, frame)];
}

export function classifierGates(
  { topology }: World,
  port: Port,
  hook: Classifier['hook'],
  frame: FrameAddresses,
): ClassifierGate[] {
  if (!frame.carries) return [];
  const place = placeOf(port);
  const look = commandIn(topology, place.netns, ['tc', '-s', 'filter', 'show', 'dev', place.name, hook]);
  const gate = (verdict: Verdict, classifier: Classifier, text: string): ClassifierGate[] => [
    { kind: 'classifier', place, verdict, classifier, facts: [{ text, look }] },
  ];
  for (const classifier of classifiersOf(port.link, hook)) {
    if (!isFor(classifier, frame)) continue;
    const { kind, preference } = classifier;
    const name = `the ${kind} filter with preference ${preference} at ${hook} of ${placeName(topology, place)}`;
    const decision = decide(classifier);
    if (decision === 'next') continue;
    if (decision === 'drop') return gate('stop', classifier, `${name} drops it`);
    return decision === 'pass' ? [] : gate('unknown', classifier, `what ${name} does with it is not decided`);
  }
  return [];
}

function isFor({ protocol }: Classifier, { carries }: FrameAddresses): boolean {
  const own = carries?.kind.startsWith('arp') ? 'arp' : 'ip';
  return protocol === 'all' || protocol === own;
}

/** Classifiers that match whatever comes to them, and say at once what becomes of it; of the others nothing is certain. */
function decide({ kind, options }: Classifier): 'drop' | 'pass' | 'next' | 'unknown' {
  if (kind === 'matchall') return actionOf(options);
  if (kind === 'u32' && isEverything(field(options, 'match'))) return actionOf(options);
  if (kind !== 'bpf' || field(options, 'direct-action') !== true) return 'unknown';
  const bytecode = field(options, 'bytecode');
  const [first, ...more] = isObject(bytecode) ? objects(field(bytecode, 'insns')) : [];
  // "return k", and nothing before it.
  if (!first || more.length > 0 || field(first, 'code') !== 6) return 'unknown';
  const result = field(first, 'k');
  return result === TC_ACT_SHOT ? 'drop' : result === 0 ? 'pass' : result === TC_ACT_UNSPEC ? 'next' : 'unknown';
}

const TC_ACT_SHOT = 2;
/** -1, as an unsigned number. */
const TC_ACT_UNSPEC = 0xffffffff;

function isEverything(match: unknown): boolean {
  return isObject(match) && field(match, 'mask') === '0';
}

function actionOf(options: Classifier['options']): 'drop' | 'pass' | 'next' | 'unknown' {
  const actions = objects(field(options, 'actions'));
  // A filter without an action only says into which class it goes.
  if (actions.length === 0) return 'next';
  const control = actions[0] && field(actions[0], 'control_action');
  const type = isObject(control) ? field(control, 'type') : undefined;
  return type === 'drop' || type === 'pass' ? type : 'unknown';
}

function queueGates({ topology }: World, port: Port, { lengthBytes }: FrameAddresses): QueueGate[] {
  const queue = queueOf(port.link);
  if (!queue) return [];
  const place = placeOf(port);
  const bytes = ETHERNET_HEADER_BYTES + (lengthBytes ?? ARP_BYTES);
  const name = `the queueing discipline of ${placeName(topology, place)}, ${queue.kind}`;
  const reason = dropReason(queue.kind, queue.options, bytes);
  return [
    {
      kind: 'queue',
      place,
      verdict: reason === undefined ? 'unknown' : 'stop',
      queue: queue.kind,
      facts: [
        {
          text: reason === undefined ? `${name}, may drop or delay it` : `${name}, ${reason}`,
          look: commandIn(topology, place.netns, ['tc', '-s', 'qdisc', 'show', 'dev', place.name]),
        },
      ],
    },
  ];
}

/** Why a discipline drops every frame of this length; undefined when it may let some pass. */
function dropReason(kind: string, options: Classifier['options'], bytes: number): string | undefined {
  if (kind === 'blackhole') return 'drops everything';
  if ((kind === 'pfifo' || kind === 'bfifo') && field(options, 'limit') === 0) return 'has room for nothing (limit 0)';
  if (kind === 'netem') {
    const loss = field(options, 'loss-random');
    return isObject(loss) && field(loss, 'loss') === 1 ? 'loses everything (loss 100%)' : undefined;
  }
  const burst = field(options, 'burst');
  // The kernel rounds the burst, but never to twice as much.
  return kind === 'tbf' && typeof burst === 'number' && burst > 0 && bytes > 2 * burst
    ? `takes no more than its burst of ${burst} bytes at once`
    : undefined;
}

/** Nobody knows what a program does but the program. */
export function xdpGates({ topology }: World, port: Port): XdpGate[] {
  const xdp = xdpOf(port.link);
  if (!xdp) return [];
  const place = placeOf(port);
  const text = `${placeName(topology, place)} has an XDP program${xdp.id === undefined ? '' : ` (id ${xdp.id})`}, which may drop what comes in before it can be seen`;
  const look = commandIn(topology, place.netns, ['ip', '-d', 'link', 'show', 'dev', place.name]);
  return [{ kind: 'xdp', place, verdict: 'unknown', facts: [{ text, look }] }];
}

/**
 * What a device does to a frame beside bridges and stacks: classifiers at its ingress and egress (sch_handle_ingress and
 * sch_handle_egress, net/core/dev.c), its queueing discipline, an XDP program. Egress is decided before the frame can be
 * seen on the device, XDP before it can be seen coming in, ingress after that.
 */
import { parseAddress } from '../topology/address.ts';
import { child, field, integer, isObject, type JsonObject, objects, text } from '../topology/json.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import { type Classifier, classifiersOf, queueOf, xdpOf } from '../topology/traffic-control.ts';
import { deviceFilterGates } from './device-filter.ts';
import { type Carried, type FrameAddresses, networkOf } from './ethernet.ts';
import type { ClassifierGate, FilterGate, QueueGate, XdpGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

const ETHERNET_HEADER_BYTES = 14;
const ARP_BYTES = 28;

/** Of what a device sends. */
export function egressTrafficGates(
  world: World,
  port: Port,
  frame: FrameAddresses,
): (FilterGate | ClassifierGate | QueueGate)[] {
  return [
    ...deviceFilterGates(world, port, 'egress', frame),
    ...classifierGates(world, port, 'egress', frame),
    ...queueGates(world, port, frame),
  ];
}

/** Of what a device has received. */
export function ingressGates(world: World, port: Port, frame: FrameAddresses): (FilterGate | ClassifierGate)[] {
  return [...classifierGates(world, port, 'ingress', frame), ...deviceFilterGates(world, port, 'ingress', frame)];
}

/** At most one: the filters are asked in their order, and the first that matches decides. */
function classifierGates(
  { topology }: World,
  port: Port,
  hook: Classifier['hook'],
  frame: FrameAddresses,
): ClassifierGate[] {
  if (!frame.carries) return [];
  const suspects: Classifier[] = [];
  let sure = true;
  let ended: Result = 'next';
  for (const classifier of classifiersOf(port.link, hook)) {
    const match = matches(classifier, frame.carries);
    const result = resultOf(classifier);
    if (match === false || result === 'next') continue;
    if (result !== 'pass') suspects.push(classifier);
    sure &&= match === true && result !== 'unknown';
    if (match !== true || result === 'unknown') continue;
    ended = result;
    break;
  }
  const [first, ...others] = suspects;
  if (!first) return [];
  const place = placeOf(port);
  const stops = sure && ended === 'drop';
  const names = suspects.map(({ kind, preference }) => `the ${kind} filter with preference ${preference}`);
  const fact = `${names.join(' or ')} at ${hook} of ${placeName(topology, place)} ${stops ? 'drops it' : 'may drop it'}`;
  const look = commandIn(topology, place.netns, ['tc', '-s', 'filter', 'show', 'dev', place.name, hook]);
  return [
    {
      kind: 'classifier',
      place,
      verdict: stops ? 'stop' : 'unknown',
      hook,
      ...(others.length === 0 ? { classifier: first } : {}),
      facts: [{ text: fact, look }],
    },
  ];
}

/** Undefined: not known. */
function matches({ kind, protocol, options }: Classifier, carries: Carried): boolean | undefined {
  const network = networkOf(carries);
  if (protocol !== 'all' && protocol !== (network === 'ip6' ? 'ipv6' : network)) return false;
  if (kind === 'matchall' || (kind === 'bpf' && returned(options) !== undefined)) return true;
  if (kind === 'u32' && network === 'ip' && differs(field(options, 'match'), carries)) return false;
  return undefined;
}

/** A key of tc-u32(8) that the packet does not have. That it has one says little: of several keys JSON shows the last. */
function differs(match: unknown, { source, destination }: Carried): boolean {
  if (!isObject(match)) return false;
  const [value = '', mask = ''] = [text(match, 'value'), text(match, 'mask')];
  const offset = integer(match, 'off');
  const address = parseAddress(offset === SOURCE_OFFSET ? source : offset === DESTINATION_OFFSET ? destination : '');
  if (!address || !/^[0-9a-f]{1,8}$/.test(value) || !/^[0-9a-f]{1,8}$/.test(mask)) return false;
  return (address.value & BigInt(`0x${mask}`)) !== BigInt(`0x${value}`);
}

/** Of the addresses in an IPv4 header. */
const SOURCE_OFFSET = 12;
const DESTINATION_OFFSET = 16;

/** `next`: the following filter is asked. */
type Result = 'drop' | 'pass' | 'next' | 'unknown';

function resultOf({ kind, options }: Classifier): Result {
  if (kind === 'bpf' && field(options, 'direct-action') === true) {
    const code = returned(options);
    return code === TC_ACT_SHOT ? 'drop' : code === TC_ACT_OK ? 'pass' : code === TC_ACT_UNSPEC ? 'next' : 'unknown';
  }
  const action = objects(field(options, 'actions')).find((each) => !isMirror(each));
  // A filter without an action says into which class it goes, and lets it pass.
  if (!action) return 'pass';
  const type = text(child(action, 'control_action'), 'type');
  return type === 'drop' || type === 'pass' ? type : 'unknown';
}

/** A copy goes elsewhere, and the packet on to the next action (tc-mirred(8)). */
function isMirror(action: JsonObject): boolean {
  const type = text(child(action, 'control_action'), 'type');
  return text(action, 'kind') === 'mirred' && text(action, 'mirred_action') === 'mirror' && type === 'pipe';
}

const TC_ACT_OK = 0;
const TC_ACT_SHOT = 2;
/** -1, as an unsigned number. */
const TC_ACT_UNSPEC = 0xffffffff;

/** What a BPF program returns that does nothing else; undefined of every other one. */
function returned(options: Classifier['options']): number | undefined {
  const [first, ...more] = objects(field(child(options, 'bytecode'), 'insns'));
  return first && more.length === 0 && field(first, 'code') === BPF_RETURN ? integer(first, 'k') : undefined;
}

const BPF_RETURN = 0x06;

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
  const fact = `${placeName(topology, place)} has an XDP program${xdp.id === undefined ? '' : ` (id ${xdp.id})`}, which may drop what comes in before it can be seen`;
  const look = commandIn(topology, place.netns, ['ip', '-d', 'link', 'show', 'dev', place.name]);
  return [{ kind: 'xdp', place, verdict: 'unknown', facts: [{ text: fact, look }] }];
}

/**
 * Queueing disciplines and classifiers of a namespace's devices, as `tc -j` prints them (tc(8)). They are kept among a
 * link's `data`: `queues` and `classifiers`.
 */
import type { NetnsHandle } from '../linux/netns.ts';
import { child, field, has, integer, isObject, type JsonObject, objects, text } from './json.ts';
import type { Link } from './model.ts';
import { type RunProgram, readJson } from './program.ts';

/** A device's root queueing discipline. */
export interface Queue {
  readonly kind: string;
  readonly options: JsonObject;
  /** Packets it has dropped so far; absent where that was not read. */
  readonly drops?: number;
}

/** One filter at a hook of a device (tc-u32(8), tc-bpf(8) …), in the order the kernel asks them. */
export interface Classifier {
  readonly hook: 'ingress' | 'egress';
  readonly kind: string;
  readonly protocol: string;
  readonly preference: number;
  readonly handle?: string;
  readonly options: JsonObject;
}

type Data = Readonly<Record<string, unknown>>;

/**
 * By device name, what is to be added to its link's `data`.
 * @param gap takes down what could not be read: without tc nothing is known of queues and filters
 */
export async function readTrafficControl(
  run: RunProgram,
  at: NetnsHandle,
  gap: (gap: string) => void,
): Promise<ReadonlyMap<string, Data>> {
  const listed = readJson(await run(at, 'tc', ['-s', '-j', 'qdisc', 'show']));
  if ('failure' in listed) gap(`tc: ${listed.failure.reason}, queues and traffic control of ${at.id} unknown`);
  const found = new Map<string, Data>();
  const qdiscs = 'json' in listed ? objects(listed.json) : [];
  for (const qdisc of qdiscs)
    if (field(qdisc, 'root') === true && !isQuiet(text(qdisc, 'kind') ?? ''))
      found.set(text(qdisc, 'dev') ?? '', {
        queues: [{ kind: text(qdisc, 'kind'), options: child(qdisc, 'options'), drops: integer(qdisc, 'drops') ?? 0 }],
      });
  const hooked = qdiscs.filter((qdisc) => isHook(text(qdisc, 'kind') ?? ''));
  await Promise.all(
    hooked.map(async (qdisc) => {
      const device = text(qdisc, 'dev') ?? '';
      const hooks = text(qdisc, 'kind') === 'clsact' ? (['ingress', 'egress'] as const) : (['ingress'] as const);
      const lists = await Promise.all(
        hooks.map(async (hook) => {
          const answer = readJson(await run(at, 'tc', ['-j', 'filter', 'show', 'dev', device, hook]));
          if ('json' in answer) return parseClassifiers(answer.json, hook);
          gap(`tc: ${answer.failure.reason}, filters at ${hook} of ${device} in ${at.id} unknown`);
          return [];
        }),
      );
      found.set(device, { ...found.get(device), classifiers: lists.flat() });
    }),
  );
  return found;
}

/** False of a discipline of which a link's `data` says nothing: then tc need not be asked. */
export function matters(kind: string, isRoot: boolean): boolean {
  return isHook(kind) || (isRoot && !isQuiet(kind));
}

/** Has filters. */
function isHook(kind: string): boolean {
  return kind === 'clsact' || kind === 'ingress';
}

/** Disciplines that drop nothing but what does not fit into them any more. */
function isQuiet(kind: string): boolean {
  return /^(noqueue|pfifo_fast|fq|fq_codel|fq_pie|mq|mqprio|sfq|codel|cake|prio|multiq|taprio|etf|ets|drr)$/.test(kind);
}

function parseClassifiers(json: unknown, hook: Classifier['hook']): Classifier[] {
  return (
    objects(json)
      .filter((filter) => has(filter, 'options'))
      .map((filter) => {
        const options = child(filter, 'options');
        const handle = text(options, 'handle') ?? text(options, 'fh');
        return {
          hook,
          kind: text(filter, 'kind') ?? '',
          protocol: text(filter, 'protocol') ?? 'all',
          preference: integer(filter, 'pref') ?? 0,
          ...(handle === undefined ? {} : { handle }),
          options,
        };
      })
      // A hash table of u32 is listed beside the filters in it.
      .filter(({ options }) => !has(options, 'ht_divisor'))
      .sort((a, b) => a.preference - b.preference)
  );
}

export function queueOf({ data }: Link): Queue | undefined {
  const [queue] = objects(field(data, 'queues'));
  if (!queue) return undefined;
  const drops = integer(queue, 'drops');
  return {
    kind: text(queue, 'kind') ?? '',
    options: child(queue, 'options'),
    ...(drops === undefined ? {} : { drops }),
  };
}

export function classifiersOf({ data }: Link, hook: Classifier['hook']): Classifier[] {
  return objects(field(data, 'classifiers'))
    .filter((one) => text(one, 'hook') === hook)
    .map((one) => {
      const handle = text(one, 'handle');
      return {
        hook,
        kind: text(one, 'kind') ?? '',
        protocol: text(one, 'protocol') ?? 'all',
        preference: integer(one, 'preference') ?? 0,
        ...(handle === undefined ? {} : { handle }),
        options: child(one, 'options'),
      };
    });
}

/** Where a program is attached: run by the driver, behind it by the kernel, or by the card (XDP_ATTACHED_*, linux/if_link.h). */
export type XdpMode = 'xdp' | 'xdpgeneric' | 'xdpoffload';
const XDP_MODES: readonly (XdpMode | undefined)[] = [undefined, 'xdp', 'xdpgeneric', 'xdpoffload'];
/** More than one program: each has an entry of its own. */
const XDP_ATTACHED_MULTI = 4;

/** `ip -d link`: the XDP programs of a device, or undefined. */
export function xdpOf({
  data,
}: Link): { readonly modes: readonly XdpMode[]; readonly id: number | undefined } | undefined {
  const xdp = field(data, 'xdp');
  if (!isObject(xdp)) return undefined;
  const several = integer(xdp, 'mode') === XDP_ATTACHED_MULTI ? objects(field(xdp, 'attached')) : [];
  const modes = [xdp, ...several].flatMap((one) => XDP_MODES[integer(one, 'mode') ?? 0] ?? []);
  return { modes, id: integer(child(xdp, 'prog'), 'id') };
}

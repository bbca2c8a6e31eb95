/** Records of the trace ring to events: by the running kernel's format files, so that a moved field is found where it went. */
import { nameText } from '../../linux/name-text.ts';
import type { KernelContext, KernelEvent } from '../../trace/kernel-event.ts';
import type { EventField, EventFormat } from './event-format.ts';

/** The events vdiag reads, by the name of their directory. */
export const eventNames = {
  drop: 'skb/kfree_skb',
  free: 'skb/consume_skb',
  queue: 'net/net_dev_queue',
  out: 'net/net_dev_start_xmit',
  in: 'net/netif_receive_skb',
  resolve: 'neigh/neigh_event_send_done',
  mark: 'ftrace/print',
} as const;

export type EventRole = keyof typeof eventNames;

/** Every record begins with these (struct trace_entry). */
const entry = { flags: 2, pid: 4 };
/** enum trace_flag_type */
const TRACE_FLAG_HARDIRQ = 0x08;
const TRACE_FLAG_SOFTIRQ = 0x10;
const longestText = 64;

export interface RawRecord {
  /** The whole page. */
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly offset: number;
  readonly end: number;
  readonly at: number;
  readonly cpu: number;
}

type Decode = (record: RawRecord) => KernelEvent | undefined;

/** Returns the decoder; a record of no known event, or too short for its fields, is undefined. */
export function eventDecoder(formats: ReadonlyMap<EventRole, EventFormat>): Decode {
  const decoders = new Map<number, Decode>();
  for (const [role, format] of formats) {
    const decode = decodeRole(role, format);
    if (decode) decoders.set(format.id, decode);
  }
  return (record) =>
    record.offset + 8 > record.end ? undefined : decoders.get(record.view.getUint16(record.offset, true))?.(record);
}

function contextAt({ view, offset }: RawRecord): KernelContext {
  const flags = view.getUint8(offset + entry.flags);
  return (flags & TRACE_FLAG_HARDIRQ) !== 0 ? 'hardirq' : (flags & TRACE_FLAG_SOFTIRQ) !== 0 ? 'softirq' : 'process';
}

function threadAt({ view, offset }: RawRecord): number {
  return view.getInt32(offset + entry.pid, true);
}

function decodeRole(role: EventRole, format: EventFormat): Decode | undefined {
  switch (role) {
    case 'queue':
    case 'out':
    case 'in':
      return hop(role, format);
    case 'drop':
      return drop(format);
    case 'free':
      return free(format);
    case 'resolve':
      return resolve(format);
    case 'mark':
      return mark(format);
    default:
      return role satisfies never;
  }
}

function hop(way: 'queue' | 'out' | 'in', { fields }: EventFormat): Decode | undefined {
  const [packet, length, name] = [fields.get('skbaddr'), fields.get('len'), fields.get('name')];
  if (!packet || !length || !name) return undefined;
  const least = lengthOf(packet, length, name);
  return (record) => {
    if (record.offset + least > record.end) return undefined;
    const device = textAt(record, name);
    if (device === undefined) return undefined;
    return {
      kind: 'hop',
      way,
      packet: addressAt(record, packet),
      device,
      lengthBytes: record.view.getUint32(record.offset + length.offset, true),
      at: record.at,
      cpu: record.cpu,
      thread: threadAt(record),
      context: contextAt(record),
    };
  };
}

function drop({ fields, symbols }: EventFormat): Decode | undefined {
  const [packet, location, protocol] = [fields.get('skbaddr'), fields.get('location'), fields.get('protocol')];
  const reason = fields.get('reason');
  if (!packet || !location || !protocol || !reason) return undefined;
  const least = lengthOf(packet, location, protocol, reason);
  return (record) => {
    const { view, offset } = record;
    if (offset + least > record.end) return undefined;
    const number = view.getUint32(offset + reason.offset, true);
    return {
      kind: 'drop',
      packet: addressAt(record, packet),
      reason: symbols.get(number) ?? `reason ${number > 0xffff ? `0x${number.toString(16)}` : number}`,
      location: view.getBigUint64(offset + location.offset, true),
      protocol: view.getUint16(offset + protocol.offset, true),
      at: record.at,
      cpu: record.cpu,
      thread: threadAt(record),
      context: contextAt(record),
    };
  };
}

function free({ fields }: EventFormat): Decode | undefined {
  const packet = fields.get('skbaddr');
  if (!packet) return undefined;
  const least = lengthOf(packet);
  return (record) =>
    record.offset + least > record.end
      ? undefined
      : {
          kind: 'free',
          packet: addressAt(record, packet),
          at: record.at,
          cpu: record.cpu,
          thread: threadAt(record),
          context: contextAt(record),
        };
}

const AF_INET = 2;

function resolve({ fields }: EventFormat): Decode | undefined {
  const [family, dev, key4, key6] = ['family', 'dev', 'primary_key4', 'primary_key6'].map((name) => fields.get(name));
  if (!family || !dev || !key4 || !key6) return undefined;
  const least = lengthOf(family, dev, key4, key6);
  return (record) => {
    const { bytes, view, offset } = record;
    if (offset + least > record.end) return undefined;
    const device = textAt(record, dev);
    if (device === undefined) return undefined;
    const part = ({ offset: start, sizeBytes }: EventField) =>
      bytes.subarray(offset + start, offset + start + sizeBytes);
    const address =
      view.getUint32(offset + family.offset, true) === AF_INET
        ? part(key4).join('.')
        : (part(key6).toString('hex').match(/.{4}/g) ?? []).join(':');
    return {
      kind: 'resolve',
      device,
      address,
      at: record.at,
      cpu: record.cpu,
      thread: threadAt(record),
      context: contextAt(record),
    };
  };
}

function mark({ fields }: EventFormat): Decode | undefined {
  const text = fields.get('buf');
  if (!text) return undefined;
  return (record) => {
    const from = record.offset + text.offset;
    return {
      kind: 'mark',
      text: readText(record.bytes, from, Math.min(record.end, from + longestText)),
      at: record.at,
      cpu: record.cpu,
      thread: threadAt(record),
      context: contextAt(record),
    };
  };
}

function lengthOf(...fields: readonly EventField[]): number {
  return Math.max(...fields.map(({ offset, sizeBytes }) => offset + sizeBytes));
}

/** The highest byte is the same for all, and the lowest bits are nought: what remains is exact in a number. */
function addressAt({ view, offset }: RawRecord, field: EventField): number {
  const high = view.getUint32(offset + field.offset + 4, true) & 0xffffff;
  return high * 2 ** 32 + view.getUint32(offset + field.offset, true);
}

function textAt({ bytes, view, offset, end }: RawRecord, field: EventField): string | undefined {
  const where = view.getUint32(offset + field.offset, true);
  const from = offset + (where & 0xffff);
  const to = from + Math.min(where >>> 16, longestText);
  return field.elsewhere && to <= end ? readText(bytes, from, to) : undefined;
}

/** Up to the first nought or newline. */
function readText(bytes: Buffer, from: number, to: number): string {
  let end = from;
  while (end < to && bytes[end] !== 0 && bytes[end] !== 10) end++;
  return nameText(bytes.subarray(from, end));
}

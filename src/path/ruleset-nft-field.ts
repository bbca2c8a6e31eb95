/** The left side of an nftables match: a field of the packet, bits of one, or what the routing tables say (libnftables-json(5)). */
import { formatAddress, parseAddress } from '../topology/address.ts';
import type { FilterPacket } from './ruleset.ts';
import { connectionField, maskedField, metaField, payloadField, type Value } from './ruleset-field.ts';
import { member } from './ruleset-want.ts';

/** What kind of expression it is: libnftables-json(5) has one key in each. */
export function keyIn(expression: unknown): string {
  return typeof expression === 'object' && expression !== null ? (Object.keys(expression)[0] ?? '') : '';
}

export type Field = (packet: FilterPacket) => Value;

export function fieldOf(left: unknown): Field {
  const kind = keyIn(left);
  const own = member(left, kind);
  switch (kind) {
    case 'meta': {
      const key = String(member(own, 'key'));
      return (packet) => metaField(packet, key);
    }
    case 'payload': {
      const [protocol, field] = [String(member(own, 'protocol')), String(member(own, 'field'))];
      return (packet) => payloadField(packet, protocol, field);
    }
    case 'ct': {
      const key = String(member(own, 'key'));
      const direction = member(own, 'dir');
      return (packet) => connectionField(packet, key, direction === undefined ? undefined : String(direction));
    }
    case 'fib':
      return fibField(own);
    case '&':
      return maskField(own);
    default:
      return () => undefined;
  }
}

/** Some bits of a number, or of an address. */
function maskField(operands: unknown): Field {
  const [left, right] = Array.isArray(operands) ? operands : [];
  const payload = member(left, 'payload');
  const addressMask = typeof right === 'string' ? parseAddress(right) : undefined;
  const mask = typeof right === 'string' && /^0x/i.test(right) ? Number(right) : right;
  const field = fieldOf(left);
  return (packet) => {
    const value = field(packet);
    // What the packet does not have has no bits either.
    if (value === null) return null;
    if (addressMask) {
      const address = value === undefined ? undefined : parseAddress(value);
      if (address?.family !== addressMask.family) return undefined;
      return formatAddress({ ...address, value: address.value & addressMask.value });
    }
    if (typeof mask !== 'number') return undefined;
    if (payload !== undefined)
      return maskedField(String(member(payload, 'protocol')), String(member(payload, 'field')), mask, packet);
    const number = Number(value);
    return value === undefined || value === '' || !Number.isSafeInteger(number)
      ? undefined
      : String((number & mask) >>> 0);
  };
}

/** `fib daddr type`, `fib daddr . iif type`, `fib saddr . iif oif`: the last is empty where there is no way (nft_fib). */
function fibField(fib: unknown): Field {
  const listed = member(fib, 'flags');
  const flags: readonly unknown[] = Array.isArray(listed) ? listed : [listed];
  const result = member(fib, 'result');
  const deviceIn = ({ inputInterface, outputInterface }: FilterPacket) =>
    flags.includes('iif') ? inputInterface : flags.includes('oif') ? outputInterface : undefined;
  if (result === 'type') {
    if (flags.includes('mark')) return () => undefined;
    return (packet) => {
      const { source, destination } = packet.carries;
      return packet.fib?.addressType(flags.includes('saddr') ? source : destination, deviceIn(packet));
    };
  }
  if (result !== 'oif' && result !== 'oifname') return () => undefined;
  return (packet) => {
    const { source, destination } = packet.carries;
    const device = deviceIn(packet);
    if (device === 'lo') return device;
    // Without a word about it, marks are not looked at.
    const marked = flags.includes('mark');
    if (marked && packet.mark === undefined) return undefined;
    const [to, from] = flags.includes('saddr') ? [source, destination] : [destination, source];
    const found = packet.fib?.deviceTo(to, from, {
      ...(device === undefined ? {} : { device }),
      ...(marked && packet.mark !== undefined ? { mark: packet.mark } : {}),
    });
    return found === 'none' ? '' : found;
  };
}

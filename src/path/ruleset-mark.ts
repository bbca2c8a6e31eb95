/** What rules write on a packet: marks, and that conntrack is to leave it alone. */
import type { Changes, FilterPacket } from './ruleset.ts';
import { member } from './ruleset-want.ts';

type Number32 = number | 'unknown';
type Effect = (packet: FilterPacket) => Changes;

/** Of a rule in nft's JSON; undefined where it changes nothing that other rules ask for. */
export function changesOf(expressions: readonly unknown[]): Effect | undefined {
  const effects = expressions.flatMap((expression): Effect[] => {
    const mangle = member(expression, 'mangle');
    const key = member(mangle, 'key');
    const value = member(mangle, 'value');
    if (member(member(key, 'meta'), 'key') === 'mark') return [(packet) => ({ mark: computed(packet, value) })];
    if (member(member(key, 'ct'), 'key') === 'mark') return [(packet) => ({ connectionMark: computed(packet, value) })];
    // Taking a packet out of conntrack that is in it already does nothing (nft_notrack_eval).
    const notracks = typeof expression === 'object' && expression !== null && 'notrack' in expression;
    return notracks ? [untracked] : [];
  });
  if (effects.length === 0) return undefined;
  return (packet) => Object.assign({}, ...effects.map((effect) => effect(packet)));
}

const untracked: Effect = () => ({ state: 'untracked' });

/** The right side of `meta mark set …`. */
function computed(packet: FilterPacket, value: unknown): Number32 {
  if (typeof value === 'number') return value >>> 0;
  if (typeof value === 'string' && /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(value)) return Number(value) >>> 0;
  if (member(member(value, 'meta'), 'key') === 'mark') return packet.mark ?? 'unknown';
  if (member(member(value, 'ct'), 'key') === 'mark') return packet.connectionMark ?? 'unknown';
  for (const operator of ['&', '|', '^'] as const) {
    const operands = member(value, operator);
    if (!Array.isArray(operands)) continue;
    const numbers = operands.map((operand) => computed(packet, operand));
    return numbers.reduce((left, right) => combine(operator, left, right));
  }
  return 'unknown';
}

function combine(operator: '&' | '|' | '^', left: Number32, right: Number32): Number32 {
  if (left === 'unknown' || right === 'unknown') return 'unknown';
  return (operator === '&' ? left & right : operator === '|' ? left | right : left ^ right) >>> 0;
}

/** Of a target of iptables-extensions(8), with the words behind it. */
export function targetChanges(target: string | undefined, words: readonly string[]): Effect | undefined {
  const option = words[0] ?? '';
  switch (target) {
    case 'NOTRACK':
      return untracked;
    case 'CT':
      return words.includes('--notrack') ? untracked : undefined;
    case 'MARK':
      return (packet) => ({ mark: marked(packet.mark, option, words[1]) });
    case 'CONNMARK':
      if (option === '--save-mark')
        return (packet) => ({ connectionMark: whole(words) ? (packet.mark ?? 'unknown') : 'unknown' });
      if (option === '--restore-mark')
        return (packet) => ({ mark: whole(words) ? (packet.connectionMark ?? 'unknown') : 'unknown' });
      return (packet) => ({ connectionMark: marked(packet.connectionMark, option, words[1]) });
    default:
      return undefined;
  }
}

/** No mask keeps some of the bits. */
function whole(words: readonly string[]): boolean {
  const masks = words.flatMap((word, index) => (/^--(nf|ct)?mask$/.test(word) ? [words[index + 1] ?? ''] : []));
  return masks.every((mask) => Number(mask) === 0xffffffff);
}

/** `--set-xmark VALUE/MASK`: the mask's bits are cleared, and the value's turned. */
function marked(old: number | undefined, option: string, argument: string | undefined): Number32 {
  const [value = Number.NaN, mask = 0xffffffff] = (argument ?? '').split('/').map(Number);
  if (Number.isNaN(value) || Number.isNaN(mask)) return 'unknown';
  if (option !== '--set-xmark' && option !== '--set-mark') return 'unknown';
  if (mask >>> 0 === 0xffffffff) return value >>> 0;
  if (old === undefined) return 'unknown';
  return (option === '--set-xmark' ? (old & ~mask) ^ value : (old & ~mask) | value) >>> 0;
}

/** What rules write on a packet: marks, its time to live, and that conntrack is to leave it alone. */
import type { Changes, FilterPacket } from './ruleset.ts';
import { mapLookup } from './ruleset-nft-map.ts';
import { member, type Reading } from './ruleset-want.ts';

type Number32 = number | 'unknown';
type Effect = (packet: FilterPacket) => Changes;

/** Of a rule in nft's JSON; undefined where it changes nothing that other rules ask for. */
export function changesOf(expressions: readonly unknown[], reading: Reading): Effect | undefined {
  const effects = expressions.flatMap((expression): Effect[] => {
    const mangle = member(expression, 'mangle');
    const key = member(mangle, 'key');
    const value = member(mangle, 'value');
    if (member(member(key, 'meta'), 'key') === 'mark') {
      const compute = computed(value, reading);
      return [(packet) => ({ mark: compute(packet) })];
    }
    if (member(member(key, 'ct'), 'key') === 'mark') {
      const compute = computed(value, reading);
      return [(packet) => ({ connectionMark: compute(packet) })];
    }
    if (/^(ttl|hoplimit)$/.test(String(member(member(key, 'payload'), 'field')))) {
      const ttl = typeof value === 'number' ? value : ('unknown' as const);
      return [() => ({ ttl })];
    }
    if (/^[sd]addr$/.test(String(member(member(key, 'payload'), 'field')))) return [() => ({ rewritten: true })];
    // Taking a packet out of conntrack that is in it already does nothing (nft_notrack_eval).
    const notracks = typeof expression === 'object' && expression !== null && 'notrack' in expression;
    return notracks ? [untracked] : [];
  });
  if (effects.length === 0) return undefined;
  return (packet) => Object.assign({}, ...effects.map((effect) => effect(packet)));
}

const untracked: Effect = () => ({ state: 'untracked' });

/** The right side of `meta mark set …`. */
function computed(value: unknown, reading: Reading): (packet: FilterPacket) => Number32 {
  const fixed = fixedMark(value);
  if (fixed !== undefined) return () => fixed;
  if (member(member(value, 'meta'), 'key') === 'mark') return ({ mark }) => mark ?? 'unknown';
  if (member(member(value, 'ct'), 'key') === 'mark') return ({ connectionMark }) => connectionMark ?? 'unknown';
  const map = member(value, 'map');
  if (map !== undefined) {
    const look = mapLookup(map, reading, fixedMark);
    return (packet) => {
      const looked = look(packet);
      // Without its key the rule ends there, and nothing is set.
      if (looked === 'absent') return packet.mark ?? 'unknown';
      return looked === 'unknown' ? 'unknown' : (looked.found ?? 'unknown');
    };
  }
  for (const operator of ['&', '|', '^'] as const) {
    const operands = member(value, operator);
    if (!Array.isArray(operands)) continue;
    const parts = operands.map((operand) => computed(operand, reading));
    return (packet) => parts.map((part) => part(packet)).reduce((left, right) => combine(operator, left, right));
  }
  return () => 'unknown';
}

function fixedMark(value: unknown): number | undefined {
  if (typeof value === 'number') return value >>> 0;
  return typeof value === 'string' && /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(value) ? Number(value) >>> 0 : undefined;
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
    case 'TTL':
    case 'HL':
      return ({ ttl }) => ({ ttl: lived(ttl, option, Number(words[1])) });
    case 'MARK':
      return (packet) => ({ mark: marked(packet.mark, option, words[1]) });
    case 'CONNMARK':
      if (option === '--save-mark')
        return ({ mark, connectionMark }) => ({ connectionMark: copied(words, connectionMark, mark, 'ct', 'nf') });
      if (option === '--restore-mark')
        return ({ mark, connectionMark }) => ({ mark: copied(words, mark, connectionMark, 'nf', 'ct') });
      return (packet) => ({ connectionMark: marked(packet.connectionMark, option, words[1]) });
    default:
      return undefined;
  }
}

/** From one mark to the other: `(to & ~toMask) ^ (from & fromMask)` (connmark_tg). */
function copied(
  words: readonly string[],
  to: number | undefined,
  from: number | undefined,
  toMask: string,
  fromMask: string,
): Number32 {
  const maskOf = (name: string): number => {
    const at = words.findIndex((word) => word === `--${name}mask` || word === '--mask');
    return at < 0 ? 0xffffffff : Number(words[at + 1]) >>> 0;
  };
  const [keep, take] = [maskOf(toMask), maskOf(fromMask)];
  if (from === undefined) return 'unknown';
  if (keep === 0xffffffff) return (from & take) >>> 0;
  return to === undefined ? 'unknown' : ((to & ~keep) ^ (from & take)) >>> 0;
}

/** `--ttl-set`, `--ttl-dec`, `--ttl-inc`, and the same of IPv6's HL; it stays between 0 and 255 (xt_HL). */
function lived(old: number | undefined, option: string, value: number): Number32 {
  if (!Number.isInteger(value)) return 'unknown';
  if (/^--(ttl|hl)-set$/.test(option)) return value;
  if (old === undefined) return 'unknown';
  if (/^--(ttl|hl)-dec$/.test(option)) return Math.max(old - value, 0);
  return /^--(ttl|hl)-inc$/.test(option) ? Math.min(old + value, 255) : 'unknown';
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

/** `ip -4|-6 -j -d rule show` (ip-rule(8)). */
import { type Family, formatPrefix, parseAddress, prefixOf } from './address.ts';
import { field, has, integer, isObject, type JsonObject, objects, text } from './json.ts';
import type { PolicyRule } from './model.ts';

/** Fields that the model holds, or that decide nothing. Any other field makes the rule undecidable, whatever it means. */
const known: ReadonlySet<string> = new Set(
  (
    'priority src srclen dst dstlen iif oif fwmark fwmask table action protocol iif_detached oif_detached ' +
    'not tos ipproto l3mdev goto unresolved nop suppress_prefixlen uid_start uid_end flow_from flow_to'
  ).split(' '),
);

/** Rules in the order the kernel tries them. */
export function parseRules(json: unknown, family: Family): PolicyRule[] {
  return objects(json)
    .map((entry) => parseRule(entry, family))
    .sort((a, b) => a.priority - b.priority);
}

function parseRule(entry: JsonObject, family: Family): PolicyRule {
  const from = selector(entry, 'src', 'srclen', family);
  const to = selector(entry, 'dst', 'dstlen', family);
  const inputInterface = text(entry, 'iif');
  const outputInterface = text(entry, 'oif');
  const mark = integer(entry, 'fwmark');
  const markMask = integer(entry, 'fwmask');
  const tos = text(entry, 'tos');
  const ipProtocol = text(entry, 'ipproto');
  const target = integer(entry, 'goto');
  const suppressPrefixLength = integer(entry, 'suppress_prefixlen');
  const [first, last] = [integer(entry, 'uid_start'), integer(entry, 'uid_end')];
  const number = integer(entry, 'table');
  const table = text(entry, 'table') ?? (number === undefined ? undefined : String(number));
  const undecidable = Object.keys(entry)
    .filter((key) => !known.has(key))
    .map((key) => describe(key, field(entry, key)));
  for (const key of ['src', 'dst'] as const) {
    const selected = key === 'src' ? from : to;
    if (selected === 'unreadable') undecidable.push(describe(key, field(entry, key)));
  }
  return {
    family,
    priority: integer(entry, 'priority') ?? 0,
    ...(from !== undefined && from !== 'unreadable' && { from }),
    ...(to !== undefined && to !== 'unreadable' && { to }),
    ...(inputInterface !== undefined && { inputInterface }),
    ...(outputInterface !== undefined && { outputInterface }),
    ...(mark !== undefined && { mark }),
    ...(markMask !== undefined && { markMask }),
    ...(has(entry, 'not') && { inverted: true }),
    ...(tos !== undefined && { tos }),
    ...(ipProtocol !== undefined && { ipProtocol }),
    ...(has(entry, 'l3mdev') && { l3mdev: true }),
    action: text(entry, 'action') ?? (target !== undefined ? 'goto' : table === undefined ? 'nop' : 'lookup'),
    ...(table !== undefined && { table }),
    ...(target !== undefined && { goto: target }),
    ...(suppressPrefixLength !== undefined && { suppressPrefixLength }),
    ...(first !== undefined && { uids: { first, last: last ?? first } }),
    undecidable,
  };
}

/** A selector's canonical prefix; undefined for "all". Without a length the address stands for itself. */
function selector(entry: JsonObject, key: string, lengthKey: string, family: Family): string | undefined {
  const value = field(entry, key);
  if (value === undefined || value === 'all' || value === 'default') return undefined;
  const address = typeof value === 'string' ? parseAddress(value) : undefined;
  if (address?.family !== family) return 'unreadable';
  const prefix = prefixOf(address, integer(entry, lengthKey) ?? (family === 4 ? 32 : 128));
  return prefix ? formatPrefix(prefix) : 'unreadable';
}

function describe(key: string, value: unknown): string {
  if (value === null || value === undefined || value === true) return key;
  return `${key} ${isObject(value) || Array.isArray(value) ? JSON.stringify(value).slice(0, 80) : String(value)}`;
}

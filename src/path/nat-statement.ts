/** What a rule's NAT statement does to a packet (nft(8) "NAT statements"; iptables-extensions(8) DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP). */
import {
  compareAddresses,
  familyBits,
  familyOf,
  formatAddress,
  parseAddress,
  parsePrefix,
} from '../topology/address.ts';
import { prefixContains } from '../topology/prefix.ts';
import type { FilterPacket, Rule } from './ruleset.ts';

/** To which address: one, any of a range, or what is not known before the packet has passed. */
export type NatTarget =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'range'; readonly from: string; readonly to: string }
  | { readonly kind: 'unknown' };

export type NatStatement =
  /** The address of the device it leaves by, or came in by. */
  { readonly by: 'masquerade' | 'redirect' } | { readonly by: 'snat' | 'dnat'; readonly target: NatTarget };

/** The elements of a named map of the rule's own table; undefined where there is none. */
export type NamedMaps = (name: string) => unknown;

/** The hooks where sources are translated; at the others it is destinations. */
export type NatHook = 'prerouting' | 'input' | 'output' | 'postrouting';

/** Undefined where the rule has no such statement, or none for this packet: a map without its key, the other family. */
export function natStatement(
  rule: Rule,
  hook: NatHook,
  packet: FilterPacket,
  maps: NamedMaps,
): NatStatement | undefined {
  for (const expression of rule.expressions ?? []) {
    for (const by of ['masquerade', 'redirect', 'snat', 'dnat'] as const) {
      if (!has(expression, by)) continue;
      return by === 'masquerade' || by === 'redirect' ? { by } : addressed(by, member(expression, by), packet, maps);
    }
  }
  return rule.words ? targetOf(rule.words, hook, packet) : undefined;
}

function addressed(
  by: 'snat' | 'dnat',
  statement: unknown,
  packet: FilterPacket,
  maps: NamedMaps,
): NatStatement | undefined {
  const family = familyOf(packet.carries.source) === 6 ? 'ip6' : 'ip';
  const wanted = member(statement, 'family');
  if (wanted !== undefined && wanted !== family) return undefined;
  const old = by === 'snat' ? packet.carries.source : packet.carries.destination;
  const netmap = [member(statement, 'flags')].flat().includes('netmap');
  const target = jsonTarget(member(statement, 'addr'), old, netmap, packet, maps);
  return target && { by, target };
}

function jsonTarget(
  value: unknown,
  old: string,
  netmap: boolean,
  packet: FilterPacket,
  maps: NamedMaps,
): NatTarget | undefined {
  if (typeof value === 'string') return { kind: 'address', address: canonical(value) };
  const prefix = member(value, 'prefix');
  if (prefix !== undefined)
    return prefixTarget(`${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`, old, netmap);
  const range = member(value, 'range');
  if (Array.isArray(range)) return rangeTarget(String(range[0]), String(range[1]));
  const map = member(value, 'map');
  if (map === undefined) return { kind: 'unknown' };
  const field = member(member(member(map, 'key'), 'payload'), 'field');
  const key = field === 'saddr' ? packet.carries.source : field === 'daddr' ? packet.carries.destination : undefined;
  const data = member(map, 'data');
  const elements = typeof data === 'string' ? maps(data.replace(/^@/, '')) : member(data, 'set');
  if (key === undefined || !Array.isArray(elements)) return { kind: 'unknown' };
  for (const pair of elements) {
    const [wanted, mapped] = Array.isArray(pair) ? pair : [];
    if (isKey(key, wanted)) return jsonTarget(mapped, old, netmap, packet, maps);
  }
  // Without the key the rule ends here, and the next one comes (NFT_BREAK).
  return undefined;
}

function isKey(key: string, wanted: unknown): boolean {
  const value = member(member(wanted, 'elem'), 'val') ?? wanted;
  if (typeof value === 'string') return canonical(value) === key || prefixContains(value, key);
  const prefix = member(value, 'prefix');
  if (prefix !== undefined)
    return prefixContains(`${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`, key);
  const range = member(value, 'range');
  if (!Array.isArray(range)) return false;
  const [at, low, high] = [key, String(range[0]), String(range[1])].map(parseAddress);
  return !!at && !!low && !!high && compareAddresses(low, at) <= 0 && compareAddresses(at, high) <= 0;
}

/** The target of a rule in the words of iptables-save, with its options behind it. */
function targetOf(words: readonly string[], hook: NatHook, { carries }: FilterPacket): NatStatement | undefined {
  const at = words.lastIndexOf('-j');
  const option = (name: string) => {
    const position = words.indexOf(name, at);
    return position === -1 ? undefined : words[position + 1];
  };
  switch (at === -1 ? undefined : words[at + 1]) {
    case 'MASQUERADE':
      return { by: 'masquerade' };
    case 'REDIRECT':
      return { by: 'redirect' };
    case 'SNAT':
      return { by: 'snat', target: textTarget(option('--to-source')) };
    case 'DNAT':
      return { by: 'dnat', target: textTarget(option('--to-destination')) };
    case 'NETMAP': {
      const by = hook === 'prerouting' || hook === 'output' ? 'dnat' : 'snat';
      const old = by === 'snat' ? carries.source : carries.destination;
      return { by, target: prefixTarget(option('--to') ?? '', old, true) };
    }
    default:
      return undefined;
  }
}

/** `10.0.0.2`, `10.0.0.2-10.0.0.9`, `10.0.0.2:80`, `[fd00::2]:80`. */
function textTarget(text = ''): NatTarget {
  const bare = text.replace(/^\[(.*)\](:.*)?$/, '$1').replace(/^([\d.]+(?:-[\d.]+)?):.*$/, '$1');
  const [from = '', to] = bare.split('-');
  return to === undefined ? single(from) : rangeTarget(from, to);
}

function single(address: string): NatTarget {
  return parseAddress(address) ? { kind: 'address', address: canonical(address) } : { kind: 'unknown' };
}

function rangeTarget(from: string, to: string): NatTarget {
  const [low, high] = [canonical(from), canonical(to)];
  return low === high ? single(low) : { kind: 'range', from: low, to: high };
}

/** One network in place of another keeps the host part (NF_NAT_RANGE_NETMAP); else any address of the prefix. */
function prefixTarget(text: string, old: string, netmap: boolean): NatTarget {
  const prefix = parsePrefix(text);
  const address = parseAddress(old);
  if (!prefix || !address || prefix.family !== address.family) return { kind: 'unknown' };
  const hostBits = BigInt(familyBits(prefix.family) - prefix.length);
  const host = (1n << hostBits) - 1n;
  const { family, value } = prefix;
  if (netmap) return { kind: 'address', address: formatAddress({ family, value: value | (address.value & host) }) };
  return rangeTarget(formatAddress({ family, value }), formatAddress({ family, value: value | host }));
}

function canonical(text: string): string {
  const parsed = parseAddress(text);
  return parsed ? formatAddress(parsed) : text;
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

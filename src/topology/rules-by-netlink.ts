/**
 * Policy rules straight from the kernel (RTM_GETRULE, rtnetlink(7)), where they are no others than those that every
 * namespace begins with, or alike: a priority and a table. Of anything else ip(8) is asked.
 */
import { attributesIn, type RouteSocket, RTM_GETRULE, s32, u8, u32 } from '../linux/rtnetlink.ts';
import type { Family } from './address.ts';
import type { PolicyRule } from './model.ts';

/** include/uapi/linux/fib_rules.h */
const FRA = { priority: 6, suppressPrefixLength: 14, table: 15, protocol: 21 } as const;
const known: ReadonlySet<number> = new Set(Object.values(FRA));
const FR_ACT_TO_TBL = 1;
const headerBytes = 12;
const most = 4096;
const tables: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };

/** In the order the kernel tries them; undefined where there is one that is not so simple. */
export function dumpSimpleRules(socket: RouteSocket, family: Family): PolicyRule[] | undefined {
  const request = new Uint8Array(headerBytes);
  request[0] = family === 4 ? 2 : 10;
  const { messages, cut, errno } = socket.dump(RTM_GETRULE, request, most);
  if (cut || errno !== 0) return undefined;
  const rules: PolicyRule[] = [];
  for (const message of messages) {
    const rule = u8(message) === request[0] ? parseRule(message, family) : undefined;
    if (!rule) return undefined;
    rules.push(rule);
  }
  return rules.sort((a, b) => a.priority - b.priority);
}

/** struct fib_rule_hdr: family, two prefix lengths, type of service, table, two reserved, action, flags. */
function parseRule(message: Uint8Array, family: Family): PolicyRule | undefined {
  const attributes = attributesIn(message, headerBytes);
  const selects = (u8(message, 1) ?? 0) + (u8(message, 2) ?? 0) + (u8(message, 3) ?? 0) > 0;
  const table = tables[u32(attributes.get(FRA.table)) ?? u8(message, 4) ?? 0];
  if (selects || u8(message, 7) !== FR_ACT_TO_TBL || u32(message, 8) !== 0 || table === undefined) return undefined;
  if ([...attributes.keys()].some((number) => !known.has(number))) return undefined;
  if ((s32(attributes.get(FRA.suppressPrefixLength)) ?? -1) !== -1) return undefined;
  return { family, priority: u32(attributes.get(FRA.priority)) ?? 0, action: 'lookup', table, undecidable: [] };
}

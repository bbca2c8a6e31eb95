/** Rules as `nft -j list ruleset` has them (libnftables-json(5)). What iptables-nft put in that nft cannot read is read from its own listing. */
import type { Filters } from '../topology/model.ts';
import {
  type Action,
  type Chain,
  every,
  type Family,
  type FilterPacket,
  not,
  type Rule,
  type Truth,
} from './ruleset.ts';
import { between, connectionState, equals, metaField, payloadField, type Value } from './ruleset-field.ts';
import { listings } from './ruleset-listing.ts';
import { textRule } from './ruleset-text.ts';

const FAMILIES: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet', 'bridge', 'arp']);

export function nftChains(filters: Filters): Chain[] {
  const entries = filters.nftables ?? [];
  const rules = new Map<string, unknown[]>();
  for (const entry of entries) {
    const rule = member(entry, 'rule');
    if (rule === undefined) continue;
    const key = keyOf(rule, member(rule, 'chain'));
    const own = rules.get(key);
    if (own) own.push(rule);
    else rules.set(key, [rule]);
  }
  const listed = listings(filters);
  const sets = entries.flatMap((entry) => member(entry, 'set') ?? []);
  return entries
    .flatMap((entry) => member(entry, 'chain') ?? [])
    .flatMap((chain): Chain[] => {
      const family = String(member(chain, 'family'));
      if (!isFamily(family)) return [];
      const table = String(member(chain, 'table'));
      const name = String(member(chain, 'name'));
      const hook = member(chain, 'hook');
      const own = rules.get(keyOf(chain, name)) ?? [];
      const known = (set: string) =>
        member(
          sets.find((one) => isIn(one, family, table) && member(one, 'name') === set),
          'elem',
        );
      let read: readonly Rule[] | undefined;
      return [
        {
          family,
          table,
          name,
          legacy: false,
          untracks: own.some(isUntracking),
          ...(typeof hook === 'string' ? { hook } : {}),
          priority: Number(member(chain, 'prio') ?? 0),
          policy: member(chain, 'policy') === 'drop' ? 'drop' : 'accept',
          // Of tens of thousands of chains a packet comes to few: only those are read.
          get rules() {
            read ??= rulesOf(own, listed(family, table, name), known);
            return read;
          },
        },
      ];
    });
}

type Sets = (name: string) => unknown;

/** Only where both listings have the same rules does a place in one mean the same place in the other. */
function rulesOf(own: readonly unknown[], texts: readonly (readonly string[])[], sets: Sets): Rule[] {
  const agree = texts.length === own.length;
  return own.map((rule, index) => ruleOf(rule, agree ? texts[index] : undefined, sets));
}

function isFamily(family: string): family is Family {
  return FAMILIES.has(family);
}

function keyOf(at: unknown, chain: unknown): string {
  return [member(at, 'family'), member(at, 'table'), chain].map(String).join(' ');
}

function isIn(entry: unknown, family: string, table: string): boolean {
  return member(entry, 'family') === family && member(entry, 'table') === table;
}

function isOpaque(rule: unknown): boolean {
  return expressions(rule).some((expression) => member(expression, 'xt') !== undefined);
}

function isUntracking(rule: unknown): boolean {
  return expressions(rule).some((expression) => {
    const kind = keyIn(expression);
    if (kind === 'notrack') return true;
    return kind === 'xt' && /^(CT|NOTRACK)$/.test(String(member(member(expression, 'xt'), 'name')));
  });
}

/** What kind of expression it is: libnftables-json(5) has one key in each. */
function keyIn(expression: unknown): string {
  return typeof expression === 'object' && expression !== null ? (Object.keys(expression)[0] ?? '') : '';
}

function expressions(rule: unknown): unknown[] {
  const found = member(rule, 'expr');
  return Array.isArray(found) ? found : [];
}

function ruleOf(rule: unknown, text: readonly string[] | undefined, sets: Sets): Rule {
  const handle = member(rule, 'handle');
  const numbered = typeof handle === 'number' ? { handle } : {};
  if (text && isOpaque(rule))
    return { ...numbered, ...textRule(text, member(rule, 'family') === 'bridge' ? 'ebtables' : 'iptables') };
  const all = expressions(rule);
  return {
    ...numbered,
    specific: all.some((expression) => member(expression, 'match') !== undefined),
    matches: (packet) => every(all.map((expression) => matches(packet, expression, sets))),
    act: (packet) => {
      for (const expression of all) {
        const action = verdictOf(packet, expression, sets);
        if (action) return action;
      }
      return { kind: 'continue' };
    },
  };
}

/** Statements that a packet passes unchanged, as far as filtering goes. */
const NEUTRAL: ReadonlySet<string> = new Set(['counter', 'log', 'comment', 'mangle', 'notrack', 'dup', 'ct helper']);
const NEUTRAL_XT: ReadonlySet<string> = new Set(
  'comment LOG NFLOG MARK CONNMARK CHECKSUM TCPMSS NOTRACK TRACE CT'.split(' '),
);
/** Statements that end the chain: they are verdicts, and match whatever comes to them. */
const VERDICTS: ReadonlySet<string> = new Set(
  'accept drop reject return continue jump goto queue masquerade snat dnat redirect vmap tproxy'.split(' '),
);

function matches(packet: FilterPacket, expression: unknown, sets: Sets): Truth {
  const kind = keyIn(expression);
  if (NEUTRAL.has(kind) || VERDICTS.has(kind)) return true;
  if (kind === 'xt') {
    const xt = member(expression, 'xt');
    return member(xt, 'type') === 'target' || NEUTRAL_XT.has(String(member(xt, 'name'))) ? true : undefined;
  }
  if (kind !== 'match') return undefined;
  const match = member(expression, 'match');
  const op = member(match, 'op');
  const truth = compare(fieldOf(packet, member(match, 'left')), member(match, 'right'), sets);
  if (truth === 'absent') return false;
  if (op === '==' || op === 'in') return truth;
  return op === '!=' ? not(truth) : undefined;
}

function fieldOf(packet: FilterPacket, left: unknown): Value {
  const meta = member(left, 'meta');
  if (meta !== undefined) return metaField(packet, String(member(meta, 'key')));
  const payload = member(left, 'payload');
  if (payload !== undefined)
    return payloadField(packet, String(member(payload, 'protocol')), String(member(payload, 'field')));
  const ct = member(left, 'ct');
  return member(ct, 'key') === 'state' && member(ct, 'dir') === undefined ? connectionState(packet) : undefined;
}

/** `absent`: the packet has no such field, and the rule does not match whatever it wants of it. */
function compare(value: Value, wanted: unknown, sets: Sets): Truth | 'absent' {
  if (value === null) return 'absent';
  if (value === undefined) return undefined;
  return isOneOf(value, wanted, sets);
}

function isOneOf(value: string, wanted: unknown, sets: Sets): Truth {
  if (typeof wanted === 'string' && wanted.startsWith('@')) {
    const elements = sets(wanted.slice(1));
    return elements === undefined ? undefined : isOneOf(value, elements, sets);
  }
  if (typeof wanted === 'string' || typeof wanted === 'number') return equals(value, String(wanted));
  const list = Array.isArray(wanted) ? wanted : member(wanted, 'set');
  if (Array.isArray(list)) {
    const truths = list.map((item) => isOneOf(value, item, sets));
    return truths.includes(true) ? true : truths.includes(undefined) ? undefined : false;
  }
  const prefix = member(wanted, 'prefix');
  if (prefix !== undefined) return equals(value, `${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`);
  const range = member(wanted, 'range');
  if (Array.isArray(range)) return between(value, String(range[0]), String(range[1]));
  const element = member(wanted, 'elem');
  return element === undefined ? undefined : isOneOf(value, member(element, 'val'), sets);
}

/** The verdict an expression gives; undefined when it gives none. */
function verdictOf(packet: FilterPacket, expression: unknown, sets: Sets): Action | undefined {
  const kind = keyIn(expression);
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      return { kind };
    case 'reject':
      return { kind: 'drop' };
    // Address translation ends its own chain, and the packet goes on.
    case 'masquerade':
    case 'snat':
    case 'dnat':
    case 'redirect':
      return { kind: 'accept' };
    case 'queue':
    case 'tproxy':
      return { kind: 'unknown' };
    case 'jump':
    case 'goto': {
      const target = member(member(expression, kind), 'target');
      return typeof target === 'string' ? { kind, chain: target } : { kind: 'unknown' };
    }
    case 'vmap':
      return mapped(packet, member(expression, 'vmap'), sets);
    case 'xt': {
      const xt = member(expression, 'xt');
      const name = String(member(xt, 'name'));
      if (member(xt, 'type') !== 'target' || NEUTRAL_XT.has(name)) return undefined;
      if (name === 'REJECT') return { kind: 'drop' };
      return /^(MASQUERADE|SNAT|DNAT|REDIRECT|NETMAP)$/.test(name) ? { kind: 'accept' } : { kind: 'unknown' };
    }
    default:
      return undefined;
  }
}

/** A verdict map: the verdict of the first key that the packet has, and none where it has none of them. */
function mapped(packet: FilterPacket, vmap: unknown, sets: Sets): Action {
  const value = fieldOf(packet, member(vmap, 'key'));
  const data = member(member(vmap, 'data'), 'set');
  if (value === null) return { kind: 'continue' };
  if (value === undefined || !Array.isArray(data)) return { kind: 'unknown' };
  for (const pair of data) {
    const [key, verdict] = Array.isArray(pair) ? pair : [];
    const truth = isOneOf(value, key, sets);
    if (truth === undefined) return { kind: 'unknown' };
    if (truth) return verdictOf(packet, verdict, sets) ?? { kind: 'unknown' };
  }
  return { kind: 'continue' };
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

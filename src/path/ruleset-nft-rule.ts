/** One rule of nftables (libnftables-json(5)): its expressions in order, prepared once, asked of many packets. */
import { networkOf } from './ethernet.ts';
import { type Action, type Changes, type FilterPacket, not, type Rule, type Truth } from './ruleset.ts';
import type { Value } from './ruleset-field.ts';
import { changesOf } from './ruleset-mark.ts';
import { type Field, fieldOf, keyIn } from './ruleset-nft-field.ts';
import { mapLookup } from './ruleset-nft-map.ts';
import { hasFlag, queueAction, queuesOf } from './ruleset-queue.ts';
import { member, type Reading, type Test, type WantTuple, wantJson, wantTuple } from './ruleset-want.ts';

function expressionsOf(rule: unknown): readonly unknown[] {
  const found = member(rule, 'expr');
  return Array.isArray(found) ? found : [];
}

export function isOpaque(rule: unknown): boolean {
  return expressionsOf(rule).some((expression) => member(expression, 'xt') !== undefined);
}

export function isUntracking(rule: unknown): boolean {
  return expressionsOf(rule).some((expression) => {
    const kind = keyIn(expression);
    if (kind === 'notrack') return true;
    return kind === 'xt' && /^(CT|NOTRACK)$/.test(String(member(member(expression, 'xt'), 'name')));
  });
}

/** Statements that a packet passes unchanged, as far as filtering goes. */
const NEUTRAL: ReadonlySet<string> = new Set([
  ...['counter', 'log', 'comment', 'mangle', 'notrack', 'dup', 'last', 'flow', 'secmark', 'reset'],
  ...['ct helper', 'ct timeout', 'ct expectation'],
]);
const NEUTRAL_XT: ReadonlySet<string> = new Set(
  'comment LOG NFLOG MARK CONNMARK CHECKSUM TCPMSS NOTRACK TRACE CT'.split(' '),
);
/** Statements that end the chain: they are verdicts, and match whatever comes to them. */
const VERDICTS: ReadonlySet<string> = new Set(
  'accept drop return continue jump goto queue masquerade snat dnat redirect vmap tproxy fwd'.split(' '),
);

type Verdict = (packet: FilterPacket) => Action | undefined;

export function nftRule(rule: unknown, reading: Reading): Omit<Rule, 'handle'> {
  const all = expressionsOf(rule);
  const rejects = rejectionOf(all, String(member(rule, 'family')));
  let prepared: { tests: readonly Test[]; verdicts: readonly Verdict[] } | undefined;
  const ready = () => {
    prepared ??= {
      tests: all.flatMap((expression) => testOf(expression, reading) ?? []),
      verdicts: all.flatMap((expression) => verdictOf(expression, reading) ?? []),
    };
    return prepared;
  };
  const changes = changesOf(all, reading);
  return {
    specific: all.some((expression) => member(expression, 'match') !== undefined),
    ...(rejects === undefined ? {} : { rejects }),
    matches: (packet) => allHold(ready().tests, packet),
    act: (packet) => {
      for (const verdict of ready().verdicts) {
        const action = verdict(packet);
        if (action) return action;
      }
      return { kind: 'continue' };
    },
    ...(changes ? { changes: (packet: FilterPacket): Changes | undefined => changes(packet) } : {}),
  };
}

function allHold(tests: readonly Test[], packet: FilterPacket): Truth {
  let unknown = false;
  for (const test of tests) {
    const truth = test(packet);
    if (truth === false) return false;
    unknown ||= truth === undefined;
  }
  return unknown ? undefined : true;
}

/** Undefined where it holds of every packet. */
function testOf(expression: unknown, reading: Reading): Test | undefined {
  const kind = keyIn(expression);
  if (NEUTRAL.has(kind) || VERDICTS.has(kind)) return undefined;
  if (kind === 'reject') return rejectable(String(member(member(expression, 'reject'), 'type')));
  if (kind === 'xt') {
    const xt = member(expression, 'xt');
    const passes = member(xt, 'type') === 'target' || NEUTRAL_XT.has(String(member(xt, 'name')));
    return passes ? undefined : unknown;
  }
  // Adding to a set always succeeds, unless a limit is hung on the element.
  if (kind === 'set') return member(member(expression, 'set'), 'stmt') === undefined ? undefined : unknown;
  return kind === 'match' ? matchTest(member(expression, 'match'), reading) : unknown;
}

const unknown: Test = () => undefined;

/** nft leaves out the match for the family that a typed reject brings with it. */
function rejectable(type: string): Test | undefined {
  if (type !== 'icmp' && type !== 'icmpv6') return undefined;
  return ({ carries }) => networkOf(carries) === (type === 'icmp' ? 'ip' : 'ip6');
}

function matchTest(match: unknown, reading: Reading): Test {
  const op = String(member(match, 'op'));
  const left = member(match, 'left');
  const right = member(match, 'right');
  const status = statusTest(left, right);
  if (status) return op === '!=' ? (packet) => not(status(packet)) : status;
  // `fib … exists` and `fib … missing`.
  if (typeof right === 'boolean' && member(left, 'fib') !== undefined) {
    const device = fieldOf(left);
    return (packet) => signed(op, equalsTruth(device(packet), right));
  }
  const parts = member(left, 'concat');
  if (Array.isArray(parts)) {
    const fields = parts.map(fieldOf);
    const want = wantTuple(reading, right);
    return (packet) => signed(op, compareAll(fields, packet, want));
  }
  const field = fieldOf(left);
  if (/^[<>]=?$/.test(op)) return (packet) => ordered(op, field(packet), Number(right));
  const want = wantJson(reading, right);
  return (packet) => {
    const value = field(packet);
    if (value === null) return false;
    return signed(op, value === undefined ? undefined : want(value));
  };
}

/** @param way empty where there is none */
function equalsTruth(way: Value, exists: boolean): Truth {
  return typeof way === 'string' ? (way !== '') === exists : undefined;
}

function signed(op: string, truth: Truth | 'absent'): Truth {
  // Where the packet has no such field, the rule does not match whatever it wants of it.
  if (truth === 'absent') return false;
  if (op === '==' || op === 'in') return truth;
  return op === '!=' ? not(truth) : undefined;
}

function ordered(op: string, value: Value, than: number): Truth {
  if (value === null) return false;
  const number = Number(value);
  if (value === undefined || value === '' || Number.isNaN(number) || Number.isNaN(than)) return undefined;
  return op === '<' ? number < than : op === '>' ? number > than : op === '<=' ? number <= than : number >= than;
}

function compareAll(fields: readonly Field[], packet: FilterPacket, want: WantTuple): Truth | 'absent' {
  const values: string[] = [];
  for (const field of fields) {
    const value = field(packet);
    if (value === null) return 'absent';
    if (value === undefined) return undefined;
    values.push(value);
  }
  return want(values);
}

/** `ct status dnat`, as far as it asks for translation alone. */
function statusTest(left: unknown, right: unknown): Test | undefined {
  const ct = member(left, 'ct');
  if (member(ct, 'key') !== 'status') return undefined;
  const set = member(right, 'set');
  const wanted = Array.isArray(right) ? right : Array.isArray(set) ? set : [right];
  if (!wanted.every((one) => one === 'snat' || one === 'dnat')) return unknown;
  return ({ translated }) =>
    translated && wanted.some((one) => (one === 'snat' ? translated.source : translated.destination));
}

/** Undefined where an expression gives no verdict. */
function verdictOf(expression: unknown, reading: Reading): Verdict | undefined {
  if (keyIn(expression) === 'vmap') {
    const look = mapLookup(member(expression, 'vmap'), reading, (verdict) => actionOf(verdict, reading));
    return (packet) => {
      const looked = look(packet);
      // Where no key is the packet's, the rule gives no verdict.
      if (looked === 'absent') return undefined;
      return looked === 'unknown' ? { kind: 'unknown' } : (looked.found ?? { kind: 'unknown' });
    };
  }
  const action = actionOf(expression, reading);
  return action && (() => action);
}

function actionOf(expression: unknown, reading: Reading): Action | undefined {
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
      return queueAction(
        queuesOf(member(expression, 'queue')),
        hasFlag(member(expression, 'queue'), 'bypass'),
        reading,
      );
    case 'tproxy':
    case 'fwd':
      return { kind: 'unknown' };
    case 'jump':
    case 'goto': {
      const target = member(member(expression, kind), 'target');
      return typeof target === 'string' ? { kind, chain: target } : { kind: 'unknown' };
    }
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

/** With which error a rule refuses, as nft(8) says it. */
function rejectionOf(all: readonly unknown[], family: string): string | undefined {
  const reject = all.find((expression) => keyIn(expression) === 'reject');
  if (reject === undefined) return undefined;
  const how = member(reject, 'reject');
  const type = member(how, 'type');
  if (type === 'tcp reset') return undefined;
  const fallback = family === 'ip6' ? 'icmpv6' : family === 'ip' ? 'icmp' : 'icmpx';
  return `${typeof type === 'string' ? type : fallback} ${String(member(how, 'expr') ?? 'port-unreachable')}`;
}

/** Rules as their own programs print them: `nft -a list`, `iptables-save`. */
import type { Chain, Rule } from './ruleset.ts';
import { member } from './ruleset-want.ts';

/** What is longer is cut: a set may have thousands of elements. */
const MAX_LENGTH = 160;
const MAX_ELEMENTS = 4;

/** "iifname "eth0" ip saddr 10.0.0.0/8 drop", "-A FORWARD -s 10.0.0.0/8 -j DROP". */
export function ruleText({ name, xtables, legacy }: Pick<Chain, 'name' | 'xtables' | 'legacy'>, rule: Rule): string {
  const { words, expressions = [] } = rule;
  if (words && (xtables || legacy)) return cut(['-A', name, ...words.map(quoted)].join(' '));
  return cut(
    expressions
      .map(expressionText)
      .filter((text) => text !== '')
      .join(' '),
  );
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
}

const quoted = (word: string) => (/^[^\s"]+$/.test(word) ? word : `"${word}"`);

function expressionText(expression: unknown): string {
  if (typeof expression !== 'object' || expression === null) return '';
  const [[kind, own] = ['', undefined]] = Object.entries(expression);
  switch (kind) {
    case 'match':
      return matchText(own);
    case 'counter':
      return 'counter';
    case 'jump':
    case 'goto':
      return `${kind} ${String(member(own, 'target'))}`;
    case 'reject':
      return rejectText(own);
    case 'limit':
      return limitText(own);
    case 'set':
      return setText(own);
    case 'log':
      return logText(own);
    case 'quota':
      return quotaText(own);
    case 'vmap':
      return `${leftText(member(own, 'key'))} vmap ${rightText(member(own, 'data'))}`;
    case 'mangle':
      return `${leftText(member(own, 'key'))} set ${rightText(member(own, 'value'))}`;
    case 'xt':
      return `xt ${String(member(own, 'type'))} "${String(member(own, 'name'))}"`;
    case 'comment':
      return '';
    default:
      return kind;
  }
}

function matchText(match: unknown): string {
  const op = String(member(match, 'op'));
  const sign = op === '==' || op === 'in' ? '' : `${op} `;
  const left = member(match, 'left');
  const key = String(member(member(left, 'meta'), 'key'));
  const names = /^(iif|oif|iifname|oifname|ibrname|obrname)$/.test(key);
  return `${leftText(left)} ${sign}${rightText(member(match, 'right'), names)}`;
}

/** Keys that nft prints without the word meta. */
const BARE_META = /^(iif|oif|iifname|oifname|iifgroup|oifgroup|iiftype|oiftype|skuid|skgid|rtclassid)$/;

function leftText(left: unknown): string {
  const parts = member(left, 'concat');
  if (Array.isArray(parts)) return parts.map(leftText).join(' . ');
  const masked = member(left, '&');
  if (Array.isArray(masked)) return `${leftText(masked[0])} & ${rightText(masked[1])}`;
  const meta = member(left, 'meta');
  if (meta !== undefined) {
    const key = String(member(meta, 'key'));
    return BARE_META.test(key) ? key : `meta ${key}`;
  }
  const payload = member(left, 'payload');
  if (payload !== undefined) return payloadText(payload);
  const ct = member(left, 'ct');
  if (ct !== undefined) {
    const direction = member(ct, 'dir');
    return `ct ${direction === undefined ? '' : `${String(direction)} `}${String(member(ct, 'key'))}`;
  }
  const numbers = member(left, 'numgen');
  if (numbers !== undefined) return `numgen ${String(member(numbers, 'mode'))} mod ${String(member(numbers, 'mod'))}`;
  const fib = member(left, 'fib');
  if (fib === undefined) return '…';
  const flags = member(fib, 'flags');
  return `fib ${(Array.isArray(flags) ? flags : [flags]).join(' . ')} ${String(member(fib, 'result'))}`;
}

/** "ip saddr"; "@th,0,8" where nft knows no name for the bits. */
function payloadText(payload: unknown): string {
  const base = member(payload, 'base');
  if (base === undefined) return `${String(member(payload, 'protocol'))} ${String(member(payload, 'field'))}`;
  return `@${String(base)},${String(member(payload, 'offset'))},${String(member(payload, 'len'))}`;
}

/** @param names interfaces, which nft quotes */
function rightText(right: unknown, names = false): string {
  if (typeof right === 'string') return names && !right.startsWith('@') ? `"${right}"` : right;
  if (typeof right === 'number') return String(right);
  if (typeof right === 'boolean') return right ? 'exists' : 'missing';
  if (Array.isArray(right)) return right.map((one) => rightText(one, names)).join(',');
  const set = member(right, 'set');
  if (Array.isArray(set)) {
    const listed = set.slice(0, MAX_ELEMENTS).map((one) => elementText(one, names));
    return `{ ${[...listed, ...(set.length > MAX_ELEMENTS ? ['…'] : [])].join(', ')} }`;
  }
  const prefix = member(right, 'prefix');
  if (prefix !== undefined) return `${String(member(prefix, 'addr'))}/${String(member(prefix, 'len'))}`;
  const range = member(right, 'range');
  if (Array.isArray(range)) return range.map((one) => rightText(one)).join('-');
  const concat = member(right, 'concat');
  if (Array.isArray(concat)) return concat.map((one) => rightText(one, names)).join(' . ');
  const element = member(right, 'elem');
  return element === undefined ? '…' : rightText(member(element, 'val'), names);
}

/** Of a set, or a key and its verdict of a map. */
function elementText(element: unknown, names: boolean): string {
  if (!Array.isArray(element)) return rightText(element, names);
  return `${rightText(element[0], names)} : ${expressionText(element[1])}`;
}

function rejectText(reject: unknown): string {
  const type = member(reject, 'type');
  if (type === undefined) return 'reject';
  const code = member(reject, 'expr');
  return `reject with ${String(type)}${code === undefined ? '' : ` ${String(code)}`}`;
}

function limitText(limit: unknown): string {
  const over = member(limit, 'inv') === true ? 'over ' : '';
  const burst = member(limit, 'burst');
  const unit = member(limit, 'rate_unit');
  const rate = `${String(member(limit, 'rate'))}${unit === undefined || unit === 'packets' ? '' : ` ${String(unit)}`}`;
  return `limit rate ${over}${rate}/${String(member(limit, 'per'))}${burst ? ` burst ${String(burst)} packets` : ''}`;
}

/** "update @seen { ip saddr limit rate over 1/minute }" */
function setText(set: unknown): string {
  const statements = member(set, 'stmt');
  const element = member(set, 'elem');
  const words = [leftText(member(member(element, 'elem'), 'val') ?? element)];
  if (Array.isArray(statements)) words.push(...statements.map(expressionText));
  return `${String(member(set, 'op'))} ${String(member(set, 'set'))} { ${words.join(' ')} }`;
}

function quotaText(quota: unknown): string {
  const over = member(quota, 'inv') === true ? 'over ' : '';
  return `quota ${over}${String(member(quota, 'val'))} ${String(member(quota, 'val_unit') ?? 'bytes')}`;
}

function logText(log: unknown): string {
  const prefix = member(log, 'prefix');
  return prefix === undefined ? 'log' : `log prefix "${String(prefix)}"`;
}

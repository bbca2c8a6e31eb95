/** One rule in the words of iptables(8) or ebtables-nft(8). */
import { type Action, type FilterPacket, not, type Rule, type Truth } from './ruleset.ts';
import type { Value } from './ruleset-field.ts';
import { targetChanges } from './ruleset-mark.ts';
import { queueAction, queuesIn } from './ruleset-queue.ts';
import { ebtablesField } from './ruleset-text-bridge.ts';
import { type Condition, iptablesTest } from './ruleset-text-match.ts';
import { type Reading, type Test, wantAny, wantText } from './ruleset-want.ts';

export type Dialect = 'iptables' | 'ebtables';

/** Targets after which the next rule comes. */
const GOES_ON: ReadonlySet<string> = new Set([
  ...['LOG', 'NFLOG', 'ULOG', 'AUDIT', 'TRACE', 'TEE', 'LED', 'IDLETIMER', 'RATEEST', 'SET', 'log', 'nflog'],
  ...['MARK', 'CONNMARK', 'CT', 'NOTRACK', 'CLASSIFY', 'SECMARK', 'CONNSECMARK', 'HMARK', 'mark'],
  ...['CHECKSUM', 'TCPMSS', 'TCPOPTSTRIP', 'DSCP', 'TOS', 'TTL', 'HL', 'ECN', 'CONTINUE'],
]);

/** @param words what follows `-A CHAIN` */
export function textRule(words: readonly string[], dialect: Dialect, reading: Reading): Omit<Rule, 'handle'> {
  const { conditions, target, jump, behind } = read(words);
  const rejects = target === 'REJECT' ? rejection(behind) : undefined;
  const changes = targetChanges(target, behind);
  const action = /^(NF)?QUEUE$/.test(target ?? '')
    ? queueAction(queuesIn(behind), behind.includes('--queue-bypass'), reading)
    : actionOf(target, jump);
  let tests: readonly Test[] | undefined;
  return {
    specific: conditions.length > 0,
    ...(rejects === undefined ? {} : { rejects }),
    matches: (packet) => {
      tests ??= conditions.flatMap((condition) =>
        dialect === 'iptables' ? iptablesTest(condition, reading) : ebtablesTest(condition, reading),
      );
      return allHold(tests, packet);
    },
    act: () => action,
    ...(changes ? { changes } : {}),
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

/** Options without a value. */
const BARE: ReadonlySet<string> = new Set([
  ...['--physdev-is-in', '--physdev-is-out', '--physdev-is-bridged', '-f', '--syn', '--limit-iface-in'],
  ...['--limit-iface-out', '--loose', '--validmark', '--accept-local', '--invert', '--set', '--rcheck', '--update'],
  ...['--remove', '--rsource', '--rdest', '--rttl', '--socket-exists', '--transparent', '--nowildcard', '--soft'],
  ...['--header', '--kerneltz', '--contiguous', '--return-nomatch', '--icase', '--random', '--strict', '--next'],
]);
/** Options whose one value may begin with a dash. */
const QUOTED: ReadonlySet<string> = new Set(['--comment', '--string', '--hex-string', '--bytecode']);

interface Read {
  readonly conditions: Condition[];
  readonly target?: string;
  readonly jump: 'jump' | 'goto';
  /** Options of the target. */
  readonly behind: readonly string[];
}

function read(words: readonly string[]): Read {
  const conditions: Condition[] = [];
  let module = '';
  let at = 0;
  while (at < words.length) {
    let negated = words[at] === '!';
    if (negated) at++;
    const option = words[at++] ?? '';
    if (option === '-j' || option === '-g')
      return {
        conditions,
        target: words[at] ?? '',
        jump: option === '-g' ? 'goto' : 'jump',
        behind: words.slice(at + 1),
      };
    if (BARE.has(option)) {
      const whole = module === 'rpfilter' ? conditions.at(-1) : undefined;
      if (whole) conditions[conditions.length - 1] = { ...whole, values: [...whole.values, option] };
      else conditions.push({ module, option, values: [], negated });
      continue;
    }
    // ebtables has the "!" behind the option.
    if (words[at] === '!') {
      negated = true;
      at++;
    }
    const values: string[] = [];
    if (QUOTED.has(option)) values.push(words[at++] ?? '');
    else while (at < words.length && !/^(-.|!$)/.test(words[at] ?? '')) values.push(words[at++] ?? '');
    if (option === '-m' || option === '--match') {
      module = values[0] ?? '';
      // These ask for something without any option.
      if (module === 'rpfilter' || module === 'socket') conditions.push({ module, option: '-m', values: [], negated });
    } else if (option !== '--comment') conditions.push({ module, option, values, negated });
  }
  return { conditions, jump: 'jump', behind: [] };
}

function ebtablesTest({ option, values, negated }: Condition, reading: Reading): Test {
  const [value = ''] = values;
  const word = /^-[io]$|^--logical/.test(option) ? value.replace(/\+$/, '*') : value.toLowerCase();
  const words = option === '-i' || option === '-o' || option.startsWith('--logical') ? [word] : word.split(',');
  const want = wantAny(
    words.map((one) => wantText(reading, one)),
    new Set(),
  );
  return (packet) => {
    const field: Value = ebtablesField(packet, option);
    // An IP or ARP condition on what is neither does not hold, negated or not.
    if (field === null) return false;
    const truth = field === undefined ? undefined : want(field);
    return negated ? not(truth) : truth;
  };
}

/** As nft(8) says it. */
function rejection(words: readonly string[]): string | undefined {
  const at = words.indexOf('--reject-with');
  const how = at < 0 ? 'icmp-port-unreachable' : (words[at + 1] ?? '');
  return how === 'tcp-reset' ? undefined : how.replace(/^(icmp6?)-/, '$1 ');
}

function actionOf(target: string | undefined, jump: 'jump' | 'goto'): Action {
  switch (target) {
    case undefined:
      return { kind: 'continue' };
    case 'ACCEPT':
    case 'MASQUERADE':
    case 'SNAT':
    case 'DNAT':
    case 'REDIRECT':
    case 'NETMAP':
    case 'snat':
    case 'dnat':
      return { kind: 'accept' };
    case 'DROP':
    case 'REJECT':
      return { kind: 'drop' };
    case 'RETURN':
      return { kind: 'return' };
    case 'TPROXY':
    case 'SYNPROXY':
      return { kind: 'unknown' };
    default:
      return GOES_ON.has(target) ? { kind: 'continue' } : { kind: jump, chain: target };
  }
}

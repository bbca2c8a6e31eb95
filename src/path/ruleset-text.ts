/** One rule in the words of iptables(8) or ebtables-nft(8). */
import { type Action, every, type FilterPacket, not, type Rule, type Truth } from './ruleset.ts';
import { connectionState, equals, metaField, payloadField, type Value } from './ruleset-field.ts';

export type Dialect = 'iptables' | 'ebtables';

/** Targets after which the next rule comes. */
const GOES_ON: ReadonlySet<string> = new Set(
  'LOG NFLOG ULOG MARK CONNMARK CHECKSUM TCPMSS NOTRACK TRACE CT CLASSIFY DSCP TOS SET mark log nflog CONTINUE'.split(
    ' ',
  ),
);

/** @param words what follows `-A CHAIN` */
export function textRule(words: readonly string[], dialect: Dialect): Omit<Rule, 'handle'> {
  const { conditions, target, jump } = read(words);
  return {
    specific: conditions.length > 0,
    matches: (packet) => every(conditions.map((condition) => holds(packet, condition, dialect))),
    act: () => actionOf(target, jump),
  };
}

interface Condition {
  readonly option: string;
  readonly value: string;
  readonly negated: boolean;
}

/** Options that are no conditions of their own, with a value. */
const SILENT: ReadonlySet<string> = new Set(['-m', '--match', '--comment']);
const BARE: ReadonlySet<string> = new Set(['--physdev-is-in', '--physdev-is-out', '--physdev-is-bridged']);

function read(words: readonly string[]): { conditions: Condition[]; target?: string; jump: 'jump' | 'goto' } {
  const conditions: Condition[] = [];
  for (let at = 0; at < words.length; at++) {
    let negated = words[at] === '!';
    if (negated) at++;
    const option = words[at] ?? '';
    if (option === '-j' || option === '-g')
      return { conditions, target: words[at + 1] ?? '', jump: option === '-g' ? 'goto' : 'jump' };
    if (BARE.has(option)) {
      conditions.push({ option, value: '', negated });
      continue;
    }
    // ebtables has the "!" behind the option.
    if (words[at + 1] === '!') {
      negated = true;
      at++;
    }
    const value = words[++at] ?? '';
    if (!SILENT.has(option)) conditions.push({ option, value, negated });
  }
  return { conditions, jump: 'jump' };
}

function holds(packet: FilterPacket, { option, value, negated }: Condition, dialect: Dialect): Truth {
  const field = dialect === 'iptables' ? iptablesField(packet, option) : ebtablesField(packet, option);
  if (typeof field === 'boolean') return negated ? !field : field;
  if (field === undefined) return undefined;
  // An IP or ARP condition on what is neither does not hold, negated or not.
  if (field === null) return false;
  const wanted = wantedOf(option, value);
  const truths = wanted.map((one) => equals(field, one));
  const truth = truths.includes(true) ? true : truths.includes(undefined) ? undefined : false;
  return negated ? not(truth) : truth;
}

function wantedOf(option: string, value: string): string[] {
  if (option === '-i' || option === '-o' || option.startsWith('--physdev') || option.startsWith('--logical'))
    return [value.replace(/\+$/, '*')];
  if (option === '--icmp-type') return [value.replace(/\/.*$/, '')];
  return value.toLowerCase().split(',');
}

function iptablesField(packet: FilterPacket, option: string): Value | boolean {
  switch (option) {
    case '-i':
      return packet.inputInterface;
    case '-o':
      return packet.outputInterface;
    case '-s':
      return packet.carries.source;
    case '-d':
      return packet.carries.destination;
    case '-p':
      return 'icmp';
    case '--icmp-type':
      return packet.carries.kind;
    case '--ctstate':
    case '--state':
      return connectionState(packet);
    case '--physdev-in':
      return packet.physicalInput ?? '';
    case '--physdev-out':
      return packet.physicalOutput ?? '';
    case '--physdev-is-in':
      return packet.physicalInput !== undefined;
    case '--physdev-is-out':
      return packet.physicalOutput !== undefined;
    case '--physdev-is-bridged':
      return packet.physicalInput !== undefined && packet.physicalOutput !== undefined;
    default:
      // Ports are of TCP and UDP alone.
      return /^--([sd]ports?|tcp-flags|syn)$/.test(option) ? null : undefined;
  }
}

function ebtablesField(packet: FilterPacket, option: string): Value {
  switch (option) {
    case '-i':
      return packet.inputInterface;
    case '-o':
      return packet.outputInterface;
    case '--logical-in':
      return metaField(packet, 'ibrname');
    case '--logical-out':
      return metaField(packet, 'obrname');
    case '-s':
      return packet.etherSource;
    case '-d':
      return packet.etherDestination;
    case '-p':
      return ethertype(packet);
    case '--ip-src':
      return payloadField(packet, 'ip', 'saddr');
    case '--ip-dst':
      return payloadField(packet, 'ip', 'daddr');
    case '--ip-proto':
      return payloadField(packet, 'ip', 'protocol');
    case '--arp-op':
      return payloadField(packet, 'arp', 'operation');
    case '--arp-ip-src':
      return payloadField(packet, 'arp', 'saddr ip');
    case '--arp-ip-dst':
      return payloadField(packet, 'arp', 'daddr ip');
    default:
      return undefined;
  }
}

/** `IPv4` and `ARP` in any case, or a number. */
function ethertype(packet: FilterPacket): string {
  const protocol = metaField(packet, 'protocol');
  return protocol === 'arp' ? 'arp' : protocol === 'ip6' ? 'ipv6' : 'ipv4';
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
    default:
      return GOES_ON.has(target) ? { kind: 'continue' } : { kind: jump, chain: target };
  }
}

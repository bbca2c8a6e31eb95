/** What iptables(8) and its extensions ask of a packet (iptables-extensions(8)). */
import { networkOf } from './ethernet.ts';
import { type FilterPacket, not, type Truth } from './ruleset.ts';
import { connectionField, connectionState, payloadField, upperProtocol, type Value } from './ruleset-field.ts';
import { type Reading, type Test, type Want, wantAny, wantRange, wantText } from './ruleset-want.ts';

/** One option of a rule, with the words up to the next. */
export interface Condition {
  /** The `-m` before it; empty for the options iptables has itself. */
  readonly module: string;
  readonly option: string;
  readonly values: readonly string[];
  readonly negated: boolean;
}

export function iptablesTest(condition: Condition, reading: Reading): Test {
  const { negated } = condition;
  const test = special(condition) ?? compared(condition, reading);
  return negated ? (packet) => absent(condition, packet) ?? not(test(packet)) : test;
}

/** A condition on what the packet does not have does not hold, negated or not. */
function absent({ option }: Condition, packet: FilterPacket): false | undefined {
  return fieldOf(packet, option) === null ? false : undefined;
}

function compared({ option, values, module }: Condition, reading: Reading): Test {
  const want = wantOf(option, values[0] ?? '', reading);
  const isMark = module === 'connmark' || module === 'mark';
  if (isMark) return () => undefined;
  return (packet) => {
    const field = fieldOf(packet, option);
    if (field === null) return false;
    return field === undefined ? undefined : want(field);
  };
}

function wantOf(option: string, value: string, reading: Reading): Want {
  if (option === '-i' || option === '-o' || option.startsWith('--physdev'))
    return wantText(reading, value.replace(/\+$/, '*'));
  if (/^--(src|dst)-range$/.test(option)) {
    const [from = '', to = from] = value.split('-');
    return wantRange(reading, from, to);
  }
  if (option === '--length') {
    const [from = '0', to = from] = value.split(':');
    return wantRange(reading, from === '' ? '0' : from, to === '' ? '65535' : to);
  }
  if (/^--[sd]?ports?$/.test(option)) {
    const ranges = value.split(',').map((text) => text.split(':'));
    return wantAny(
      ranges.map(([from = '', to = from]) => wantRange(reading, from || '0', to || '65535')),
      new Set(),
    );
  }
  const texts = option.startsWith('--icmp') ? [icmpTypeOf(value)] : value.toLowerCase().split(',');
  return wantAny(
    texts.map((text) => (isAny(option, text) ? () => true : wantText(reading, text))),
    new Set(),
  );
}

/** `3/4`, and the names that iptables has for a type and its code together. */
function icmpTypeOf(value: string): string {
  if (/^(fragmentation-needed|host-|network-|port-|protocol-|communication-|source-route-|TOS-)/.test(value))
    return value === 'fragmentation-needed' ? 'destination-unreachable' : 'another';
  return value.startsWith('3/') && value !== '3/4' ? 'another' : value.replace(/\/.*$/, '');
}

/** `-p all` and `--icmp-type any`, which iptables-save may write as 255. */
function isAny(option: string, text: string): boolean {
  return option === '-p' ? text === 'all' || text === '0' : option.startsWith('--icmp') && /^(any|255)$/.test(text);
}

/** Conditions that are more than the comparison of a field; undefined for the others. */
function special({ module, option, values }: Condition): Test | undefined {
  const [value = ''] = values;
  switch (option) {
    case '--physdev-is-in':
      return ({ physicalInput }) => physicalInput !== undefined;
    case '--physdev-is-out':
      return ({ physicalOutput }) => physicalOutput !== undefined;
    case '--physdev-is-bridged':
      return (packet) => packet.physicalInput !== undefined && packet.physicalOutput !== undefined;
    case '-f':
      return ({ lengthBytes }) => (lengthBytes !== undefined && lengthBytes <= 576 ? false : undefined);
    case '--mark':
      return (packet) => masked(module === 'connmark' ? packet.connectionMark : packet.mark, value);
    case '--src-type':
    case '--dst-type':
      return addressType(option === '--src-type', value);
    // They say of which device the type above is asked: not of any.
    case '--limit-iface-in':
    case '--limit-iface-out':
      return () => undefined;
    case '-m':
      return module === 'rpfilter' ? reversePath(values) : () => undefined;
    // Notes the address, and matches.
    case '--set':
      return () => true;
    case '--ttl-eq':
    case '--hl-eq':
      return ({ ttl }) => (ttl === undefined ? undefined : ttl === Number(value));
    case '--ttl-lt':
    case '--hl-lt':
      return ({ ttl }) => (ttl === undefined ? undefined : ttl < Number(value));
    case '--ttl-gt':
    case '--hl-gt':
      return ({ ttl }) => (ttl === undefined ? undefined : ttl > Number(value));
    case '--ctstatus':
      return status(value);
    case '--uid-owner':
    case '--gid-owner':
      return ({ owner }) => owned(owner, option === '--uid-owner' ? 'uid' : 'gid', value);
    default:
      return module === 'recent' && SILENT_RECENT.has(option) ? () => true : undefined;
  }
}

/** They say where to look, and ask for nothing. */
const SILENT_RECENT: ReadonlySet<string> = new Set(['--name', '--mask', '--rsource', '--rdest']);

/** Is there a way back by the device it came in by? Inverted: is there none (rpfilter_mt)? */
function reversePath(flags: readonly string[]): Test {
  const [loose, inverted] = [flags.includes('--loose'), flags.includes('--invert')];
  const marked = flags.includes('--validmark');
  const local = flags.includes('--accept-local') ? { local: true as const } : {};
  return ({ fib, carries, inputInterface, mark }) => {
    if (marked && mark === undefined) return undefined;
    const { source, destination } = carries;
    const asked = {
      ...local,
      ...(loose ? {} : { device: inputInterface }),
      ...(marked && mark !== undefined ? { mark } : {}),
    };
    const way = inputInterface === 'lo' ? inputInterface : fib?.deviceTo(source, destination, asked);
    return way === undefined ? undefined : (way !== 'none') !== inverted;
  };
}

/** One number, or FIRST-LAST. What no process sends is nobody's (owner_mt). */
function owned(owner: FilterPacket['owner'], of: 'uid' | 'gid', value: string): Truth {
  const [first = Number.NaN, last = first] = value.split('-').map(Number);
  if (owner === undefined || Number.isNaN(first) || Number.isNaN(last)) return undefined;
  return owner !== null && first <= owner[of] && owner[of] <= last;
}

/** VALUE/MASK. */
function masked(mark: number | undefined, text: string): Truth {
  const [value = Number.NaN, mask = 0xffffffff] = text.split('/').map(Number);
  if (mark === undefined || Number.isNaN(value) || Number.isNaN(mask)) return undefined;
  return (mark & mask) >>> 0 === value >>> 0;
}

function addressType(ofSource: boolean, value: string): Test {
  const types = value.toLowerCase().split(',');
  return ({ fib, carries }) => {
    const type = fib?.addressType(ofSource ? carries.source : carries.destination);
    return type === undefined ? undefined : types.includes(type);
  };
}

function status(value: string): Test {
  const wanted = value.split(',');
  if (!wanted.every((one) => one === 'SNAT' || one === 'DNAT')) return () => undefined;
  return ({ translated }) =>
    translated && wanted.some((one) => (one === 'SNAT' ? translated.source : translated.destination));
}

function fieldOf(packet: FilterPacket, option: string): Value {
  const { carries } = packet;
  const network = networkOf(carries);
  switch (option) {
    case '-i':
      return packet.inputInterface;
    case '-o':
      return packet.outputInterface;
    case '-s':
    case '--src-range':
      return carries.source;
    case '-d':
    case '--dst-range':
      return carries.destination;
    case '-p':
    case '--ctproto':
      return upperProtocol(carries);
    case '--icmp-type':
      return payloadField(packet, 'icmp', 'type');
    case '--icmpv6-type':
      return network === 'ip6' && !carries.datagram ? icmpv6Type(packet) : null;
    case '--ctstate':
    case '--state':
      return connectionState(packet);
    case '--ctdir':
      return connectionField(packet, 'direction');
    case '--ctorigsrc':
      return connectionField(packet, 'saddr', 'original');
    case '--ctorigdst':
      return connectionField(packet, 'daddr', 'original');
    case '--physdev-in':
      return packet.physicalInput ?? '';
    case '--physdev-out':
      return packet.physicalOutput ?? '';
    case '--pkt-type':
      return packet.packetType;
    case '--length':
      return packet.lengthBytes === undefined ? undefined : String(packet.lengthBytes);
    case '--mac-source':
      return packet.etherSource;
    case '--dscp':
      return '0x00';
    case '--dport':
    case '--dports':
      return payloadField(packet, 'udp', 'dport');
    case '--sport':
    case '--sports':
    case '--ports':
      return payloadField(packet, 'udp', 'sport');
    default:
      // Ports are of TCP and UDP alone.
      return /^--([sd]?ports?|tcp-flags|tcp-option|syn|mss)$/.test(option) ? null : undefined;
  }
}

/** ip6tables calls the messages of neighbour discovery by other names than nft. */
function icmpv6Type(packet: FilterPacket): Value {
  const type = payloadField(packet, 'icmpv6', 'type');
  return type === 'nd-neighbor-solicit' ? '135' : type === 'nd-neighbor-advert' ? '136' : type;
}

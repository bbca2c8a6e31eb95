/**
 * The front of a packet's line, up to what its protocol says (tcpdump 4.99 print.c, print-ether.c, print-sll.c):
 *
 *     [number] [time] [interface direction] [link level: -e] protocol
 *         1  17:54:05.464764 veth0 In  IP 10.9.0.2 > 10.9.0.3: ICMP echo request, id 1, seq 1, length 64
 */
import type { Direction, PacketType } from '../trace/frame.ts';
import { EtherType } from '../wire/ethernet.ts';
import type { VlanTag } from '../wire/packet.ts';
import { NO_STAMP, readStamp, type Stamp } from './text-time.ts';

/** The Ethernet header as -e prints it. */
export interface PrintedLink {
  readonly source: string;
  /** Not printed by a cooked capture (-i any). */
  readonly destination?: string;
  readonly vlans: readonly VlanTag[];
  /** Of the frame, bytes; a cooked capture's header is no Ethernet header, so its length says nothing. */
  readonly lengthBytes?: number;
}

export interface PacketHead {
  /** -# */
  readonly numbered: boolean;
  readonly stamp: Stamp;
  /** Of a capture on all interfaces. `?` where tcpdump did not know it. */
  readonly device?: string;
  readonly interfaceIndex?: number;
  readonly direction: Direction;
  readonly packetType: PacketType;
  readonly link?: PrintedLink;
  readonly protocol: 'arp' | 'ipv4' | 'ipv6' | 'other';
  /** What follows the protocol's name. */
  readonly body: string;
}

const NUMBER = /^\d{1,10}(?: {1,4}|\t)(?=\S)/;
const DEVICE = /^(?:([^\s:,>]{1,40})\s+)?(In|Out|B|M|P)\s+(?=\S)/;
const MAC_TEXT = '(?:[0-9a-f]{2}:){5}[0-9a-f]{2}';
const COOKED = new RegExp(`^(?:ifindex (\\d+) )?(${MAC_TEXT}) `);
const ETHERNET = new RegExp(`^(${MAC_TEXT}|Broadcast) > (${MAC_TEXT}|Broadcast), (.*)$`);
const VENDOR = / \(oui [^()]*\)/g;
const ETHERTYPE = /^(?:ethertype )?([^,():]+?)(?: \((0x[0-9a-f]{4})\))?, length (\d+): (.*)$/;
const COOKED_TYPE = /^ethertype ([^,():]+?) \((0x[0-9a-f]{4})\), length \d+: (.*)$/;
const VLAN = /^vlan (\d{1,4}), p ([0-7])(, DEI)?, (?:ethertype )?([^,():]+?)(?: \((0x[0-9a-f]{4})\))?[,:] (.*)$/;
/** Provider bridges nest two tags; more are nobody's. */
const MOST_TAGS = 4;
const PROTOCOL = /^(ARP|IP6|IP)(?:, | (?=\S)|$)(.*)$/;
const OLD_ARP = /^arp (who-has|reply) (.*)$/;
const FLOW = /^(?:\(|truncated-ip|[0-9a-z_][^\s>]* > [^\s>]+:)/i;

const TYPES: ReadonlyMap<string, PacketHead['protocol']> = new Map([
  ['ARP', 'arp'],
  ['IPv4', 'ipv4'],
  ['IPv6', 'ipv6'],
]);
/** As -q leaves them, without the number. */
const TPIDS: ReadonlyMap<string, number> = new Map([
  ['802.1Q-QinQ', 0x88a8],
  ['802.1Q-9100', 0x9100],
]);
const WAYS: Readonly<Record<string, readonly [Direction, PacketType]>> = {
  In: ['in', 'host'],
  Out: ['out', 'outgoing'],
  B: ['in', 'broadcast'],
  M: ['in', 'multicast'],
  P: ['in', 'other-host'],
};

/** The head of a packet's line; undefined for any line that is none. A line with a time alone counts as one. */
export function readHead(line: string): PacketHead | undefined {
  const number = NUMBER.exec(line);
  return (number && readTimed(line.slice(number[0].length), true)) ?? readTimed(line, false);
}

function readTimed(line: string, numbered: boolean): PacketHead | undefined {
  const timed = readStamp(line);
  const stamp = timed?.stamp ?? NO_STAMP;
  const rest = (timed === undefined ? line : line.slice(timed.length)).trimStart();
  const device = DEVICE.exec(rest);
  const [direction, packetType] = WAYS[device?.[2] ?? ''] ?? ['unknown', 'unknown'];
  const front = { numbered, stamp, direction, packetType, ...(device?.[1] ? { device: device[1] } : {}) };
  const head = device ? readCooked(front, rest.slice(device[0].length)) : readLink(front, rest);
  if (head.protocol !== 'other') return head;
  return timed === undefined ? undefined : head;
}

type Front = Omit<PacketHead, 'protocol' | 'body' | 'link' | 'interfaceIndex'>;

/** Behind an interface and a direction: the link level of a cooked capture, or the protocol. */
function readCooked(front: Front, rest: string): PacketHead {
  const cooked = COOKED.exec(rest);
  if (!cooked) return readProtocol(front, rest);
  const [all, index, source = ''] = cooked;
  const head = { ...front, link: { source, vlans: [] }, ...(index ? { interfaceIndex: Number(index) } : {}) };
  const contents = rest.slice(all.length);
  const typed = COOKED_TYPE.exec(contents);
  if (typed) return { ...head, protocol: protocolOf(typed[1], typed[2]), body: typed[3] ?? '' };
  return readUntyped(head, contents);
}

function readLink(front: Front, line: string): PacketHead {
  // Without -n the vendor stands behind every hardware address.
  const rest = line.includes('(oui ') ? line.replace(VENDOR, '') : line;
  const ethernet = ETHERNET.exec(rest);
  if (!ethernet) return readProtocol(front, rest);
  const [, source = '', destination = '', contents = ''] = ethernet;
  const typed = ETHERTYPE.exec(contents);
  if (!typed) return { ...front, protocol: 'other', body: contents };
  const [, name, number, length = '0', inner = ''] = typed;
  const tagged = readTags(name, number, inner);
  const link = {
    source: hardware(source),
    destination: hardware(destination),
    vlans: tagged.vlans,
    lengthBytes: Number(length),
  };
  return { ...front, link, protocol: protocolOf(tagged.name, tagged.number), body: tagged.body };
}

function readTags(name: string | undefined, number: string | undefined, body: string) {
  const vlans: VlanTag[] = [];
  let tag = { name, number, body };
  while (vlans.length < MOST_TAGS) {
    const found = VLAN.exec(tag.body);
    if (!found) break;
    const [, id = '', priority = '', dropEligible, innerName, innerNumber, inner = ''] = found;
    vlans.push({
      tpid: tag.number === undefined ? (TPIDS.get(tag.name ?? '') ?? 0x8100) : Number(tag.number),
      priority: Number(priority),
      dropEligible: dropEligible !== undefined,
      id: Number(id) & 0xfff,
    });
    tag = { name: innerName, number: innerNumber, body: inner };
  }
  return { ...tag, vlans };
}

function readProtocol(front: Front & Pick<PacketHead, 'link'>, text: string): PacketHead {
  const found = PROTOCOL.exec(text);
  if (found) {
    const protocol = found[1] === 'ARP' ? 'arp' : found[1] === 'IP' ? 'ipv4' : 'ipv6';
    return { ...front, protocol, body: found[2] ?? '' };
  }
  // tcpdump before 4.0 wrote it so.
  const old = OLD_ARP.exec(text);
  if (old) return { ...front, protocol: 'arp', body: `${old[1] === 'reply' ? 'Reply' : 'Request who-has'} ${old[2]}` };
  return { ...front, protocol: 'other', body: text };
}

/** -q -e of a cooked capture prints no protocol at all: the addresses tell. */
function readUntyped(head: Front & Pick<PacketHead, 'link'>, text: string): PacketHead {
  if (/^(?:Ethernet \(len |Request who-has |Reply )/.test(text)) return { ...head, protocol: 'arp', body: text };
  if (!FLOW.test(text)) return readProtocol(head, text);
  return { ...head, protocol: /^[0-9.]+ > /.test(text) || text.startsWith('(tos ') ? 'ipv4' : 'ipv6', body: text };
}

function protocolOf(name: string | undefined, number: string | undefined): PacketHead['protocol'] {
  switch (number === undefined ? undefined : Number(number)) {
    case EtherType.arp:
      return 'arp';
    case EtherType.ipv4:
      return 'ipv4';
    case EtherType.ipv6:
      return 'ipv6';
    case undefined:
      return TYPES.get(name ?? '') ?? 'other';
    default:
      return 'other';
  }
}

function hardware(text: string): string {
  return text === 'Broadcast' ? 'ff:ff:ff:ff:ff:ff' : text;
}

/** Prose may begin with "IP": without a time, the packet's form must be there. */
export function isWorded({ protocol, body, link }: PacketHead): boolean {
  if (link !== undefined) return true;
  if (protocol === 'arp') return /^(?:Ethernet \(len |Request who-has |Reply \S+ is-at )/.test(body);
  return /^(?:\((?:tos|class|flowlabel|hlim) |[^\s>]+ > [^\s>]+: )/.test(body);
}

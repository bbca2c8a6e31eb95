/** ARP as tcpdump words it (print-arp.c). */
import { ARP_LENGTH, ArpOperation } from '../wire/arp.ts';
import type { Arp } from '../wire/packet.ts';
import { parseIpv4, parseMac } from '../wire/text.ts';
import { NO_ADDRESS, NO_BYTES, NO_HARDWARE, type Resolve, type TextReading } from './text-packet.ts';

/** -v, or hardware other than Ethernet. */
const KIND =
  /^(?:Ethernet|Unknown Hardware \(\d+\)) \(len (\d+)\), (?:IPv4|Unknown Protocol \(0x[0-9a-f]+\)) \(len (\d+)\), /;
const REQUEST = /^(?:Request|Probe) who-has ([^\s,]+)(?: \(([^\s()]+)\))?(?: tell ([^\s,]+))?(?:, |$)/;
const REPLY = /^Reply ([^\s,]+) is-at ([^\s,]+)(?:, |$)/;
const ANNOUNCEMENT = /^(?:Announcement|Probe) ([^\s,]+)(?:, |$)/;
const LENGTH = /(?:^|, )length (\d{1,5})$/;

/** A reply names no target: it stays 0.0.0.0 here, and `Askers` looks for it. */
export function readArp(body: string, resolve: Resolve): TextReading {
  const kind = KIND.exec(body);
  if (kind && (kind[1] !== '6' || kind[2] !== '4')) return 'other';
  const text = (kind ? body.slice(kind[0].length) : body).replace(/ \(oui [^()]*\)/g, '');
  const length = Number(LENGTH.exec(text)?.[1] ?? ARP_LENGTH);
  const request = REQUEST.exec(text);
  if (request) {
    const [, target = '', targetHardware = NO_HARDWARE, sender = NO_ADDRESS] = request;
    return arpOf(ArpOperation.request, [NO_HARDWARE, sender, targetHardware, target], length, resolve);
  }
  const reply = REPLY.exec(text);
  if (reply) {
    const [, sender = '', senderHardware = ''] = reply;
    return arpOf(ArpOperation.reply, [senderHardware, sender, NO_HARDWARE, NO_ADDRESS], length, resolve);
  }
  const announcement = ANNOUNCEMENT.exec(text)?.[1];
  if (announcement === undefined) return /^(?:Reverse|Inverse|NACK|Unknown)/.test(text) ? 'other' : 'unclear';
  const sender = text.startsWith('Probe') ? NO_ADDRESS : announcement;
  return arpOf(ArpOperation.request, [NO_HARDWARE, sender, NO_HARDWARE, announcement], length, resolve);
}

function arpOf(
  operation: Arp['operation'],
  [senderHardware, sender, targetHardware, target]: readonly [string, string, string, string],
  lengthBytes: number,
  resolve: Resolve,
): TextReading {
  const source = hardwareOf(senderHardware);
  const destination = hardwareOf(targetHardware);
  if (source === undefined || destination === undefined) return 'unclear';
  const senderProtocol = parseIpv4(sender) ? sender : resolve(sender);
  const targetProtocol = parseIpv4(target) ? target : resolve(target);
  if (senderProtocol === undefined || targetProtocol === undefined) return 'names';
  const arp = { operation, senderHardware: source, senderProtocol, targetHardware: destination, targetProtocol };
  return { packet: { vlans: [], arp, payload: NO_BYTES }, payloadBytes: lengthBytes };
}

function hardwareOf(text: string): string | undefined {
  if (text === 'Broadcast') return 'ff:ff:ff:ff:ff:ff';
  return parseMac(text) === undefined ? undefined : text.toLowerCase();
}

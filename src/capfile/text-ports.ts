/** TCP and UDP as tcpdump words them, as far as ports, sequence numbers and lengths. */
import { IpProtocol } from '../wire/ipv4.ts';
import { TCP_HEADER_LENGTH, TcpFlag } from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { Carried } from './text-ip.ts';
import { LARGEST_PACKET, NO_BYTES, type TextReading } from './text-packet.ts';

const FLAGS = /^Flags \[([^\]]{0,10})\]/;
const LETTERS: ReadonlyMap<string, number> = new Map([
  ['F', TcpFlag.fin],
  ['S', TcpFlag.syn],
  ['R', TcpFlag.reset],
  ['P', TcpFlag.push],
  ['.', TcpFlag.acknowledge],
  ['U', TcpFlag.urgent],
  ['E', TcpFlag.congestionEcho],
  ['W', TcpFlag.congestionReduced],
]);
const QUIET_TCP = /^tcp (\d{1,5})$/;
const LENGTH = /,? length:? (\d{1,5})(?:$|[:,])/;
/** Not UDP, although it has ports. */
const OTHERS = /^(?:sctp|DCCP|\[\|)/;
/** DNS and others end with the length of their data. */
const DATA_LENGTH = /\((\d{1,5})\)$/;

/** A segment or a datagram: the packet has no IP header yet. Data are never printed, so none are known. */
export function readSegment(carried: Carried): TextReading {
  const { source, destination, text } = carried;
  if (source.port === undefined || destination.port === undefined) return 'other';
  const ports = { sourcePort: source.port, destinationPort: destination.port };
  const flags = FLAGS.exec(text)?.[1];
  const quiet = QUIET_TCP.exec(text)?.[1];
  if (flags === undefined && quiet === undefined) return readDatagram(carried, ports);
  const tcp = {
    ...ports,
    sequence: numberIn(/, seq (\d{1,10})/, text),
    acknowledgment: numberIn(/, ack (\d{1,10})/, text),
    flags: [...(flags ?? '')].reduce((sum, letter) => sum | (LETTERS.get(letter) ?? 0), 0),
  };
  const printed = carried.bodyBytes === undefined ? undefined : carried.bodyBytes - TCP_HEADER_LENGTH;
  const dataBytes = printed ?? Number(quiet ?? LENGTH.exec(text)?.[1] ?? 0);
  return { packet: { vlans: [], tcp, payload: NO_BYTES }, payloadBytes: Math.max(0, dataBytes) };
}

function readDatagram(
  { bodyBytes, text, header }: Carried,
  ports: { sourcePort: number; destinationPort: number },
): TextReading {
  if (OTHERS.test(text) || (header.protocol ?? IpProtocol.udp) !== IpProtocol.udp) return 'other';
  const printed = bodyBytes === undefined ? undefined : bodyBytes - UDP_HEADER_LENGTH;
  const dataBytes = printed ?? Number(LENGTH.exec(text)?.[1] ?? DATA_LENGTH.exec(text)?.[1] ?? 0);
  if (dataBytes < 0 || dataBytes > LARGEST_PACKET) return 'unclear';
  const udp = { ...ports, length: UDP_HEADER_LENGTH + dataBytes };
  return { packet: { vlans: [], udp, payload: NO_BYTES }, payloadBytes: dataBytes };
}

function numberIn(pattern: RegExp, text: string): number {
  return Number(pattern.exec(text)?.[1] ?? 0) % 0x100000000;
}

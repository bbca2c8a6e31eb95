/** Transmission Control Protocol (RFC 9293): ports, sequence numbers and flags; options are passed over. */
import { type Decoded, decoded, type Window, Writer } from './bytes.ts';
import { internetChecksum, pseudoHeaderSum } from './checksum.ts';
import { IpProtocol } from './ipv4.ts';
import type { Tcp } from './packet.ts';

/** RFC 9293 section 3.1, RFC 3168. */
export const TcpFlag = {
  fin: 0x01,
  syn: 0x02,
  reset: 0x04,
  push: 0x08,
  acknowledge: 0x10,
  urgent: 0x20,
  congestionEcho: 0x40,
  congestionReduced: 0x80,
} as const;

const SOURCE_PORT = 0;
const DESTINATION_PORT = SOURCE_PORT + 2;
const SEQUENCE = DESTINATION_PORT + 2;
const ACKNOWLEDGMENT = SEQUENCE + 4;
const DATA_OFFSET = ACKNOWLEDGMENT + 4;
const FLAGS = DATA_OFFSET + 1;
const WINDOW = FLAGS + 1;
const CHECKSUM = WINDOW + 2;
const URGENT = CHECKSUM + 2;
/** Bytes without options. */
export const TCP_HEADER_LENGTH = URGENT + 2;

/** An ICMP error may quote no more than this (RFC 792). */
const QUOTED_LENGTH = ACKNOWLEDGMENT;

export function decodeTcp(window: Window): Decoded<Tcp> {
  if (window.quoted && window.length >= QUOTED_LENGTH && window.length < TCP_HEADER_LENGTH)
    return { header: readPorts(window), body: window.rest(window.length) };
  const short = window.lacks('tcp', TCP_HEADER_LENGTH, 'tcp header size');
  if (short) return { body: window, stop: short };
  const headerLength = (window.u8(DATA_OFFSET) >>> 4) * 4;
  if (headerLength < TCP_HEADER_LENGTH)
    return { body: window, stop: window.malformed('tcp', TCP_HEADER_LENGTH, headerLength, 'tcp data offset') };
  const header = { ...readPorts(window), acknowledgment: window.u32(ACKNOWLEDGMENT), flags: window.u8(FLAGS) };
  // A snap length of 64 bytes cuts the options and leaves every field that counts.
  const body = window.rest(Math.min(headerLength, window.length));
  return decoded(header, body, window.lacksBody('tcp', headerLength, 'tcp data offset'));
}

function readPorts(window: Window): Pick<Tcp, 'sourcePort' | 'destinationPort' | 'sequence'> {
  return {
    sourcePort: window.u16(SOURCE_PORT),
    destinationPort: window.u16(DESTINATION_PORT),
    sequence: window.u32(SEQUENCE),
  };
}

/**
 * A segment without options and with a window of 65535.
 * @param addresses source and destination, one behind the other (`ipv4Addresses`, `ipv6Addresses`)
 */
export function encodeTcp(
  tcp: Tcp,
  payload: Uint8Array,
  addresses: Uint8Array,
  into: Uint8Array = new Uint8Array(TCP_HEADER_LENGTH + payload.length),
): Uint8Array {
  const segment = new Writer(into)
    .u16(tcp.sourcePort)
    .u16(tcp.destinationPort)
    .u32(tcp.sequence)
    .u32(tcp.acknowledgment ?? 0)
    .u8((TCP_HEADER_LENGTH / 4) << 4)
    .u8(tcp.flags ?? 0)
    .u16(0xffff)
    .u16(0)
    .u16(0)
    .bytes(payload);
  const pseudo = pseudoHeaderSum(addresses, IpProtocol.tcp, into.length);
  return segment.patch16(CHECKSUM, internetChecksum(into, pseudo)).finish();
}

/** tcpdump's letters, in its order. */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [TcpFlag.fin, 'F'],
  [TcpFlag.syn, 'S'],
  [TcpFlag.reset, 'R'],
  [TcpFlag.push, 'P'],
  [TcpFlag.acknowledge, '.'],
  [TcpFlag.urgent, 'U'],
  [TcpFlag.congestionEcho, 'E'],
  [TcpFlag.congestionReduced, 'W'],
];

/** As tcpdump -S, without window and options: `Flags [S.], seq 7, ack 3, length 0`. @param dataLength bytes of data on the wire */
export function describeTcp({ sequence, acknowledgment, flags }: Tcp, dataLength: number): string {
  if (flags === undefined) return `TCP, seq ${sequence}`;
  const letters = FLAG_LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join('') || 'none';
  const last = (sequence + dataLength) % 0x100000000;
  const moves = flags & (TcpFlag.syn | TcpFlag.fin | TcpFlag.reset);
  const range = dataLength > 0 ? `, seq ${sequence}:${last}` : moves ? `, seq ${sequence}` : '';
  const ack = flags & TcpFlag.acknowledge ? `, ack ${acknowledgment}` : '';
  return `Flags [${letters}]${range}${ack}, length ${dataLength}`;
}

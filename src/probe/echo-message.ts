/** The ICMP message of a probe: RFC 792 echo (RFC 4443 section 4 for IPv6) with the run's token and the sequence in its data. */
import { TOKEN_LENGTH } from '../trace/run.ts';

/** Type, code, checksum, identifier, sequence. */
const echoHeaderBytes = 8;

export interface EchoHeader {
  readonly type: number;
  readonly code: number;
  readonly identifier: number;
  /** 16 bits. */
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Token, sequence (32 bits, big endian), then each byte its own offset as in ping; cut to what fits. */
export function echoData(token: Uint8Array, sequence: number, sizeBytes: number): Uint8Array {
  const whole = new Uint8Array(Math.max(sizeBytes, TOKEN_LENGTH + 4)).map((_, offset) => offset & 0xff);
  whole.set(token);
  new DataView(whole.buffer).setUint32(TOKEN_LENGTH, sequence);
  return whole.subarray(0, sizeBytes);
}

/** @param checksum false for ICMPv6, whose checksum covers addresses that only the kernel knows: it fills it in */
export function encodeEcho(
  type: number,
  identifier: number,
  sequence: number,
  data: Uint8Array,
  checksum: boolean,
): Uint8Array {
  const message = new Uint8Array(echoHeaderBytes + data.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, type);
  view.setUint16(4, identifier);
  view.setUint16(6, sequence & 0xffff);
  message.set(data, echoHeaderBytes);
  if (checksum) view.setUint16(2, internetChecksum(message));
  return message;
}

/** undefined when it is too short to be one. The data may end early: an error quotes only the start of a packet. */
export function decodeEcho(message: Uint8Array): EchoHeader | undefined {
  if (message.length < echoHeaderBytes) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  return {
    type: view.getUint8(0),
    code: view.getUint8(1),
    identifier: view.getUint16(4),
    sequence: view.getUint16(6),
    data: message.subarray(echoHeaderBytes),
  };
}

/** RFC 1071: the complement of the one's complement sum of 16-bit words; an odd byte counts as if a zero followed. */
function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

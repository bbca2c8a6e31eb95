/** The packet that an ICMP error quotes: printed below it with -v, else as far as the message names it. */
import { IPV4_HEADER_LENGTH, IpProtocol } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { portNumber } from './text-endpoint.ts';
import { type Carried, readIp } from './text-ip.ts';
import { NO_BYTES, packetBytes } from './text-packet.ts';

/** What a message says of the packet it is about. */
export interface Quoted {
  readonly destination: string;
  readonly protocol?: number;
  readonly port?: string;
}

/** IANA: reserved, so nothing is read behind a header with it. */
const UNKNOWN_PROTOCOL = 255;
/** Both ports, and no more, are known of the quoted segment. */
const PORTS_LENGTH = 8;
/** With -e tcpdump leaves the protocol's name out, here too. */
const QUOTED_IP = /^IP6? (?=\(|\S+ > )|^(?=\((?:tos|class|flowlabel|hlim) )/;

/** The quote as -v prints it below the message, known bytes only. */
export function printedQuote({ below, resolve }: Carried): Uint8Array | undefined {
  const at = below.findIndex((line) => QUOTED_IP.test(line));
  const first = below[at];
  if (first === undefined) return undefined;
  const reading = readIp([first.replace(QUOTED_IP, ''), ...below.slice(at + 1)], resolve, 1);
  return typeof reading === 'string' ? undefined : packetBytes(reading).bytes;
}

/**
 * The quote as the message names it. Its source is where the error goes: routers send errors to nobody else (RFC 792).
 * @param quoteBytes length of the quote on the wire
 */
export function quoteOf({ source, destination }: Carried, quoted: Quoted, quoteBytes: number): Uint8Array {
  const protocol = quoted.protocol ?? UNKNOWN_PROTOCOL;
  const ends = { source: destination.address, destination: quoted.destination };
  const headerLength = source.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  const port = quoted.port === undefined ? undefined : portNumber(quoted.port);
  const ports = port === undefined ? undefined : { sourcePort: 0, destinationPort: port };
  const upper =
    ports === undefined
      ? {}
      : protocol === IpProtocol.tcp
        ? { tcp: { ...ports, sequence: 0 } }
        : protocol === IpProtocol.udp
          ? { udp: { ...ports, length: 0 } }
          : {};
  const packet =
    source.version === 4
      ? {
          ip: {
            version: 4 as const,
            ...ends,
            headerLength,
            totalLength: 0,
            identification: 0,
            dontFragment: false,
            moreFragments: false,
            fragmentOffset: 0,
            ttl: 0,
            protocol,
            checksumValid: true,
          },
        }
      : {
          ip: {
            version: 6 as const,
            ...ends,
            payloadLength: 0,
            hopLimit: 0,
            nextHeader: protocol,
            identification: 0,
            fragmentOffset: 0,
            moreFragments: false,
          },
        };
  const upperBytes = 'tcp' in upper ? 20 : 'udp' in upper ? PORTS_LENGTH : 0;
  const payloadBytes = Math.max(0, quoteBytes - headerLength - upperBytes);
  const { bytes } = packetBytes({ packet: { vlans: [], ...packet, ...upper, payload: NO_BYTES }, payloadBytes });
  return bytes.subarray(0, headerLength + (upperBytes > 0 ? PORTS_LENGTH : 0));
}

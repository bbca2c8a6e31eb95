/** Addresses and ports as tcpdump prints the two ends of a packet: `10.0.0.1.53`, `fe80::1.53`, or names without -n. */
import { parseIpv4, parseIpv6 } from '../wire/text.ts';
import type { Resolve } from './text-packet.ts';

export interface Endpoint {
  readonly version: 4 | 6;
  readonly address: string;
  readonly port?: number;
}

/** Ports that tcpdump names without -n and that show up beside a ping (/etc/services). */
const SERVICES: ReadonlyMap<string, number> = new Map([
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['domain', 53],
  ['bootps', 67],
  ['bootpc', 68],
  ['tftp', 69],
  ['http', 80],
  ['ntp', 123],
  ['netbios-ns', 137],
  ['netbios-dgm', 138],
  ['snmp', 161],
  ['https', 443],
  ['syslog', 514],
  ['dhcpv6-client', 546],
  ['dhcpv6-server', 547],
  ['mdns', 5353],
  ['http-alt', 8080],
]);

/** Undefined for a name that nothing in the text resolves. */
export function readEndpoint(text: string, resolve: Resolve): Endpoint | undefined {
  const plain = addressOf(text);
  if (plain) return plain;
  const dot = text.lastIndexOf('.');
  const address = dot < 0 ? undefined : addressOf(text.slice(0, dot));
  const port = portNumber(text.slice(dot + 1));
  if (address) return port === undefined ? undefined : { ...address, port };
  const named = addressOf(resolve(text) ?? '');
  if (named) return named;
  const host = dot < 0 ? undefined : addressOf(resolve(text.slice(0, dot)) ?? '');
  return host && port !== undefined ? { ...host, port } : undefined;
}

/** 0 to 65535, or undefined. */
export function portNumber(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return SERVICES.get(text);
  return Number(text) <= 0xffff ? Number(text) : undefined;
}

function addressOf(text: string): Endpoint | undefined {
  if (parseIpv4(text)) return { version: 4, address: text };
  return parseIpv6(text) ? { version: 6, address: text } : undefined;
}

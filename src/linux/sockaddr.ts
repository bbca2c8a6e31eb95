/** Socket addresses of ip(7) and ipv6(7): struct sockaddr_in and sockaddr_in6 as bytes. */
import { type CFunction, libc } from './libc.ts';
import { AF_INET, AF_INET6 } from './socket.ts';

const offsets = { family: 0, port: 2, address4: 4, address6: 8, scope: 24 };
const sizes = { inet: 16, inet6: 28 };

interface Conversions {
  readonly toBytes: CFunction;
  readonly toText: CFunction;
}

let bound: Conversions | undefined;

function conversions(): Conversions {
  const { library } = libc();
  bound ??= {
    toBytes: library.func('int inet_pton(int family, const char *text, void *bytes)'),
    toText: library.func('const char *inet_ntop(int family, const void *bytes, void *text, uint32_t length)'),
  };
  return bound;
}

/** 4 bytes of an IPv4 or 16 of an IPv6 address in text, without zone; undefined for anything else. inet_pton(3). */
export function addressBytes(text: string): Uint8Array | undefined {
  if (text.includes('\0')) return undefined;
  const bytes = new Uint8Array(16);
  const family = text.includes(':') ? AF_INET6 : AF_INET;
  if (conversions().toBytes(family, text, bytes) !== 1) return undefined;
  return family === AF_INET ? bytes.subarray(0, 4) : bytes;
}

/** The canonical text of 4 or 16 address bytes: inet_ntop(3) prints IPv6 as RFC 5952 wants it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const text = new Uint8Array(46);
  conversions().toText(AF_INET6, Uint8Array.from(bytes), text, text.length);
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
}

/** @param scope interface number, for link-local IPv6 addresses */
export function socketAddress(address: Uint8Array, port = 0, scope = 0): Uint8Array {
  const inet = address.length === 4;
  const bytes = new Uint8Array(inet ? sizes.inet : sizes.inet6);
  const view = new DataView(bytes.buffer);
  view.setUint16(offsets.family, inet ? AF_INET : AF_INET6, true);
  view.setUint16(offsets.port, port);
  bytes.set(address, inet ? offsets.address4 : offsets.address6);
  if (!inet) view.setUint32(offsets.scope, scope, true);
  return bytes;
}

/** The address in a sockaddr, as text without zone; undefined when it holds none (AF_UNSPEC, too short). */
export function socketAddressText(bytes: Uint8Array): string | undefined {
  if (bytes.length < 2) return undefined;
  const family = new DataView(bytes.buffer, bytes.byteOffset).getUint16(offsets.family, true);
  if (family === AF_INET && bytes.length >= offsets.address4 + 4)
    return addressText(bytes.subarray(offsets.address4, offsets.address4 + 4));
  if (family === AF_INET6 && bytes.length >= offsets.address6 + 16)
    return addressText(bytes.subarray(offsets.address6, offsets.address6 + 16));
  return undefined;
}

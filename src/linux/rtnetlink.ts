/**
 * Dumps of the kernel's own tables (rtnetlink(7), netlink(7)): links, addresses and routes of one namespace in one system
 * call pair each, where a program would cost a process each.
 *
 * A netlink socket belongs to the namespace it was opened in, and stays with it: open it inside, ask from anywhere.
 */
import { endianness } from 'node:os';
import { systemCallError } from './errno.ts';
import { type CFunction, libc } from './libc.ts';
import { nameText } from './name-text.ts';
import { closeSocket, MSG_DONTWAIT, openSocket, SOCK_RAW, sendTo } from './socket.ts';

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** include/uapi/linux/rtnetlink.h: what is asked for. */
export const RTM_GETLINK = 18;
export const RTM_GETADDR = 22;
export const RTM_GETROUTE = 26;
export const RTM_GETNEIGH = 30;
export const RTM_GETRULE = 34;
export const RTM_GETQDISC = 38;
export const RTM_GETMDB = 86;
/** include/uapi/linux/netlink.h */
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Nested attributes and byte order are marked in the two highest bits of the type. */
const TYPE_MASK = 0x3fff;

const headerBytes = 16;
/** The kernel fills at most 32 KiB at once, unless a single message needs more. */
const bufferBytes = 64 * 1024;
/** Tables that change while they are read are read again, so often. */
const maxAttempts = 3;
const littleEndian = endianness() === 'LE';

/** An attribute's bytes by its number; of one that comes twice the last. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

export interface DumpedTable {
  /** Each message behind its nlmsghdr. */
  readonly messages: readonly Uint8Array[];
  /** Ended before the table did: it has more entries than were asked for. */
  readonly cut: boolean;
  /** The errno with which the kernel refused; 0 when it did not. */
  readonly errno: number;
}

export interface RouteSocket {
  /**
   * A whole table.
   * @param request the message behind the nlmsghdr: a struct ifinfomsg, ifaddrmsg, rtmsg …, with attributes
   * @param most messages
   */
  dump(type: number, request: Uint8Array, most: number): DumpedTable;
  /** One answer to one question; undefined with the errno where there is none. */
  ask(type: number, request: Uint8Array): { readonly message?: Uint8Array; readonly errno: number };
  close(): void;
}

/**
 * A socket for the tables of the namespace this thread is in now.
 * @param protocol a family of netlink whose tables are asked for in the same way
 * @throws VdiagError `system-call`
 */
export function openRouteSocket(protocol: number = NETLINK_ROUTE): RouteSocket {
  const socket = openSocket('AF_NETLINK', AF_NETLINK, SOCK_RAW, protocol);
  const buffer = new Uint8Array(bufferBytes);
  let sequence = 0;
  const send = (type: number, flags: number, request: Uint8Array): number => {
    const message = new Uint8Array(headerBytes + request.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, message.length, littleEndian);
    view.setUint16(4, type, littleEndian);
    view.setUint16(6, NLM_F_REQUEST | flags, littleEndian);
    view.setUint32(8, ++sequence, littleEndian);
    message.set(request, headerBytes);
    const kernel = new Uint8Array(12);
    new DataView(kernel.buffer).setUint16(0, AF_NETLINK, littleEndian);
    const { errno } = sendTo(socket, message, kernel);
    if (errno !== 0) throw systemCallError('sendto(AF_NETLINK)', errno);
    return sequence;
  };
  const dumpOnce = (type: number, request: Uint8Array, most: number): DumpedTable & { torn: boolean } => {
    const asked = send(type, NLM_F_DUMP, request);
    const messages: Uint8Array[] = [];
    let torn = false;
    // The kernel has filled the first part before sendto() returns, and fills the next one when this one is read.
    for (;;) {
      const length = Number(receive()(socket, buffer, buffer.length, MSG_DONTWAIT));
      if (length < headerBytes)
        return { messages, cut: messages.length > 0, errno: length < 0 ? lastErrno() : 0, torn };
      for (const part of parts(buffer.subarray(0, length))) {
        if (part.sequence !== asked) continue;
        if ((part.flags & NLM_F_DUMP_INTR) !== 0) torn = true;
        if (part.type === NLMSG_ERROR || part.type === NLMSG_DONE)
          return { messages, cut: false, errno: errnoIn(part.body), torn };
        if (messages.length >= most) return { messages, cut: true, errno: 0, torn };
        messages.push(part.body.slice());
      }
    }
  };
  return {
    dump(type, request, most) {
      for (let attempt = 1; ; attempt++) {
        const { torn, ...table } = dumpOnce(type, request, most);
        if (!torn || table.cut || attempt === maxAttempts) return table;
      }
    },
    ask(type, request) {
      const asked = send(type, 0, request);
      // A rest of a dump that was not read to its end may come first.
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const length = Number(receive()(socket, buffer, buffer.length, MSG_DONTWAIT));
        if (length < headerBytes) return { errno: length < 0 ? lastErrno() : 0 };
        for (const part of parts(buffer.subarray(0, length))) {
          if (part.sequence !== asked) continue;
          return part.type === NLMSG_ERROR ? { errno: errnoIn(part.body) } : { message: part.body.slice(), errno: 0 };
        }
      }
      return { errno: 0 };
    },
    close: () => closeSocket(socket),
  };
}

interface Part {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** The messages in one datagram; a length that does not fit ends the walk. */
function* parts(bytes: Uint8Array): Generator<Part> {
  const view = viewOf(bytes);
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = view.getUint32(at, littleEndian);
    if (length < headerBytes || length > bytes.length - at) return;
    yield {
      type: view.getUint16(at + 4, littleEndian),
      flags: view.getUint16(at + 6, littleEndian),
      sequence: view.getUint32(at + 8, littleEndian),
      body: bytes.subarray(at + headerBytes, at + length),
    };
    at += (length + 3) & ~3;
  }
}

/** NLMSG_ERROR and NLMSG_DONE begin with a negative errno, or 0. */
function errnoIn(body: Uint8Array): number {
  return body.length < 4 ? 0 : -viewOf(body).getInt32(0, littleEndian);
}

/**
 * The attributes in these bytes (struct nlattr, netlink(7)); a length that does not fit ends the walk.
 * @param from where they begin: behind the fixed part of a message
 */
export function attributesIn(bytes: Uint8Array, from = 0): Attributes {
  return new Map(attributesOf(bytes, from));
}

/** Likewise, in their order: for a list, in which one number comes many times. */
export function attributesOf(bytes: Uint8Array | undefined, from = 0): [number, Uint8Array][] {
  if (!bytes) return [];
  const view = viewOf(bytes);
  const found: [number, Uint8Array][] = [];
  for (let at = from; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, littleEndian);
    if (length < 4 || length > bytes.length - at) break;
    found.push([view.getUint16(at + 2, littleEndian) & TYPE_MASK, bytes.subarray(at + 4, at + length)]);
    at += (length + 3) & ~3;
  }
  return found;
}

/** One attribute, padded to four bytes, for a request. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((4 + value.length + 3) & ~3);
  const view = viewOf(bytes);
  view.setUint16(0, 4 + value.length, littleEndian);
  view.setUint16(2, type, littleEndian);
  bytes.set(value, 4);
  return bytes;
}

/** Numbers of the host's byte order, as netlink has them; undefined where the bytes are too few. */
export function u8(bytes: Uint8Array | undefined, at = 0): number | undefined {
  return bytes?.[at];
}

export function u16(bytes: Uint8Array | undefined, at = 0): number | undefined {
  return bytes && bytes.length >= at + 2 ? viewOf(bytes).getUint16(at, littleEndian) : undefined;
}

export function u32(bytes: Uint8Array | undefined, at = 0): number | undefined {
  return bytes && bytes.length >= at + 4 ? viewOf(bytes).getUint32(at, littleEndian) : undefined;
}

export function s32(bytes: Uint8Array | undefined, at = 0): number | undefined {
  return bytes && bytes.length >= at + 4 ? viewOf(bytes).getInt32(at, littleEndian) : undefined;
}

/** The bytes of a number in the host's byte order. */
export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, littleEndian);
  return bytes;
}

/** A text that may end with a zero byte. */
export function textIn(bytes: Uint8Array | undefined): string | undefined {
  if (!bytes) return undefined;
  const end = bytes.indexOf(0);
  return nameText(end < 0 ? bytes : bytes.subarray(0, end));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

let receiveFunction: CFunction | undefined;

function receive(): CFunction {
  receiveFunction ??= libc().library.func('long recv(int fd, void *buffer, size_t length, int flags)');
  return receiveFunction;
}

function lastErrno(): number {
  return libc().koffi.errno();
}

/**
 * Which namespace a `link-netnsid` means (RTM_GETNSID, rtnetlink(7), net/core/net_namespace.c).
 *
 * Every namespace numbers the others that its links lead to, in its own way: number 0 of one is not number 0 of another.
 * So each namespace is asked, from inside, which number it gave to each candidate.
 */
import { closeSync, openSync } from 'node:fs';
import { endianness } from 'node:os';
import { VdiagError } from './error.ts';
import { type CFunction, libc } from './libc.ts';
import { insideNetns } from './setns.ts';
import { closeSocket, MSG_DONTWAIT, openSocket, SOCK_RAW, sendTo } from './socket.ts';

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** include/uapi/linux/rtnetlink.h */
const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
const NLM_F_REQUEST = 1;
/** include/uapi/linux/net_namespace.h */
const NETNSA_NSID = 1;
const NETNSA_FD = 3;

const headerBytes = 16;
/** struct rtgenmsg, padded. */
const familyBytes = 4;
const attributeBytes = 8;
const requestBytes = headerBytes + familyBytes + attributeBytes;
const littleEndian = endianness() === 'LE';

/** A namespace whose numbers are wanted. */
export interface NumberQuestion {
  /** Opens the namespace that is asked. */
  readonly path: string;
  /** The numbers to find: asking ends when all are known. */
  readonly wanted: ReadonlySet<number>;
}

/**
 * For each question, what its numbers mean among the candidates: number to candidate id. A number that belongs to no
 * candidate, and a namespace that cannot be entered any more, are simply missing from the answer.
 *
 * @param candidates the likeliest first: asking costs one system call pair each, until every wanted number is found
 */
export function namespaceNumbers(
  questions: readonly NumberQuestion[],
  candidates: readonly { readonly id: string; readonly path: string }[],
): ReadonlyMap<number, string>[] {
  const open: { id: string; fd: number }[] = [];
  try {
    for (const { id, path } of candidates) {
      const fd = tryOpen(path);
      if (fd !== undefined) open.push({ id, fd });
    }
    return questions.map((question) => {
      if (question.wanted.size === 0) return new Map();
      try {
        return insideNetns(question.path, () => numbersHere(open, question.wanted));
      } catch (cause) {
        if (cause instanceof VdiagError && unreachable.has(cause.code)) return new Map();
        throw cause;
      }
    });
  } finally {
    for (const { fd } of open) closeSync(fd);
  }
}

/** The namespace has gone since it was listed, or may not be entered. */
const unreachable: ReadonlySet<string> = new Set(['no-such-namespace', 'permission']);

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}

function numbersHere(open: readonly { id: string; fd: number }[], wanted: ReadonlySet<number>): Map<number, string> {
  const numbers = new Map<number, string>();
  let left = wanted.size;
  const socket = openSocket('AF_NETLINK', AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    for (const [sequence, { id, fd }] of open.entries()) {
      if (left === 0) break;
      const number = askNumber(socket, sequence + 1, fd);
      if (number === undefined || number < 0 || numbers.has(number)) continue;
      numbers.set(number, id);
      if (wanted.has(number)) left--;
    }
  } finally {
    closeSocket(socket);
  }
  return numbers;
}

/** The number this thread's namespace gave to the one that `fd` opens: -1 when it gave none, undefined when it did not say. */
function askNumber(socket: number, sequence: number, fd: number): number | undefined {
  const kernel = new Uint8Array(12);
  new DataView(kernel.buffer).setUint16(0, AF_NETLINK, littleEndian);
  if (sendTo(socket, requestFor(sequence, fd), kernel).value !== requestBytes) return undefined;
  const answer = new Uint8Array(4096);
  // The kernel has answered before sendto() returns. A stale answer of another sequence is passed over.
  for (let attempt = 0; attempt < 4; attempt++) {
    const length = Number(receive()(socket, answer, answer.length, MSG_DONTWAIT));
    if (length < headerBytes) return undefined;
    const view = new DataView(answer.buffer, 0, length);
    if (view.getUint32(8, littleEndian) !== sequence) continue;
    return view.getUint16(4, littleEndian) === RTM_NEWNSID ? numberIn(view) : undefined;
  }
  return undefined;
}

function requestFor(sequence: number, fd: number): Uint8Array {
  const request = new Uint8Array(requestBytes);
  const view = new DataView(request.buffer);
  view.setUint32(0, requestBytes, littleEndian);
  view.setUint16(4, RTM_GETNSID, littleEndian);
  view.setUint16(6, NLM_F_REQUEST, littleEndian);
  view.setUint32(8, sequence, littleEndian);
  view.setUint16(headerBytes + familyBytes, attributeBytes, littleEndian);
  view.setUint16(headerBytes + familyBytes + 2, NETNSA_FD, littleEndian);
  view.setUint32(headerBytes + familyBytes + 4, fd, littleEndian);
  return request;
}

/** The NETNSA_NSID attribute of an answer. */
function numberIn(view: DataView): number | undefined {
  const end = Math.min(view.getUint32(0, littleEndian), view.byteLength);
  for (let at = headerBytes + familyBytes; at + attributeBytes <= end; ) {
    const length = view.getUint16(at, littleEndian);
    if (length < 4 || at + length > end) return undefined;
    if (view.getUint16(at + 2, littleEndian) === NETNSA_NSID && length >= attributeBytes)
      return view.getInt32(at + 4, littleEndian);
    at += (length + 3) & ~3;
  }
  return undefined;
}

let receiveFunction: CFunction | undefined;

function receive(): CFunction {
  receiveFunction ??= libc().library.func('long recv(int fd, void *buffer, size_t length, int flags)');
  return receiveFunction;
}

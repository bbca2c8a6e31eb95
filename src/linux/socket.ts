/**
 * Socket and memory system calls, one thin wrapper each: a value comes back or a VdiagError is thrown.
 * Structures are byte arrays laid out by the caller. Only 64-bit Linux: pointers and size_t have 8 bytes.
 */

import { systemCallError } from './errno.ts';
import { VdiagError } from './error.ts';
import { type CFunction, libc } from './libc.ts';
import { nameBytes, nameText } from './name-text.ts';

/** The constants of include/uapi/linux/socket.h and asm-generic/socket.h that vdiag uses. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;
/** 64-bit seconds and nanoseconds on every platform; from Linux 5.1 on. */
export const SO_TIMESTAMPNS_NEW = 64;
export const MSG_DONTWAIT = 0x40;
export const MSG_ERRQUEUE = 0x2000;
/** ioctl(2): the name of the interface with a given number, netdevice(7). */
const SIOCGIFNAME = 0x8910;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFINDEX = 0x8933;
const ifreqBytes = 40;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const CLOCK_REALTIME = 0;

/** errno of a call that failed, beside its result; 0 when it did not. */
export interface CallResult {
  readonly value: number;
  readonly errno: number;
}

interface Calls {
  readonly errno: () => number;
  readonly socket: CFunction;
  readonly close: CFunction;
  readonly bind: CFunction;
  readonly connect: CFunction;
  readonly getsockname: CFunction;
  readonly setsockopt: CFunction;
  readonly getsockopt: CFunction;
  readonly sendto: CFunction;
  readonly recvmsg: CFunction;
  readonly ioctl: CFunction;
  readonly mmap: CFunction;
  readonly munmap: CFunction;
  readonly clock: CFunction;
}

let bound: Calls | undefined;

/** Bound once, on first use, for the same reason as libc itself. */
function calls(): Calls {
  if (bound) return bound;
  const { koffi, library } = libc();
  if (koffi.sizeof('void *') !== 8)
    throw new VdiagError('unsupported-platform', `live capture needs a 64-bit system, this is ${process.arch}`);
  bound = {
    errno: () => koffi.errno(),
    socket: library.func('int socket(int domain, int type, int protocol)'),
    close: library.func('int close(int fd)'),
    bind: library.func('int bind(int fd, const void *address, uint32_t length)'),
    connect: library.func('int connect(int fd, const void *address, uint32_t length)'),
    getsockname: library.func('int getsockname(int fd, void *address, void *length)'),
    setsockopt: library.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    sendto: library.func(
      'int64_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)',
    ),
    recvmsg: library.func('int64_t recvmsg(int fd, void *message, int flags)'),
    ioctl: library.func('int ioctl(int fd, unsigned long request, void *argument)'),
    mmap: library.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)'),
    munmap: library.func('int munmap(void *address, size_t length)'),
    clock: library.func('int clock_gettime(int clock, void *time)'),
  };
  return bound;
}

function check(call: string, result: number): number {
  if (result < 0) throw systemCallError(call, calls().errno());
  return result;
}

/** A new close-on-exec, non-blocking socket in the network namespace of this thread. @param name for messages: `AF_PACKET` */
export function openSocket(name: string, domain: number, type: number, protocol: number): number {
  return check(`socket(${name})`, calls().socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

/** close(2). Never called twice on one number: the number may be somebody else's by then. */
export function closeSocket(fd: number): void {
  calls().close(fd);
}

/** bind(2). @param address a sockaddr */
export function bindSocket(fd: number, address: Uint8Array): void {
  check('bind', calls().bind(fd, address, address.length));
}

/** connect(2), with the errno handed back: on a datagram socket it is the answer of the routing table. */
export function connectSocket(fd: number, address: Uint8Array): CallResult {
  const value: number = calls().connect(fd, address, address.length);
  return { value, errno: value < 0 ? calls().errno() : 0 };
}

/** getsockname(2): the local sockaddr. */
export function socketName(fd: number): Uint8Array {
  const address = new Uint8Array(128);
  const length = new Uint32Array([address.length]);
  check('getsockname', calls().getsockname(fd, address, length));
  return address.subarray(0, length[0]);
}

/** setsockopt(2) with raw bytes. @param label for messages: `PACKET_RX_RING` */
export function setOption(fd: number, level: number, option: number, value: Uint8Array, label: string): void {
  check(`setsockopt(${label})`, calls().setsockopt(fd, level, option, value, value.length));
}

/** setsockopt(2) with an int. */
export function setIntOption(fd: number, level: number, option: number, value: number, label: string): void {
  setOption(fd, level, option, new Uint8Array(new Int32Array([value]).buffer), label);
}

/** getsockopt(2): up to `length` bytes. */
export function getOption(fd: number, level: number, option: number, length: number, label: string): Uint8Array {
  const value = new Uint8Array(length);
  const size = new Uint32Array([length]);
  check(`getsockopt(${label})`, calls().getsockopt(fd, level, option, value, size));
  return value.subarray(0, size[0]);
}

/** Reads and clears the pending error of a socket (SO_ERROR): 0 or an errno. */
export function takeSocketError(fd: number): number {
  const value = getOption(fd, SOL_SOCKET, SO_ERROR, 4, 'SO_ERROR');
  return new DataView(value.buffer).getInt32(0, true);
}

/** sendto(2), never blocking. The errno is handed back: it is a diagnosis, not a failure of vdiag. */
export function sendTo(fd: number, data: Uint8Array, address: Uint8Array): CallResult {
  const value = Number(calls().sendto(fd, data, data.length, MSG_DONTWAIT, address, address.length));
  return { value, errno: value < 0 ? calls().errno() : 0 };
}

/** recvmsg(2) on a struct msghdr laid out by the caller (message.ts). */
export function receiveMessage(fd: number, header: Uint8Array, flags: number): CallResult {
  const value = Number(calls().recvmsg(fd, header, flags));
  return { value, errno: value < 0 ? calls().errno() : 0 };
}

/** The name of interface number `index` in the namespace the socket was opened in; undefined when there is none (any more). */
export function interfaceName(fd: number, index: number): string | undefined {
  const request = new Uint8Array(ifreqBytes);
  new DataView(request.buffer).setInt32(16, index, true);
  if (calls().ioctl(fd, SIOCGIFNAME, request) < 0) return undefined;
  const end = request.indexOf(0);
  return nameText(request.subarray(0, end < 0 || end > 16 ? 16 : end));
}

/** The number of the interface called `name` in the namespace of the socket; undefined when there is none. */
export function interfaceIndex(fd: number, name: string): number | undefined {
  return askByName(fd, SIOCGIFINDEX, name)?.getInt32(16, true);
}

/** The IFF_ flags of the interface called `name` (netdevice(7)): bit 0 is UP; undefined when there is none. */
export function interfaceFlags(fd: number, name: string): number | undefined {
  return askByName(fd, SIOCGIFFLAGS, name)?.getUint16(16, true);
}

/** struct ifreq: the name in 16 bytes, then the answer. */
function askByName(fd: number, request: number, name: string): DataView | undefined {
  const bytes = nameBytes(name);
  if (bytes.length === 0 || bytes.length > 15) return undefined;
  const argument = new Uint8Array(ifreqBytes);
  argument.set(bytes);
  return calls().ioctl(fd, request, argument) < 0 ? undefined : new DataView(argument.buffer);
}

/** Shared memory between this process and the kernel, as an ArrayBuffer that must not be touched after `unmap`. */
export function mapSocket(fd: number, length: number): { memory: ArrayBuffer; unmap: () => void } {
  const { koffi } = libc();
  const address: unknown = calls().mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  // MAP_FAILED is (void *) -1, which arrives as the highest 64-bit number.
  if (typeof address !== 'bigint' || BigInt.asIntN(64, address) === -1n) throw systemCallError('mmap', calls().errno());
  return { memory: koffi.view(address, length), unmap: () => calls().munmap(address, length) };
}

/** The kernel's wall clock, the one it stamps packets with: Unix nanoseconds. */
export function realtimeNs(): bigint {
  const time = new BigInt64Array(2);
  check('clock_gettime', calls().clock(CLOCK_REALTIME, time));
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}

/**
 * The probe: ICMP echo through the kernel's own stack, as `ping -I DEVICE` sends it: a raw socket bound to the device,
 * the source left to the kernel, errors read from the socket's error queue.
 */

import { BpfAssembler } from '../linux/bpf.ts';
import { errnoName } from '../linux/errno.ts';
import { VdiagError } from '../linux/error.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { type Message, MessageReader } from '../linux/message.ts';
import { nameBytes } from '../linux/name-text.ts';
import { nearestNames } from '../linux/nearest.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { addressBytes, socketAddress, socketAddressText } from '../linux/sockaddr.ts';
import {
  closeSocket,
  connectSocket,
  interfaceIndex,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  openSocket,
  realtimeNs,
  SO_BINDTODEVICE,
  SO_TIMESTAMPNS_NEW,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_SOCKET,
  sendTo,
  setIntOption,
  setOption,
  socketName,
  takeSocketError,
} from '../linux/socket.ts';
import { attachFilter } from '../linux/socket-filter.ts';
import { probeSequence, TOKEN_LENGTH } from '../trace/run.ts';
import { decodeEcho, echoData, encodeEcho } from './echo-message.ts';
import { type IcmpFamily, icmp4, icmp6 } from './icmp-family.ts';
import { decodeSocketError, type SocketError } from './socket-error.ts';

/**
 * ping's -M: never fragment here, fragment here only what does not fit, or do not set DF at all. `probe`: never fragment, and
 * send all that the device takes, whatever is known of the path (IP_PMTUDISC_PROBE).
 */
export type DontFragment = 'do' | 'want' | 'dont' | 'probe';

export interface EchoOptions {
  readonly interface: string;
  /** IPv4 or IPv6; a zone (%eth0) is ignored, link-local addresses are taken on `interface`. */
  readonly destination: string;
  /** Echo data, bytes. Default 56, as ping. */
  readonly sizeBytes?: number;
  /** Default `want`, as the kernel. */
  readonly dontFragment?: DontFragment;
  /** TTL or hop limit, 1 to 255. Default: the kernel's. */
  readonly ttl?: number;
  /** The run's token, 8 random bytes. */
  readonly token: Uint8Array;
}

export interface SendResult {
  /** Just before the system call, on the clock the kernel stamps frames with; Unix nanoseconds. */
  readonly sentNs: bigint;
  /** The errno's name when the kernel refused it: nothing was sent. */
  readonly error?: string;
}

export type EchoEvent =
  | {
      readonly kind: 'reply';
      readonly sequence: number;
      /** When the kernel received it, Unix nanoseconds. */
      readonly timeNs: bigint;
      readonly source: string;
      readonly ttl: number;
      /** ICMP header and data, as ping counts. */
      readonly lengthBytes: number;
    }
  | ({
      readonly kind: 'error';
      /** Absent where the kernel quotes no packet: then it belongs to the send that failed. */
      readonly sequence?: number;
      readonly timeNs: bigint;
    } & SocketError);

export interface EchoProbe {
  readonly fd: number;
  /** ICMP identifier of what is sent. */
  readonly identifier: number;
  /** The source address the kernel chooses now; undefined without route or address. */
  source(): string | undefined;
  /** @param sequence from 1; the ICMP header carries its lower 16 bits, the data all 32 */
  send(sequence: number): SendResult;
  /** What has come for this run since the last call: replies, then errors. Never blocks. */
  receive(): EchoEvent[];
  /** Idempotent. */
  close(): void;
}

const mtuDiscovery: Readonly<Record<DontFragment, number>> = { dont: 0, want: 1, do: 2, probe: 3 };
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
/** Where ping connects its second socket to ask for the source; nothing is sent there. */
const sourcePort = 1025;
/** A bound for one `receive`: a flood of replies must not keep it busy for ever. */
const maxEvents = 4096;

/**
 * Opens the probing socket in a namespace.
 *
 * @throws VdiagError `no-such-interface` (with the nearest names), `not-an-address`, `usage` for a size or TTL out of range,
 *   `permission` without CAP_NET_RAW
 */
export function openEchoProbe(netns: NetnsHandle, options: EchoOptions): EchoProbe {
  const { sizeBytes = 56, dontFragment = 'want', ttl, token } = options;
  const address = addressBytes(options.destination.replace(/%.*$/s, ''));
  if (!address) throw new VdiagError('not-an-address', `${options.destination} is not an IP address`);
  const family = address.length === 4 ? icmp4 : icmp6;
  if (token.length !== TOKEN_LENGTH) throw new RangeError(`a token has ${TOKEN_LENGTH} bytes, not ${token.length}`);
  if (!Number.isInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > family.maxDataBytes)
    throw new VdiagError('usage', `an echo carries 0 to ${family.maxDataBytes} bytes, not ${sizeBytes}`);
  if (ttl !== undefined && (!Number.isInteger(ttl) || ttl < 1 || ttl > 255))
    throw new VdiagError('usage', `a TTL is 1 to 255, not ${ttl}`);

  const open = (type: number, protocol: number, name: string): number => {
    const fd = openSocket(name, family.domain, type, protocol);
    try {
      bindToDevice(fd, options.interface, netns);
      return fd;
    } catch (error) {
      closeSocket(fd);
      throw error;
    }
  };
  const identifier = ((token[6] ?? 0) << 8) | (token[7] ?? 0);
  const [fd, sourceFd] = insideNetns(netns, () => {
    const raw = open(SOCK_RAW, family.protocol, family.socketName);
    try {
      configure(raw, family, mtuDiscovery[dontFragment], ttl);
      keepOwnReplies(raw, family, identifier);
      return [raw, open(SOCK_DGRAM, 0, 'SOCK_DGRAM')] as const;
    } catch (error) {
      closeSocket(raw);
      throw error;
    }
  });

  const scope = address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80 ? interfaceIndex(fd, options.interface) : 0;
  const destination = socketAddress(address, 0, scope);
  const reader = new MessageReader(65536);
  const run = { token, identifier };
  let closed = false;

  const drain = (flags: number, take: (message: Message) => EchoEvent | undefined): EchoEvent[] => {
    const events: EchoEvent[] = [];
    for (let count = 0; count < maxEvents; count++) {
      const message = reader.receive(fd, flags | MSG_DONTWAIT);
      if ('errno' in message) {
        // A queued error is reported once by the next call too, whatever that asks for; EAGAIN means nothing is left.
        if (errnoName(message.errno) === 'EAGAIN') break;
        continue;
      }
      const event = take(message);
      if (event) events.push(event);
    }
    return events;
  };

  const reply = (message: Message): EchoEvent | undefined => {
    const headerBytes = family.version === 4 ? ((message.data[0] ?? 0) & 0xf) * 4 : 0;
    const echo = decodeEcho(message.data.subarray(headerBytes));
    const source = socketAddressText(message.name);
    if (!echo || echo.type !== family.echoReply || echo.identifier !== identifier || !source) return undefined;
    const sequence = probeSequence(run, echo.data, echo.identifier, echo.sequence);
    if (sequence === undefined) return undefined;
    const received = family.version === 4 ? (message.data[8] ?? 0) : hopLimitOf(message);
    const lengthBytes = message.data.length - headerBytes;
    return { kind: 'reply', sequence, timeNs: timeOf(message), source, ttl: received, lengthBytes };
  };

  const error = (message: Message): EchoEvent | undefined => {
    const control = message.control.find(({ level, type }) => level === family.level && type === family.receiveErrors);
    const failure = control && decodeSocketError(control.data);
    if (!failure) return undefined;
    const event = { kind: 'error', timeNs: timeOf(message), ...failure } as const;
    // Other programs' packets end on this queue as well: raw sockets are told of every error their address matches.
    if (message.data.length === 0) return failure.origin === 'local' ? event : undefined;
    const echo = decodeEcho(message.data);
    if (!echo || echo.type !== family.echoRequest || echo.identifier !== identifier) return undefined;
    const sequence = probeSequence(run, echo.data, echo.identifier, echo.sequence);
    return sequence === undefined ? undefined : { ...event, sequence };
  };

  return {
    fd,
    identifier,
    source() {
      // What an earlier connect chose would stay: AF_UNSPEC undoes it, and the binding too (__udp_disconnect).
      connectSocket(sourceFd, new Uint8Array(16));
      insideNetns(netns, () => bindToDevice(sourceFd, options.interface, netns));
      if (connectSocket(sourceFd, socketAddress(address, sourcePort, scope)).errno !== 0) return undefined;
      const source = socketAddressText(socketName(sourceFd));
      return source === '0.0.0.0' || source === '::' ? undefined : source;
    },
    send(sequence) {
      const data = echoData(token, sequence, sizeBytes);
      const message = encodeEcho(family.echoRequest, identifier, sequence, data, family.version === 4);
      // An error of an earlier probe would be returned instead of sending this one; its entry stays on the queue.
      takeSocketError(fd);
      let sentNs = realtimeNs();
      let result = sendTo(fd, message, destination);
      if (result.errno !== 0 && errnoName(result.errno) === 'EHOSTUNREACH') {
        // It may still have come in between.
        sentNs = realtimeNs();
        result = sendTo(fd, message, destination);
      }
      return result.errno === 0 ? { sentNs } : { sentNs, error: errnoName(result.errno) };
    },
    receive() {
      return closed ? [] : [...drain(0, reply), ...drain(MSG_ERRQUEUE, error)];
    },
    close() {
      if (closed) return;
      closed = true;
      closeSocket(fd);
      closeSocket(sourceFd);
    },
  };
}

/** SO_BINDTODEVICE, as `ping -I DEVICE`: replies count on this device only, and without a route it is on-link there. */
function bindToDevice(fd: number, name: string, netns: NetnsHandle): void {
  if (interfaceIndex(fd, name) === undefined) {
    const near = nearestNames(name, [...listInterfaces().values()]);
    throw new VdiagError(
      'no-such-interface',
      `no interface ${name} in ${netns.id}`,
      near.length > 0 ? `did you mean ${near.join(', ')}?` : 'list them: ip link',
    );
  }
  setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, nameBytes(`${name}\0`), `SO_BINDTODEVICE ${name}`);
}

function configure(fd: number, family: IcmpFamily, discovery: number, ttl: number | undefined): void {
  setOption(fd, family.filter.level, family.filter.option, family.filter.value, 'ICMP_FILTER');
  setIntOption(fd, SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1, 'SO_TIMESTAMPNS');
  setIntOption(fd, family.level, family.receiveErrors, 1, 'IP_RECVERR');
  setIntOption(fd, family.level, family.mtuDiscover, discovery, 'IP_MTU_DISCOVER');
  if (family.version === 6) setIntOption(fd, family.level, IPV6_RECVHOPLIMIT, 1, 'IPV6_RECVHOPLIMIT');
  if (ttl !== undefined) setIntOption(fd, family.level, family.hopLimit, ttl, 'IP_TTL');
}

/** A raw socket gets a copy of every echo reply there is: a flood beside the probe is turned away in the kernel. */
function keepOwnReplies(fd: number, family: IcmpFamily, identifier: number): void {
  const program = new BpfAssembler();
  // IPv4 raw sockets see the IP header (raw(7)), those of ICMPv6 start behind it.
  if (family.version === 4) program.load('byte', 0).and(0xf).shiftLeft(2).moveToX();
  else program.setX(0);
  program.loadAtX('byte', 0).jumpIfEqual(family.echoReply, 'reply').accept(0xffff);
  program.label('reply').loadAtX('half', 4).jumpIfEqual(identifier, 'own').reject().label('own').accept(0xffff);
  attachFilter(fd, program.assemble());
}

function timeOf(message: Message): bigint {
  const stamp = message.control.find(({ level, type }) => level === SOL_SOCKET && type === SO_TIMESTAMPNS_NEW);
  if (!stamp || stamp.data.length < 16) return realtimeNs();
  const view = new DataView(stamp.data.buffer, stamp.data.byteOffset, stamp.data.length);
  return view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true);
}

function hopLimitOf(message: Message): number {
  const control = message.control.find(({ level, type }) => level === icmp6.level && type === IPV6_HOPLIMIT);
  return control?.data[0] ?? 0;
}

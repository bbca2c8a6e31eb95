/** A socket of netfilter's netlink family (nfnetlink, net/netfilter/nfnetlink.c): batches of changes, and what the kernel tells its groups. */
import { errnoName } from './errno.ts';
import { VdiagError } from './error.ts';
import { MessageReader } from './message.ts';
import {
  decodeMessages,
  encodeMessage,
  errorOf,
  joined,
  type NetlinkMessage,
  NLM_F_REQUEST,
} from './netlink-message.ts';
import { closeSocket, MSG_DONTWAIT, openSocket, SOCK_RAW, SOL_SOCKET, sendTo, setIntOption } from './socket.ts';

const AF_NETLINK = 16;
const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
/** Begin and end of a transaction (include/uapi/linux/netfilter/nfnetlink.h). */
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
/** Its messages in one datagram: the kernel sends no more at once than it has room for in a page or two. */
const mostBytes = 65536;
/** One look hands over no more datagrams than this: a flood must not keep it for ever. */
const mostDatagrams = 4096;

export interface NetfilterSocket {
  readonly fd: number;
  /** Sends changes as one transaction: all are made, or none. Returns 0, or the positive errno of the first that was refused. */
  transact(subsystem: number, messages: readonly Omit<NetlinkMessage, 'sequence'>[]): number;
  /** What the kernel has told since the last call. `lost`: the socket's buffer was full, and something is missing. Never blocks. */
  receive(onMessage: (message: NetlinkMessage) => void): { readonly lost: boolean };
  /** Idempotent. */
  close(): void;
}

/** struct nfgenmsg: family, version, resource. */
export function netfilterHeader(family: number, resource = 0): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff);
}

/**
 * Opens a socket in the network namespace of this thread, and joins a group.
 * @param bufferBytes room for what the kernel tells between two looks
 * @throws VdiagError `permission` without CAP_NET_ADMIN there, `unsupported-platform` without nfnetlink
 */
export function openNetfilterSocket(group: number, bufferBytes: number): NetfilterSocket {
  const fd = openSocket('AF_NETLINK, NETLINK_NETFILTER', AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  try {
    makeRoom(fd, bufferBytes);
    setIntOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, 'NETLINK_ADD_MEMBERSHIP');
  } catch (error) {
    closeSocket(fd);
    throw error;
  }
  const reader = new MessageReader(mostBytes);
  let sequence = 0;
  let closed = false;

  /** @returns the errno, when it is not "nothing there" */
  const read = (onMessage: (message: NetlinkMessage) => void): { readonly lost: boolean } => {
    let lost = false;
    for (let count = 0; count < mostDatagrams; count++) {
      const received = reader.receive(fd, MSG_DONTWAIT);
      if ('errno' in received) {
        const name = errnoName(received.errno);
        if (name === 'ENOBUFS') {
          lost = true;
          continue;
        }
        if (name === 'EINTR') continue;
        break;
      }
      for (const message of decodeMessages(received.data)) onMessage(message);
    }
    return { lost };
  };

  return {
    fd,
    transact(subsystem, messages) {
      const first = sequence + 1;
      const resource = netfilterHeader(0, subsystem);
      const batch = [
        { type: NFNL_MSG_BATCH_BEGIN, flags: NLM_F_REQUEST, payload: resource },
        ...messages,
        { type: NFNL_MSG_BATCH_END, flags: NLM_F_REQUEST, payload: resource },
      ].map((message) => encodeMessage({ ...message, sequence: ++sequence }));
      const kernel = new Uint8Array(12);
      new Uint16Array(kernel.buffer)[0] = AF_NETLINK;
      const sent = sendTo(fd, joined(batch), kernel);
      if (sent.errno !== 0) return sent.errno;
      // The kernel has answered before sendto() returns.
      let refused = 0;
      read((message) => {
        const errno = errorOf(message);
        if (errno !== undefined && errno !== 0 && refused === 0 && message.sequence >= first) refused = errno;
      });
      return refused;
    },
    receive: (onMessage) => (closed ? { lost: false } : read(onMessage)),
    close() {
      if (closed) return;
      closed = true;
      closeSocket(fd);
    },
  };
}

/** Beyond the system's limit only with CAP_NET_ADMIN of the machine itself: in a user namespace it stays at the limit. */
function makeRoom(fd: number, bytes: number): void {
  try {
    setIntOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes, 'SO_RCVBUFFORCE');
  } catch (error) {
    if (!(error instanceof VdiagError)) throw error;
    setIntOption(fd, SOL_SOCKET, SO_RCVBUF, bytes, 'SO_RCVBUF');
  }
}

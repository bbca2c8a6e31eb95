/**
 * Who asks for members of IPv6 multicast groups on a bridge's segment (MLD queries, RFC 3810), as the bridge has heard it:
 * IFLA_BR_MCAST_QUERIER_STATE of RTM_GETLINK (net/bridge/br_multicast.c br_multicast_dump_querier_state, Linux 5.16).
 * iproute2 prints it of VLANs only.
 */
import { endianness } from 'node:os';
import { MessageReader } from './message.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  errorOf,
  type NetlinkMessage,
  NLM_F_REQUEST,
} from './netlink-message.ts';
import { closeSocket, MSG_DONTWAIT, openSocket, SOCK_RAW, sendTo } from './socket.ts';

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** include/uapi/linux/rtnetlink.h */
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
/** include/uapi/linux/if_link.h */
const IFLA_LINKINFO = 18;
const IFLA_INFO_DATA = 2;
const IFLA_BR_MCAST_QUERIER_STATE = 47;
/** include/uapi/linux/if_bridge.h: the port is 0 or absent where it has gone meanwhile. */
const BRIDGE_QUERIER_IPV6_PORT = 6;
const BRIDGE_QUERIER_IPV6_OTHER_TIMER = 7;

/** struct ifinfomsg. */
const infoBytes = 16;
/** What a link without its virtual functions takes is a page or two. */
const mostBytes = 65536;
const littleEndian = endianness() === 'LE';

/** Another querier than the bridge itself. */
export interface QuerierHeard {
  /** The number of the port it was heard at, where it is known. */
  readonly port?: number;
}

/**
 * Bridges of this thread's namespace at which another querier is known, by interface number: call it inside `insideNetns`.
 * A bridge that has gone, or a kernel that does not tell, is simply missing from the answer.
 *
 * @throws VdiagError where no netlink socket can be opened
 */
export function otherQueriers(bridges: readonly number[]): ReadonlyMap<number, QuerierHeard> {
  const heard = new Map<number, QuerierHeard>();
  if (bridges.length === 0) return heard;
  const socket = openSocket('AF_NETLINK', AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    const reader = new MessageReader(mostBytes);
    for (const [at, index] of bridges.entries()) {
      const querier = ask(socket, reader, at + 1, index);
      if (querier) heard.set(index, querier);
    }
  } finally {
    closeSocket(socket);
  }
  return heard;
}

function ask(socket: number, reader: MessageReader, sequence: number, index: number): QuerierHeard | undefined {
  const payload = new Uint8Array(infoBytes);
  new DataView(payload.buffer).setInt32(4, index, littleEndian);
  const request = encodeMessage({ type: RTM_GETLINK, flags: NLM_F_REQUEST, sequence, payload });
  const kernel = new Uint8Array(12);
  new DataView(kernel.buffer).setUint16(0, AF_NETLINK, littleEndian);
  if (sendTo(socket, request, kernel).value !== request.length) return undefined;
  // The kernel has answered before sendto() returns.
  const received = reader.receive(socket, MSG_DONTWAIT);
  if ('errno' in received) return undefined;
  for (const message of decodeMessages(received.data)) {
    if (message.sequence !== sequence) continue;
    if (errorOf(message) !== undefined) return undefined;
    if (message.type === RTM_NEWLINK) return querierIn(message);
  }
  return undefined;
}

/** The state in one answer to RTM_GETLINK. */
export function querierIn({ payload }: Pick<NetlinkMessage, 'payload'>): QuerierHeard | undefined {
  const link = decodeAttributes(payload.subarray(infoBytes));
  const info = decodeAttributes(link.get(IFLA_LINKINFO) ?? new Uint8Array());
  const bridge = decodeAttributes(info.get(IFLA_INFO_DATA) ?? new Uint8Array());
  const state = decodeAttributes(bridge.get(IFLA_BR_MCAST_QUERIER_STATE) ?? new Uint8Array());
  if (!state.has(BRIDGE_QUERIER_IPV6_OTHER_TIMER)) return undefined;
  const port = state.get(BRIDGE_QUERIER_IPV6_PORT);
  if (port === undefined || port.length < 4) return {};
  const number = new DataView(port.buffer, port.byteOffset).getUint32(0, littleEndian);
  return number === 0 ? {} : { port: number };
}

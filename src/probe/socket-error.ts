/** An entry of a socket's error queue: struct sock_extended_err (include/uapi/linux/errqueue.h, ip(7) IP_RECVERR). */
import { errnoName } from '../linux/errno.ts';
import { socketAddressText } from '../linux/sockaddr.ts';

export interface SocketError {
  /** `EHOSTUNREACH`, `EMSGSIZE` … */
  readonly errno: string;
  /** `local`: this machine's stack refused the packet. `icmp`: an ICMP message came, possibly from this machine too. */
  readonly origin: 'local' | 'icmp' | 'other';
  /** Of the ICMP message; 0 for a local error. */
  readonly type: number;
  readonly code: number;
  /** Who sent the ICMP message. */
  readonly from?: string;
  /** EMSGSIZE: the MTU that was too small, bytes. */
  readonly mtu?: number;
}

const offsets = { errno: 0, origin: 4, type: 5, code: 6, info: 8, offender: 16 };
const SO_EE_ORIGIN_LOCAL = 1;
const SO_EE_ORIGIN_ICMP = 2;
const SO_EE_ORIGIN_ICMP6 = 3;

/** undefined when it is too short. */
export function decodeSocketError(data: Uint8Array): SocketError | undefined {
  if (data.length < offsets.offender) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const errno = errnoName(view.getUint32(offsets.errno, true));
  const originCode = view.getUint8(offsets.origin);
  const origin =
    originCode === SO_EE_ORIGIN_LOCAL
      ? 'local'
      : originCode === SO_EE_ORIGIN_ICMP || originCode === SO_EE_ORIGIN_ICMP6
        ? 'icmp'
        : 'other';
  const from = origin === 'icmp' ? socketAddressText(data.subarray(offsets.offender)) : undefined;
  const info = view.getUint32(offsets.info, true);
  return {
    errno,
    origin,
    type: view.getUint8(offsets.type),
    code: view.getUint8(offsets.code),
    ...(from === undefined ? {} : { from }),
    ...(errno === 'EMSGSIZE' && info > 0 ? { mtu: info } : {}),
  };
}

/** recvmsg(2): one message with its sender and its control messages (cmsg(3)). */
import { libc } from './libc.ts';
import { type CallResult, receiveMessage } from './socket.ts';

/** One ancillary message: `level` and `type` as in ip(7), `data` valid until the next receive. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

export interface Message {
  /** The sockaddr of the sender; on the error queue, of the destination of what failed. Empty where there is none. */
  readonly name: Uint8Array;
  readonly data: Uint8Array;
  readonly control: readonly ControlMessage[];
}

/** struct msghdr of 64-bit Linux: pointers and lengths in 8 bytes, in this order. */
const offsets = { name: 0, nameLength: 8, iov: 16, iovLength: 24, control: 32, controlLength: 40, flags: 48, size: 56 };
/** struct cmsghdr: size_t cmsg_len, int cmsg_level, int cmsg_type, data; each starts on a multiple of 8. */
const controlHeaderBytes = 16;

/** Buffers for receiving, used again for each message. */
export class MessageReader {
  readonly #name = new Uint8Array(128);
  readonly #control = new Uint8Array(1024);
  readonly #data: Uint8Array;
  readonly #vector = new BigUint64Array(2);
  readonly #header = new Uint8Array(offsets.size);

  /** @param maxBytes what is longer is cut */
  constructor(maxBytes: number) {
    this.#data = new Uint8Array(maxBytes);
  }

  /** The next message, valid until the next call; or the errno (EAGAIN: nothing there). Never blocks. */
  receive(fd: number, flags: number): Message | { readonly errno: number } {
    const { koffi } = libc();
    const header = new DataView(this.#header.buffer);
    this.#vector[0] = BigInt(koffi.address(this.#data));
    this.#vector[1] = BigInt(this.#data.length);
    header.setBigUint64(offsets.name, BigInt(koffi.address(this.#name)), true);
    header.setUint32(offsets.nameLength, this.#name.length, true);
    header.setBigUint64(offsets.iov, BigInt(koffi.address(this.#vector)), true);
    header.setBigUint64(offsets.iovLength, 1n, true);
    header.setBigUint64(offsets.control, BigInt(koffi.address(this.#control)), true);
    header.setBigUint64(offsets.controlLength, BigInt(this.#control.length), true);
    const result: CallResult = receiveMessage(fd, this.#header, flags);
    if (result.value < 0) return { errno: result.errno };
    return {
      name: this.#name.subarray(0, Math.min(header.getUint32(offsets.nameLength, true), this.#name.length)),
      data: this.#data.subarray(0, Math.min(result.value, this.#data.length)),
      control: controlMessages(this.#control.subarray(0, Number(header.getBigUint64(offsets.controlLength, true)))),
    };
  }
}

/** Walks a control buffer; a length that does not fit ends the walk. */
export function controlMessages(buffer: Uint8Array): ControlMessage[] {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const messages: ControlMessage[] = [];
  for (let offset = 0; offset + controlHeaderBytes <= buffer.length; ) {
    const length = Number(view.getBigUint64(offset, true));
    if (length < controlHeaderBytes || length > buffer.length - offset) break;
    messages.push({
      level: view.getInt32(offset + 8, true),
      type: view.getInt32(offset + 12, true),
      data: buffer.subarray(offset + controlHeaderBytes, offset + length),
    });
    offset += (length + 7) & ~7;
  }
  return messages;
}

/** The interfaces of the network namespace this thread is in: if_nameindex(3). */
import { libc } from './libc.ts';
import { nameText } from './name-text.ts';

/** struct if_nameindex of 64-bit Linux: unsigned int if_index, then char *if_name; the last one is all zero. */
const entryBytes = 16;
/** A bound for a list that ends by a zero entry; the kernel's own tables are smaller. */
const maxInterfaces = 1 << 20;

/** Names by interface number, also of those that are down; empty when the kernel does not say. */
export function listInterfaces(): Map<number, string> {
  const { koffi, library } = libc();
  const interfaces = new Map<number, string>();
  const list: unknown = library.func('void *if_nameindex(void)')();
  if (typeof list !== 'bigint') return interfaces;
  for (let entry = 0; entry < maxInterfaces; entry++) {
    const address = list + BigInt(entry * entryBytes);
    const index = koffi.decode.uint(address);
    const name: unknown = koffi.decode(address, 8, 'char *');
    if (index === 0 || typeof name !== 'string') break;
    interfaces.set(index, name.includes('\ufffd') ? nameText(bytesAt(koffi, address)) : name);
  }
  library.func('void if_freenameindex(void *list)')(list);
  return interfaces;
}

/** IFNAMSIZ, include/uapi/linux/if.h */
const longestName = 16;

/** The bytes of an entry's name: what koffi makes of those that are no UTF-8 has lost them. */
function bytesAt(koffi: ReturnType<typeof libc>['koffi'], entry: bigint): Uint8Array {
  const name: unknown = koffi.decode(entry, 8, 'void *');
  const bytes: number[] = [];
  if (typeof name !== 'bigint') return new Uint8Array();
  while (bytes.length < longestName) {
    const byte: number = koffi.decode(name, bytes.length, 'uint8_t');
    if (byte === 0) break;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

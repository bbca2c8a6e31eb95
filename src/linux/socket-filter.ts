/** Puts a classic BPF program on a socket: what it rejects never wakes the reader (socket(7), SO_ATTACH_FILTER). */
import { filterBytes, type Instruction } from './bpf.ts';
import { libc } from './libc.ts';
import { SO_ATTACH_FILTER, SOL_SOCKET, setOption } from './socket.ts';

/** struct sock_fprog: unsigned short length, then a pointer to the instructions. */
export function attachFilter(fd: number, filter: readonly Instruction[]): void {
  const instructions = filterBytes(filter);
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, filter.length, true);
  program.setBigUint64(8, BigInt(libc().koffi.address(instructions)), true);
  setOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(program.buffer), 'SO_ATTACH_FILTER');
}

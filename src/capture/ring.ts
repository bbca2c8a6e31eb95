/**
 * A packet ring (packet(7), TPACKET_V3): one socket that sees every interface of one network namespace, through memory
 * shared with the kernel. Never promiscuous: on a bridge, what a plain socket sees is what reached the stack.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import type { Instruction } from '../linux/bpf.ts';
import { listInterfaces } from '../linux/interfaces.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import {
  AF_PACKET,
  bindSocket,
  closeSocket,
  getOption,
  interfaceName,
  mapSocket,
  openSocket,
  realtimeNs,
  SOCK_RAW,
  setIntOption,
  setOption,
  takeSocketError,
} from '../linux/socket.ts';
import { attachFilter } from '../linux/socket-filter.ts';
import type { CapturedPacket } from '../trace/captured-packet.ts';
import type { Frame, Place } from '../trace/frame.ts';
import { BlockCursor, isBlockReady, releaseBlock, ringMemory } from './ring-block.ts';

const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const ETH_P_ALL = 3;
/** Only counts for the arithmetic the kernel checks: TPACKET_V3 packs frames of any length into a block. */
const frameSizeBytes = 2048;

export interface RingOptions {
  /** The kernel filter; its return value is the snap length. */
  readonly filter: readonly Instruction[];
  /** A power of two of at least a page; no longer frame is kept whole. Default 128 KiB. */
  readonly blockSizeBytes?: number;
  /** Default 64: with 128 KiB blocks 8 MiB for each namespace. */
  readonly blockCount?: number;
  /** The kernel hands a block over that is not full after this time. Default 8 ms. */
  readonly retireMs?: number;
}

export interface RingStatistics {
  /** Frames the filter kept and the ring took, since it was opened. */
  readonly captured: number;
  /** Frames the filter kept and the ring had no room for. */
  readonly lost: number;
}

export interface PacketRing {
  readonly netns: NetnsHandle;
  readonly fd: number;
  readonly retireMs: number;
  readonly sizeBytes: number;
  /** The kernel lists the socket as running, bound to all interfaces (/proc/net/packet). */
  readonly proven: boolean;
  /** When it was open, Unix nanoseconds: what passed later is seen. */
  readonly openedNs: bigint;
  /** The interfaces of the namespace when it was opened, and those that frames came from since. */
  places(): Place[];
  /** Blocks the kernel has handed over since the ring was opened. */
  readyBlocks(): number;
  /**
   * The packet that comes next, if it is in one of the first `blocks` blocks (default: in any); it stays the next until `advance`.
   * Undefined: there is none yet, or the ring is closed.
   */
  next(blocks?: number): CapturedPacket | undefined;
  /** Goes on behind it. What `next` has returned stays valid until `next` is called again: then the kernel may get its block back. */
  advance(): void;
  /** More than half of its blocks wait to be read. */
  isHalfFull(): boolean;
  /** An interface that goes away may leave an error on the socket, which poll(2) would report for ever. */
  clearError(): void;
  /** Hands over what is ready now, which is once around the ring at most; returns the number of frames. 0 once closed. */
  read(onFrame: (frame: Frame) => void): number;
  statistics(): RingStatistics;
  /** Another kernel filter from now on; frames that are in the ring already stay. */
  setFilter(filter: readonly Instruction[]): void;
  /** Idempotent. While it is open, its socket keeps the namespace and the interfaces in it alive. */
  close(): void;
}

/**
 * Opens a ring in a namespace. Frames are seen from the moment it returns.
 *
 * @throws VdiagError `permission` without CAP_NET_RAW (or the right to enter the namespace), `no-such-namespace`,
 *   `unsupported-platform` without AF_PACKET, `system-call` when the kernel has no memory for it
 */
export function openRing(netns: NetnsHandle, options: RingOptions): PacketRing {
  const { blockSizeBytes = 1 << 17, blockCount = 64, retireMs = 8 } = options;
  const opened = insideNetns(netns, () => {
    // Protocol 0: nothing is seen before the filter stands.
    const fd = openSocket('AF_PACKET', AF_PACKET, SOCK_RAW, 0);
    try {
      attachFilter(fd, options.filter);
      setIntOption(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V3, 'PACKET_VERSION');
      setOption(fd, SOL_PACKET, PACKET_RX_RING, ringRequest(blockSizeBytes, blockCount, retireMs), 'PACKET_RX_RING');
      const names = listInterfaces();
      bindSocket(fd, allInterfaces());
      const openedNs = realtimeNs();
      return { fd, proven: isRunning(fd), names, openedNs, mapped: mapSocket(fd, blockSizeBytes * blockCount) };
    } catch (error) {
      closeSocket(fd);
      throw error;
    }
  });

  const { fd, mapped } = opened;
  const places = new Map<number, Place>();
  const placeOf = (index: number): Place => {
    const known = places.get(index);
    if (known) return known;
    const place = { netns: netns.id, name: interfaceName(fd, index) ?? `if${index}` };
    places.set(index, place);
    return place;
  };
  for (const [index, name] of opened.names) places.set(index, { netns: netns.id, name });
  let memory: ReturnType<typeof ringMemory> | undefined = ringMemory(mapped.memory);
  const cursor = new BlockCursor(memory, { blockSizeBytes, place: placeOf });
  const offsetOf = (block: number): number => (block % blockCount) * blockSizeBytes;
  /** Blocks handed over, as far as was looked; and those that were read and given back. */
  let ready = 0;
  let done = 0;
  /** The cursor is in the block behind those; and at a packet of it. */
  let inside = false;
  let found = false;
  let captured = 0;
  let lost = 0;

  const updateStatistics = (): void => {
    // struct tpacket_stats_v3: packets (the lost ones among them), drops, freezes; reading sets them to 0.
    const counters = getOption(fd, SOL_PACKET, PACKET_STATISTICS, 12, 'PACKET_STATISTICS');
    const view = new DataView(counters.buffer, 0, counters.length);
    const drops = view.getUint32(4, true);
    captured += view.getUint32(0, true) - drops;
    lost += drops;
  };

  const readyBlocks = (): number => {
    while (memory && ready < done + blockCount && isBlockReady(memory, offsetOf(ready))) ready++;
    return ready;
  };
  const next = (blocks = Number.POSITIVE_INFINITY): CapturedPacket | undefined => {
    while (!found && memory && done < blocks) {
      if (!inside) {
        if (done === readyBlocks()) return undefined;
        cursor.enter(offsetOf(done));
        inside = true;
      }
      found = cursor.next();
      if (found) break;
      releaseBlock(memory, offsetOf(done));
      inside = false;
      done++;
    }
    return found && done < blocks ? cursor : undefined;
  };

  const clearError = (): void => {
    if (memory) takeSocketError(fd);
  };

  return {
    netns,
    fd,
    retireMs,
    sizeBytes: blockSizeBytes * blockCount,
    proven: opened.proven,
    openedNs: opened.openedNs,
    places: () => [...places.values()],
    readyBlocks,
    next,
    advance() {
      found = false;
    },
    isHalfFull: () => readyBlocks() - done > blockCount / 2,
    clearError,
    read(onFrame) {
      const blocks = readyBlocks();
      const before = cursor.order;
      while (next(blocks)) {
        found = false;
        onFrame(cursor.frame());
      }
      if (cursor.order === before) clearError();
      return cursor.order - before;
    },
    statistics() {
      if (memory) updateStatistics();
      return { captured, lost };
    },
    setFilter(filter) {
      if (memory) attachFilter(fd, filter);
    },
    close() {
      if (!memory) return;
      updateStatistics();
      memory = undefined;
      found = false;
      mapped.unmap();
      closeSocket(fd);
    },
  };
}

/** struct tpacket_req3: block size, block count, frame size, frame count, retire time, private bytes, features. */
function ringRequest(blockSizeBytes: number, blockCount: number, retireMs: number): Uint8Array {
  const frames = (blockSizeBytes / frameSizeBytes) * blockCount;
  const request = new Uint32Array([blockSizeBytes, blockCount, frameSizeBytes, frames, retireMs, 0, 0]);
  return new Uint8Array(request.buffer);
}

/** struct sockaddr_ll of no interface in particular: family, protocol (network byte order), interface number 0. */
function allInterfaces(): Uint8Array {
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, ETH_P_ALL);
  return new Uint8Array(address.buffer);
}

/** The proof that sends nothing: the kernel lists the socket (by inode) as attached to all protocols and interfaces. */
function isRunning(fd: number): boolean {
  try {
    const inode = /\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    const lines = readFileSync('/proc/thread-self/net/packet', 'utf8').split('\n');
    // sk RefCnt Type Proto Iface R Rmem User Inode
    const fields = lines.map((line) => line.trim().split(/\s+/)).find((line) => line[8] === inode);
    return fields !== undefined && fields[3] === '0003' && fields[4] === '0' && fields[5] === '1';
  } catch {
    return false;
  }
}

/** Targets that read what the kernel says: netlink messages, the packet ring, the trace ring. */
import { endianness } from 'node:os';
import { BlockMemory } from '../../src/capfile/block-memory.ts';
import { appendPacket } from '../../src/capfile/pcapng-packet.ts';
import { SNAP_LENGTH } from '../../src/capfile/pcapng-writer.ts';
import { type EventRole, eventDecoder } from '../../src/capture/drops/event-decode.ts';
import { type EventFormat, parseEventFormat, parsePageFormat } from '../../src/capture/drops/event-format.ts';
import { pageTimeNs, readTracePage } from '../../src/capture/drops/trace-page.ts';
import { BlockCursor, isBlockReady, releaseBlock, ringMemory } from '../../src/capture/ring-block.ts';
import { decodeRuleEvent } from '../../src/capture/rule-trace-event.ts';
import { querierIn } from '../../src/linux/bridge-querier.ts';
import { controlMessages } from '../../src/linux/message.ts';
import {
  attribute,
  decodeMessages,
  encodeMessage,
  errorOf,
  nest,
  textAttribute,
} from '../../src/linux/netlink-message.ts';
import type { RouteSocket } from '../../src/linux/rtnetlink.ts';
import { socketAddressText } from '../../src/linux/sockaddr.ts';
import { dumpLinks } from '../../src/topology/links-by-netlink.ts';
import { dumpRoutes, kernelRoute } from '../../src/topology/routes-by-netlink.ts';
import { asCaptured } from '../../src/trace/captured-packet.ts';
import { mutatedBytes } from './mutate-bytes.ts';
import { mutatedText } from './mutate-text.ts';
import type { Random } from './random.ts';
import { bytesOf, type Target, textOf } from './target.ts';

const KINDS = ['bridge', 'veth', 'vxlan', 'macvlan', 'ipvlan', 'vlan', 'tun', '\u001b[2J', ''];

/** A datagram with links, routes, addresses or trace messages in it. */
function datagram(random: Random): Uint8Array {
  const messages = Array.from({ length: 1 + random.below(3) }, (_, sequence) => {
    const fixed = Uint8Array.from({ length: random.of([4, 8, 12, 16]) }, () =>
      random.of([0, 1, 2, 10, 128, 255, random.below(256)]),
    );
    const payload = Buffer.concat([fixed, ...Array.from({ length: random.below(9) }, () => anyAttribute(random, 0))]);
    return encodeMessage({ type: random.of([2, 3, 16, 20, 24, 0xa11]), flags: 0, sequence, payload });
  });
  return new Uint8Array(Buffer.concat(messages));
}

function anyAttribute(random: Random, depth: number): Uint8Array {
  // 18: IFLA_LINKINFO, with its kind and data; most others by chance.
  if (depth < 2 && random.once(3))
    return nest(
      random.of([18, 2, 5, 47, 52]),
      textAttribute(1, random.of(KINDS)),
      ...Array.from({ length: random.below(5) }, () => anyAttribute(random, depth + 1)),
    );
  if (random.once(4)) return textAttribute(random.of([3, 1, 2, 53]), random.of(['eth0', 'v'.repeat(40), '', '\u0007']));
  return attribute(
    random.below(60),
    Uint8Array.from({ length: random.of([0, 1, 2, 4, 4, 6, 8, 16]) }, () => random.below(random.once(2) ? 3 : 256)),
  );
}

/** Hands out what is in the bytes, to whatever was asked. */
function answering(bytes: Uint8Array): RouteSocket {
  const messages = decodeMessages(bytes).map(({ payload }) => payload);
  const [message] = messages;
  return {
    dump: () => ({ messages, cut: false, errno: 0 }),
    ask: () => (message === undefined ? { errno: 0 } : { message, errno: 0 }),
    close: () => {},
  };
}

const FIELDS = [
  'unsigned short common_type;\toffset:0;\tsize:2',
  'int common_pid;\toffset:4;\tsize:4',
  'void * skbaddr;\toffset:8;\tsize:8',
  'void * location;\toffset:16;\tsize:8',
  'unsigned short protocol;\toffset:32;\tsize:2',
  'enum skb_drop_reason reason;\toffset:36;\tsize:4',
  'unsigned int len;\toffset:16;\tsize:4',
  '__data_loc char[] name;\toffset:20;\tsize:4',
  'int family;\toffset:12;\tsize:4',
  '__data_loc char[] dev;\toffset:16;\tsize:4',
  'u8 primary_key4[4];\toffset:24;\tsize:4',
  'u8 primary_key6[16];\toffset:28;\tsize:16',
  'char buf[];\toffset:16;\tsize:0',
];
const ROLES: readonly EventRole[] = ['drop', 'free', 'queue', 'out', 'in', 'resolve', 'mark'];
const FORMAT = `name: event\nID: 7\nformat:\n${FIELDS.map((field) => `\tfield:${field};\tsigned:0;`).join('\n')}\n
print fmt: "%s", __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 0x10, "IP_RPFILTER" })\n`;
const PAGE = { sizeBytes: 4096, dataOffset: 16, commitBytes: 8 };

function page(random: Random): Uint8Array {
  const bytes = new Uint8Array(random.once(8) ? random.below(300) : 4096);
  const view = new DataView(bytes.buffer);
  let at = 16;
  while (at + 120 < Math.min(bytes.length, 1500)) {
    const kind = random.below(32);
    const length = kind >= 1 && kind <= 28 ? kind * 4 : kind === 0 ? random.below(80) : 4;
    view.setUint32(at, (random.below(1 << 20) << 5) | kind, true);
    if (kind === 0 || kind > 28) view.setUint32(at + 4, random.once(9) ? random.word() : length, true);
    view.setUint16(at + (kind === 0 ? 8 : 4), 7, true);
    for (let word = at + 8; word < at + length; word += 4)
      view.setUint32(word, random.once(2) ? 8 | (16 << 16) : random.word(), true);
    at += 4 + ((length + 3) & ~3);
  }
  if (bytes.length >= 12)
    view.setInt32(8, (random.once(12) ? random.word() : at - 16) | (random.once(6) ? 3 << 30 : 0), true);
  return bytes;
}

const BLOCK = 4096;
const NATIVE_LITTLE = endianness() === 'LE';

/** A block of the packet ring with some packets, as the kernel lays them out. */
function block(random: Random): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  const view = new DataView(bytes.buffer);
  const packets = random.below(6);
  let at = 48;
  for (let packet = 0; packet < packets; packet++) {
    const kept = random.below(200);
    const next = packet + 1 === packets ? 0 : (68 + 16 + kept + 15) & ~15;
    for (const [index, value] of [
      next,
      random.word(),
      random.below(1e9),
      kept,
      kept + random.below(9),
      random.below(256),
    ].entries())
      view.setUint32(at + index * 4, value, NATIVE_LITTLE);
    view.setUint16(at + 24, random.once(20) ? random.below(65536) : 82, NATIVE_LITTLE);
    view.setUint16(at + 26, random.once(20) ? random.below(65536) : 96, NATIVE_LITTLE);
    view.setUint16(at + 48 + 8, random.of([1, 772, 65534, 512]), NATIVE_LITTLE);
    view.setUint8(at + 48 + 10, random.below(7));
    at += next;
  }
  for (const [offset, value] of [
    [8, 1],
    [12, packets],
    [16, 48],
    [20, random.once(9) ? random.word() : at + 400],
  ] as const)
    view.setUint32(offset, value, NATIVE_LITTLE);
  return bytes;
}

export const KERNEL_TARGETS: readonly Target[] = [
  {
    name: 'netlink',
    share: 10,
    make: (random) => {
      const bytes = datagram(random);
      return [random.once(3) ? bytes : mutatedBytes(random, bytes, datagram(random))];
    },
    run: ([part]) => {
      const bytes = bytesOf(part);
      const socket = answering(bytes);
      dumpLinks(socket);
      dumpRoutes(socket);
      kernelRoute(socket, '10.0.0.1');
      for (const message of decodeMessages(bytes)) {
        errorOf(message);
        querierIn(message);
        decodeRuleEvent(message);
      }
      socketAddressText(bytes);
      controlMessages(bytes);
    },
  },
  {
    name: 'ring',
    share: 4,
    make: (random) => {
      const bytes = block(random);
      return [random.once(4) ? bytes : mutatedBytes(random, bytes, block(random))];
    },
    run: ([part]) => {
      const memory = ringMemory(new ArrayBuffer(2 * BLOCK));
      memory.bytes.set(bytesOf(part).subarray(0, BLOCK));
      // What lies behind the block is another's: it may not come out.
      memory.bytes.fill(0xa5, BLOCK);
      isBlockReady(memory, 0);
      const place = (index: number) => ({ netns: 'n', name: `if${index}` });
      const cursor = new BlockCursor(memory, { blockSizeBytes: BLOCK, place });
      const blocks = new BlockMemory(BLOCK);
      cursor.enter(0);
      while (cursor.next()) {
        if (cursor.start + cursor.length > BLOCK)
          throw new Error(`bytes up to ${cursor.start + cursor.length} of ${BLOCK}`);
        const frame = cursor.frame();
        blocks.clear();
        appendPacket(blocks, { id: 0, rawIp: cursor.rawIp }, cursor, SNAP_LENGTH);
        const written = Buffer.from(blocks.written);
        blocks.clear();
        appendPacket(blocks, { id: 0, rawIp: cursor.rawIp }, asCaptured(frame), SNAP_LENGTH);
        if (!written.equals(blocks.written)) throw new Error('a packet and its frame are written differently');
      }
      releaseBlock(memory, 0);
    },
  },
  {
    name: 'trace',
    share: 5,
    make: (random) => {
      const bytes = page(random);
      const format = random.once(5) ? mutatedText(random, FORMAT, FORMAT, FIELDS) : FORMAT;
      return [random.once(3) ? bytes : mutatedBytes(random, bytes, page(random)), format, random.of(ROLES)];
    },
    run: ([part, text, role]) => {
      const bytes = Buffer.from(bytesOf(part));
      const format = parseEventFormat(textOf(text));
      parsePageFormat(textOf(text));
      const wanted = ROLES.find((one) => one === role) ?? 'drop';
      const decode = eventDecoder(new Map<EventRole, EventFormat>(format ? [[wanted, format]] : []));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      pageTimeNs(bytes);
      readTracePage(bytes, PAGE, 0n, (offset, end, at) => decode({ bytes, view, offset, end, at, cpu: 0 }));
    },
  },
];

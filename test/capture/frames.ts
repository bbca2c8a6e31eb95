/** Frames by hand, for what a filter has to tell apart. Checksums are left 0: no filter reads them. */
import { insideNetns, type NetnsHandle } from '../../src/linux/netns.ts';
import { AF_PACKET, closeSocket, interfaceIndex, openSocket, SOCK_RAW, sendTo } from '../../src/linux/socket.ts';

export const token = Uint8Array.from([0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03, 0x04]);
export const otherToken = Uint8Array.from([0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03, 0x05]);

/** The sender that marks a test's own frames. */
export const markMac = [0x02, 0x76, 0x64, 0x69, 0x61, 0x67];
const broadcast = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

const word16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

export function ethernet(etherType: number, payload: Iterable<number>, tags: readonly number[] = []): Uint8Array {
  const tagBytes = tags.flatMap((tpid) => [...word16(tpid), 0x60, 0x2a]);
  return Uint8Array.from([...broadcast, ...markMac, ...tagBytes, ...word16(etherType), ...payload]);
}

export function ipv4(protocol: number, payload: Iterable<number>, fragment = 0, optionWords = 0): Uint8Array {
  const body = [...payload];
  const length = 20 + optionWords * 4 + body.length;
  const options = new Array<number>(optionWords * 4).fill(1);
  const start = [0x45 + optionWords, 0, ...word16(length), 0, 7, ...word16(fragment), 64, protocol, 0, 0];
  return Uint8Array.from([...start, 10, 9, 0, 2, 10, 9, 0, 3, ...options, ...body]);
}

export function ipv6(nextHeader: number, payload: Iterable<number>): Uint8Array {
  const body = [...payload];
  const address = (last: number): number[] => [0xfd, ...new Array<number>(14).fill(0), last];
  return Uint8Array.from([
    0x60,
    0,
    0,
    0,
    ...word16(body.length),
    nextHeader,
    64,
    ...address(2),
    ...address(3),
    ...body,
  ]);
}

export function icmp(type: number, data: Iterable<number> = []): Uint8Array {
  return Uint8Array.from([type, 0, 0, 0, 0x12, 0x34, 0, 1, ...data]);
}

export function udp(destinationPort: number, payload: Iterable<number>): Uint8Array {
  const body = [...payload];
  return Uint8Array.from([0xc0, 0, ...word16(destinationPort), ...word16(8 + body.length), 0, 0, ...body]);
}

export function vxlan(inner: Iterable<number>, port = 4789): Uint8Array {
  return udp(port, [0x08, 0, 0, 0, 0, 0, 42, 0, ...inner]);
}

export function geneve(inner: Iterable<number>, optionWords = 0): Uint8Array {
  const options = new Array<number>(optionWords * 4).fill(0x11);
  return udp(6081, [optionWords, 0, 0x65, 0x58, 0, 0, 42, 0, ...options, ...inner]);
}

export const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...markMac, 10, 9, 0, 2, 0, 0, 0, 0, 0, 0, 10, 9, 0, 3];
const data = [...token, 0, 0, 0, 1, 0x10, 0x11];
const foreign = [...otherToken, 0, 0, 0, 1, 0x10, 0x11];
const tcp = new Array<number>(20).fill(0x50);
const hopByHop = (next: number, words: number): number[] => [
  next,
  words,
  5,
  2,
  0,
  0,
  1,
  0,
  ...new Array<number>(words * 8).fill(0),
];

/** Frames the filter of a run with `token` keeps. */
export const keptFrames: Readonly<Record<string, Uint8Array>> = {
  ARP: ethernet(0x0806, arp),
  'tagged ARP': ethernet(0x0806, arp, [0x8100]),
  'echo request': ethernet(0x0800, ipv4(1, icmp(8, data))),
  'echo reply': ethernet(0x0800, ipv4(1, icmp(0, data))),
  'echo behind IPv4 options': ethernet(0x0800, ipv4(1, icmp(8, data), 0, 3)),
  'first fragment': ethernet(0x0800, ipv4(1, icmp(8, data), 0x2000)),
  'later fragment': ethernet(0x0800, ipv4(1, foreign, 0x00b9)),
  'tagged echo': ethernet(0x0800, ipv4(1, icmp(8, data)), [0x8100]),
  'echo behind a service tag': ethernet(0x0800, ipv4(1, icmp(8, data)), [0x88a8]),
  'echo behind two tags': ethernet(0x0800, ipv4(1, icmp(8, data)), [0x88a8, 0x8100]),
  unreachable: ethernet(0x0800, ipv4(1, icmp(3, ipv4(1, icmp(8))))),
  'source quench': ethernet(0x0800, ipv4(1, icmp(4))),
  redirect: ethernet(0x0800, ipv4(1, icmp(5))),
  'time exceeded': ethernet(0x0800, ipv4(1, icmp(11))),
  'parameter problem': ethernet(0x0800, ipv4(1, icmp(12))),
  'VXLAN with ARP': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0806, arp)))),
  'VXLAN with echo': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0800, ipv4(1, icmp(8, data)))))),
  'VXLAN on the old port': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0800, ipv4(1, icmp(0, data))), 8472))),
  'VXLAN over IPv6': ethernet(0x86dd, ipv6(17, vxlan(ethernet(0x0806, arp)))),
  'VXLAN with IPv6 echo': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x86dd, ipv6(58, icmp(128, data)))))),
  'Geneve with ARP': ethernet(0x0800, ipv4(17, geneve(ethernet(0x0806, arp)))),
  'Geneve options and echo': ethernet(0x0800, ipv4(17, geneve(ethernet(0x0800, ipv4(1, icmp(8, data))), 2))),
  'ICMPv6 echo': ethernet(0x86dd, ipv6(58, icmp(128, data))),
  'ICMPv6 echo reply': ethernet(0x86dd, ipv6(58, icmp(129, data))),
  'neighbour solicitation': ethernet(0x86dd, ipv6(58, icmp(135))),
  'router solicitation': ethernet(0x86dd, ipv6(58, icmp(133))),
  'ICMPv6 redirect': ethernet(0x86dd, ipv6(58, icmp(137))),
  'packet too big': ethernet(0x86dd, ipv6(58, icmp(2))),
  'ICMPv6 unreachable': ethernet(0x86dd, ipv6(58, icmp(1))),
  'IPv6 first fragment': ethernet(0x86dd, ipv6(44, [58, 0, 0, 1, 0, 0, 0, 9, ...icmp(128, data)])),
  'IPv6 later fragment': ethernet(0x86dd, ipv6(44, [58, 0, 0x05, 0xa8, 0, 0, 0, 9, ...foreign])),
  'echo behind hop-by-hop options': ethernet(0x86dd, ipv6(0, [...hopByHop(58, 1), ...icmp(128, data)])),
};

/** Frames it does not. */
export const droppedFrames: Readonly<Record<string, Uint8Array>> = {
  'echo of another run': ethernet(0x0800, ipv4(1, icmp(8, foreign))),
  'echo without data': ethernet(0x0800, ipv4(1, icmp(8))),
  'timestamp request': ethernet(0x0800, ipv4(1, icmp(13, data))),
  TCP: ethernet(0x0800, ipv4(6, tcp)),
  'TCP fragment': ethernet(0x0800, ipv4(6, tcp, 0x00b9)),
  DNS: ethernet(0x0800, ipv4(17, udp(53, data))),
  'UDP fragment that looks like VXLAN': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0806, arp)), 0x00b9)),
  'VXLAN with TCP': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0800, ipv4(6, tcp))))),
  'VXLAN with an echo of another run': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0800, ipv4(1, icmp(8, foreign)))))),
  'VXLAN in VXLAN': ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0806, arp))))))),
  'tagged TCP': ethernet(0x0800, ipv4(6, tcp), [0x8100]),
  LLC: ethernet(38, [0x42, 0x42, 3, ...new Array<number>(35).fill(0)]),
  'ICMPv6 echo of another run': ethernet(0x86dd, ipv6(58, icmp(128, foreign))),
  'multicast listener report': ethernet(0x86dd, ipv6(0, [...hopByHop(58, 0), ...icmp(143)])),
  'IPv6 TCP': ethernet(0x86dd, ipv6(6, tcp)),
  'IPv6 TCP fragment': ethernet(0x86dd, ipv6(44, [6, 0, 0, 1, 0, 0, 0, 9, ...tcp])),
};

/** Sends frames as they are out of an interface of a test's own namespace (packet(7)). */
export function sendFrames(netns: NetnsHandle, interfaceName: string, frames: Iterable<Uint8Array>): void {
  const fd = insideNetns(netns.path, () => openSocket('AF_PACKET', AF_PACKET, SOCK_RAW, 0));
  try {
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setInt32(4, interfaceIndex(fd, interfaceName) ?? 0, true);
    address.setUint8(11, 6);
    for (const frame of frames) {
      const { errno } = sendTo(fd, frame, new Uint8Array(address.buffer));
      if (errno !== 0) throw new Error(`a frame of ${frame.length} bytes was not sent: errno ${errno}`);
    }
  } finally {
    closeSocket(fd);
  }
}

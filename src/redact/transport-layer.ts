/** TCP and UDP: headers stay, data are zeroed, checksums follow. What a VXLAN datagram carries is replaced as a frame. */
import type { Transport } from './ip-layer.ts';
import { replaceEthernet } from './link-layer.ts';
import type { PacketBytes } from './packet-bytes.ts';

const UDP_HEADER = 8;
const VXLAN_HEADER = 8;
const TCP_CHECKSUM = 16;
const TCP_OPTIONS = 20;
/** Options that hold no address and no name: segment size, window scale, selective acknowledgement, timestamps. */
const PLAIN_OPTIONS: ReadonlySet<number> = new Set([2, 3, 4, 5, 8]);
const OPTION_END = 0;
const OPTION_NONE = 1;

export function replaceUdp(packet: PacketBytes, transport: Transport): void {
  const { start, end, depth } = transport;
  const port = packet.u16(start + 2);
  const data = start + UDP_HEADER;
  covering(packet, transport, start + 6, () => {
    if (packet.vxlanPorts.has(port)) replaceEthernet(packet, data + VXLAN_HEADER, end, depth + 1);
    else packet.zero(data, end);
  });
}

export function replaceTcp(packet: PacketBytes, transport: Transport): void {
  const { start, end } = transport;
  const header = Math.max(TCP_OPTIONS, (packet.u8(start + 12) >> 4) * 4);
  covering(packet, transport, start + TCP_CHECKSUM, () => {
    replaceOptions(packet, start + TCP_OPTIONS, Math.min(start + header, end, packet.bytes.length));
    packet.zero(start + header, end);
  });
}

function replaceOptions(packet: PacketBytes, from: number, end: number): void {
  for (let at = from; at < end; ) {
    const kind = packet.u8(at);
    if (kind === OPTION_END) {
      packet.zero(at, end);
      return;
    }
    if (kind === OPTION_NONE) {
      at++;
      continue;
    }
    const length = Math.max(2, packet.u8(at + 1));
    if (!PLAIN_OPTIONS.has(kind)) packet.bytes.fill(OPTION_NONE, at, Math.min(at + length, end));
    at += length;
  }
}

/** Replaces what a checksum covers, the addresses of the IP header among it. 0 in UDP over IPv4: there is none. */
export function covering(
  packet: PacketBytes,
  { start, end, before, after, version }: Transport,
  checksum: number,
  replace: () => void,
): void {
  const sum = (): number => packet.sum(start, Math.min(checksum, end)) + packet.sum(checksum + 2, end);
  const own = sum();
  replace();
  const none = packet.u16(checksum) === 0 && version === 4 && checksum === start + 6;
  if (!none) packet.correct(checksum, own + before, sum() + after);
}

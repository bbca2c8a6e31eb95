import { accessSync, closeSync, constants, openSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { keepAll, probeFilter } from '../../src/capture/filter.ts';
import { openRing, type PacketRing, type RingOptions } from '../../src/capture/ring.ts';
import { executeFilter } from '../../src/linux/bpf-machine.ts';
import { libc } from '../../src/linux/libc.ts';
import { insideNetns } from '../../src/linux/netns.ts';
import { pollReadable } from '../../src/linux/poll.ts';
import { realtimeNs } from '../../src/linux/socket.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { arp, droppedFrames, ethernet, icmp, ipv4, keptFrames, markMac, sendFrames, token } from './frames.ts';
import {
  mayMakeNamespaces,
  openResources,
  type PrivateNetwork,
  privateNetwork,
  sleep,
  untilUp,
} from './private-network.ts';

//   va 10.9.0.2 ─── vb, both in one private namespace: IPv4 only on va, so that nothing answers unasked
const veth = `
  ip link add name va type veth peer name vb
  sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip addr add 10.9.0.2/24 dev va
  ip link set va up
  ip link set vb up
  ${untilUp('va', 'vb')}`;

const mayOpenTun = ((): boolean => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!mayMakeNamespaces)('the packet ring', () => {
  const cleanup: (() => void)[] = [];
  afterEach(() => {
    for (const undo of cleanup.splice(0).reverse()) undo();
  });
  const build = async (script: string): Promise<PrivateNetwork> => {
    const network = await privateNetwork(script);
    cleanup.push(() => network.close());
    return network;
  };
  const open = (network: PrivateNetwork, options: Partial<RingOptions> = {}): PacketRing => {
    const ring = openRing(network.netns, { filter: keepAll(), blockSizeBytes: 1 << 16, blockCount: 16, ...options });
    cleanup.push(() => ring.close());
    return ring;
  };
  /** Everything until the kernel must have handed over what it holds. */
  const collect = async (ring: PacketRing): Promise<Frame[]> => {
    const frames: Frame[] = [];
    await sleep(2 * ring.retireMs + 2);
    while (ring.read((frame) => frames.push(frame)) > 0);
    return frames;
  };

  it('is listed by the kernel as running, knows all interfaces and is not promiscuous', async () => {
    const network = await build(`${veth}\nip link add name idle type bridge`);
    const ring = open(network);
    expect(ring.proven).toBe(true);
    expect(
      ring
        .places()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['idle', 'lo', 'va', 'vb']);
    expect(ring.places().every(({ netns }) => netns === network.netns.id)).toBe(true);
    const promiscuity = network.run('ip -d link').match(/promiscuity \d+/g);
    expect(promiscuity).toEqual(['promiscuity 0', 'promiscuity 0', 'promiscuity 0', 'promiscuity 0']);
    expect(network.run('ip link')).not.toContain('PROMISC');
  });

  it('sees both ends of a veth pair: time, direction, packet type, lengths', async () => {
    const network = await build(veth);
    const ring = open(network);
    const before = realtimeNs();
    sendFrames(network.netns, 'va', [ethernet(0x0806, arp)]);
    const after = realtimeNs();
    expect(await pollReadable([ring.fd], 1000)).toEqual(new Set([ring.fd]));
    const frames = await collect(ring);
    expect(frames.map(({ place, direction, packetType }) => [place.name, direction, packetType])).toEqual([
      ['va', 'out', 'outgoing'],
      ['vb', 'in', 'broadcast'],
    ]);
    for (const frame of frames) {
      expect(frame.timeNs).toBeGreaterThanOrEqual(before);
      expect(frame.timeNs).toBeLessThanOrEqual(after + 1_000_000n);
      expect(frame.originalLength).toBe(14 + 28);
      expect(frame.bytes).toEqual(ethernet(0x0806, arp));
      expect(frame.linkType).toBeUndefined();
      expect(frame.checksumNotReady).toBe(false);
    }
    expect(frames.map(({ order }) => order)).toEqual([0, 1]);
    expect(ring.statistics()).toEqual({ captured: 2, lost: 0 });
  });

  it('tells unicast, multicast and frames for others apart', async () => {
    const network = await build(veth);
    const mac = /([0-9a-f:]{17}) brd/.exec(network.run('ip link show vb'))?.[1] ?? '';
    const own = mac.split(':').map((byte) => Number.parseInt(byte, 16));
    const ring = open(network);
    const to = (destination: number[]): Uint8Array => {
      const frame = ethernet(0x0806, arp);
      frame.set(destination);
      return frame;
    };
    sendFrames(network.netns, 'va', [to(own), to([0x33, 0x33, 0, 0, 0, 1]), to([2, 2, 2, 2, 2, 2])]);
    const received = (await collect(ring)).filter(({ direction }) => direction === 'in');
    expect(received.map(({ packetType }) => packetType)).toEqual(['host', 'multicast', 'other-host']);
  });

  it('keeps both sightings of a packet on the loopback device', async () => {
    const network = await build('');
    const ring = open(network);
    network.run('ping -c 1 -W 1 127.0.0.1');
    const frames = await collect(ring);
    expect(frames.map(({ place, direction }) => `${place.name} ${direction}`)).toEqual([
      'lo out',
      'lo in',
      'lo out',
      'lo in',
    ]);
  });

  it('puts the VLAN tag back that the kernel took out', async () => {
    const network = await build(veth);
    const ring = open(network);
    const echo = ipv4(1, icmp(8, token));
    const sent = [
      ethernet(0x0800, echo, [0x8100]),
      ethernet(0x0800, echo, [0x88a8]),
      ethernet(0x0800, echo, [0x88a8, 0x8100]),
    ];
    sendFrames(network.netns, 'va', sent);
    const received = (await collect(ring)).filter(({ direction }) => direction === 'in');
    expect(received.map(({ bytes }) => bytes)).toEqual(sent);
    expect(received.map(({ originalLength }) => originalLength)).toEqual(sent.map(({ length }) => length));
  });

  it('marks checksums that are left to the device', async () => {
    const network = await build('');
    const ring = open(network);
    network.run(`bash -c 'echo x > /dev/udp/127.0.0.1/9'`);
    const udpFrames = (await collect(ring)).filter(({ bytes }) => bytes[23] === 17);
    expect(udpFrames.length).toBeGreaterThan(0);
    expect(udpFrames.every(({ checksumNotReady }) => checksumNotReady)).toBe(true);
  });

  it('cuts to the snap length and keeps the original one', async () => {
    const network = await build(veth);
    const ring = open(network, { filter: keepAll(60) });
    network.run('ping -c 1 -W 1 -s 1000 -I va 10.9.0.2 || true; ping -c 1 -W 1 -s 1000 127.0.0.1');
    const frames = (await collect(ring)).filter(({ originalLength }) => originalLength === 14 + 20 + 8 + 1000);
    expect(frames.length).toBeGreaterThan(0);
    expect(frames.every(({ bytes }) => bytes.length === 60)).toBe(true);
  });

  it.skipIf(!mayOpenTun)('reads a device without Ethernet header as raw IP', async () => {
    const network = await build('');
    const tun = insideNetns(network.netns.path, () => openTun('tun0'));
    cleanup.push(() => closeSync(tun));
    network.run('sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip addr add 10.8.0.1/24 dev tun0; ip link set tun0 up');
    const ring = open(network, { filter: probeFilter({ token, dataBytes: 56 }) });
    const echo = ipv4(1, icmp(8, token));
    writeSync(tun, Buffer.concat([Buffer.from([0, 0, 0x08, 0x00]), echo]));
    writeSync(tun, Buffer.concat([Buffer.from([0, 0, 0x08, 0x00]), ipv4(1, icmp(8))]));
    const frames = await collect(ring);
    expect(frames.map(({ place, direction, linkType }) => [place.name, direction, linkType])).toEqual([
      ['tun0', 'in', 'raw-ip'],
    ]);
    expect(frames[0]?.bytes).toEqual(echo);
    expect(frames[0]?.originalLength).toBe(echo.length);
  });

  it('decides in the kernel as the filter does in the BPF machine', async () => {
    const network = await build(veth);
    const filter = probeFilter({ token, dataBytes: 56 });
    const ring = open(network, { filter });
    const templates = [...Object.values(keptFrames), ...Object.values(droppedFrames)];
    const mutated = fc
      .tuple(
        fc.constantFrom(...templates),
        fc.integer({ min: 12, max: 90 }),
        fc.nat(255),
        fc.integer({ min: 42, max: 140 }),
      )
      .map(([frame, at, value, length]) => {
        const copy = frame.slice(0, length);
        if (at < copy.length) copy[at] = value;
        return copy;
      });
    let kept = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutated, { minLength: 20, maxLength: 60 }), async (sample) => {
        const sent = [...templates, ...sample];
        sendFrames(network.netns, 'va', sent);
        const frames = (await collect(ring)).filter(({ bytes }) => markMac.every((byte, at) => bytes[6 + at] === byte));
        const out = frames.filter(({ place }) => place.name === 'va').map(({ bytes }) => hex(bytes));
        const received = frames.filter(({ place }) => place.name === 'vb').map(({ bytes }) => hex(bytes));
        expect(out).toEqual(sent.filter((frame) => executeFilter(filter, frame) > 0).map(hex));
        // On receipt the outermost tag is out of the bytes by the time the filter sees them.
        expect(received).toEqual(sent.filter((frame) => executeFilter(filter, untagged(frame)) > 0).map(hex));
        kept += out.length;
      }),
      { numRuns: 15 },
    );
    expect(kept).toBeGreaterThan(15 * Object.keys(keptFrames).length - 1);
    expect(ring.statistics().lost).toBe(0);
  });

  it('counts what a full ring loses', async () => {
    const network = await build(veth);
    const ring = open(network, { blockSizeBytes: 4096, blockCount: 2 });
    network.run('ping -q -f -c 2000 127.0.0.1 >/dev/null');
    const { captured, lost } = ring.statistics();
    expect(captured + lost).toBe(2000 * 2 * 2);
    expect(captured).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(7000);
    expect(await collect(ring)).toHaveLength(captured);
    expect(ring.statistics()).toEqual({ captured, lost });
  });

  it('reads around the ring many times without losing or repeating a frame', async () => {
    const network = await build(veth);
    const ring = open(network, { blockSizeBytes: 4096, blockCount: 8 });
    const numbers: number[] = [];
    for (let round = 0; round < 30; round++) {
      const frames = Array.from({ length: 60 }, (_, index) => ethernet(0x88b5, numbered(round * 60 + index)));
      sendFrames(network.netns, 'va', frames);
      for (const { bytes, direction } of await collect(ring))
        if (direction === 'in') numbers.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(14));
    }
    expect(numbers).toEqual(Array.from({ length: 1800 }, (_, index) => index));
    expect(ring.statistics()).toEqual({ captured: 3600, lost: 0 });
  });

  it('goes on when an interface disappears and another appears', async () => {
    const network = await build(veth);
    const ring = open(network);
    sendFrames(network.netns, 'va', [ethernet(0x88b5, [1])]);
    network.run(`ip link del va; ip link add name vc type veth peer name vd; ip link set vc up; ip link set vd up
      ${untilUp('vc', 'vd')}`);
    sendFrames(network.netns, 'vc', [ethernet(0x88b5, [2])]);
    const frames = (await collect(ring)).filter(({ bytes }) => bytes[12] === 0x88 && bytes[13] === 0xb5);
    expect(frames.map(({ place }) => place.name)).toEqual(['va', 'vb', 'vc', 'vd']);
    expect(ring.places().map(({ name }) => name)).toContain('vd');
  });

  it('names an interface that is gone before its first frame is read by its number', async () => {
    const network = await build('sysctl -qw net.ipv6.conf.default.disable_ipv6=1');
    const ring = open(network);
    network.run(`ip link add name vx index 77 type veth peer name vy index 78; ip link set vx up; ip link set vy up
      ${untilUp('vx', 'vy')}`);
    sendFrames(network.netns, 'vx', [ethernet(0x88b5, [1])]);
    network.run('ip link del vx');
    expect((await collect(ring)).map(({ place }) => place.name)).toEqual(['if77', 'if78']);
  });

  it('outlives the processes of its namespace', async () => {
    const network = await build(veth);
    const ring = open(network);
    network.close();
    await sleep(50);
    expect(ring.read(() => undefined)).toBe(0);
    expect(ring.statistics()).toEqual({ captured: 0, lost: 0 });
  });

  it('leaves no descriptor and no mapping behind, and close may be called twice', async () => {
    const network = await build(veth);
    const before = openResources();
    const rings = [open(network), open(network)];
    expect(openResources().length).toBeGreaterThanOrEqual(before.length + 4);
    for (const ring of rings) {
      ring.close();
      ring.close();
    }
    expect(openResources()).toEqual(before);
    expect(rings[0]?.read(() => undefined)).toBe(0);
    expect(() => openRing(network.netns, { filter: keepAll(), blockSizeBytes: 1000 })).toThrow('PACKET_RX_RING');
    expect(openResources()).toEqual(before);
  });

  it('says which namespace is not there', () => {
    const netns = { id: 'gone', inode: 1, names: [], path: '/proc/self/no-such-namespace', pids: [] };
    expect(() => openRing(netns, { filter: keepAll() })).toThrow(
      'no network namespace at /proc/self/no-such-namespace',
    );
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function numbered(value: number): Uint8Array {
  const bytes = new Uint8Array(50);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** What the kernel's receive path makes of a tagged frame (skb_vlan_untag). */
function untagged(frame: Uint8Array): Uint8Array {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  if (type !== 0x8100 && type !== 0x88a8) return frame;
  return Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]);
}

/** A tun device of this process (Documentation/networking/tuntap.rst): what is written to it is received by the stack. */
function openTun(name: string): number {
  const TUNSETIFF = 0x400454ca;
  const IFF_TUN = 1;
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode(name));
  new DataView(request.buffer).setUint16(16, IFF_TUN, true);
  const fd = openSync('/dev/net/tun', 'r+');
  const ioctl = libc().library.func('int ioctl(int fd, unsigned long request, void *argument)');
  if (ioctl(fd, TUNSETIFF, request) < 0) throw new Error('no tun device');
  return fd;
}

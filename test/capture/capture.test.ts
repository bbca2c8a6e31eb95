import { afterEach, describe, expect, it } from 'vitest';
import { type Capture, openCapture } from '../../src/capture/capture.ts';
import { keepAll } from '../../src/capture/filter.ts';
import { openRing } from '../../src/capture/ring.ts';
import type { NetnsHandle } from '../../src/linux/netns.ts';
import { realtimeNs } from '../../src/linux/socket.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { arp, ethernet, sendFrames } from './frames.ts';
import {
  mayMakeNamespaces,
  openResources,
  type PrivateNetwork,
  privateNetwork,
  sleep,
  untilUp,
} from './private-network.ts';

const small = { filter: keepAll(), blockSizeBytes: 1 << 16, blockCount: 16 };
const gone: NetnsHandle = { id: 'gone', inode: 1, names: [], path: '/proc/self/no-such-namespace', pids: [] };

describe.skipIf(!mayMakeNamespaces)('the capture', () => {
  const cleanup: (() => void)[] = [];
  afterEach(() => {
    for (const undo of cleanup.splice(0).reverse()) undo();
  });

  //   A: va 10.9.0.2 ─── B: vb 10.9.0.3
  const twoNamespaces = async (): Promise<[PrivateNetwork, PrivateNetwork]> => {
    const quiet = 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1';
    const b = await privateNetwork(quiet);
    cleanup.push(() => b.close());
    const a = await privateNetwork(`${quiet}
      ip link add name va type veth peer name vb
      ip link set vb netns ${b.pid}
      ip addr add 10.9.0.2/24 dev va
      ip link set va up`);
    cleanup.push(() => a.close());
    b.run(`ip addr add 10.9.0.3/24 dev vb; ip link set vb up; ${untilUp('vb')}`);
    a.run(untilUp('va'));
    return [a, b];
  };
  const start = (namespaces: NetnsHandle[], frames: Frame[]): Capture => {
    const capture = openCapture(namespaces, { ...small, onPacket: (packet) => frames.push(packet.frame()) });
    cleanup.push(() => capture.close());
    return capture;
  };

  it('hands over the frames of two namespaces in order of time', async () => {
    const [a, b] = await twoNamespaces();
    const frames: Frame[] = [];
    const capture = start([a.netns, b.netns], frames);
    a.run('ping -c 1 -W 1 10.9.0.3');
    await capture.drain();
    const names = new Map([
      [a.netns.id, 'A'],
      [b.netns.id, 'B'],
    ]);
    const seen = frames.map(({ place, direction, bytes }) => {
      const kind = bytes[13] === 6 ? 'arp' : `icmp ${bytes[34]}`;
      return `${names.get(place.netns)}:${place.name} ${direction} ${kind}`;
    });
    expect(seen).toEqual([
      'A:va out arp',
      'B:vb in arp',
      'B:vb out arp',
      'A:va in arp',
      'A:va out icmp 8',
      'B:vb in icmp 8',
      'B:vb out icmp 0',
      'A:va in icmp 0',
    ]);
    const coverage = capture.coverage();
    expect(coverage).toMatchObject({ engine: 'packet-ring', framesCaptured: 8, lost: [], gaps: [] });
    expect(
      capture
        .places()
        .map(({ netns, name }) => `${names.get(netns)}:${name}`)
        .sort(),
    ).toEqual(['A:lo', 'A:va', 'B:lo', 'B:vb']);
    expect(coverage.places).toEqual(capture.places());
    expect(frames.every(({ timeNs }) => timeNs >= coverage.fromNs && timeNs <= coverage.untilNs)).toBe(true);
  });

  it('hands over in order of time throughout, where that is asked for, however the rings fill', async () => {
    const [a, b] = await twoNamespaces();
    const seen: { readonly place: string; readonly timeNs: bigint; readonly bytes: number }[] = [];
    const capture = openCapture([a.netns, b.netns], {
      filter: keepAll(),
      blockSizeBytes: 1 << 16,
      blockCount: 64,
      ordered: true,
      onPacket: (packet) =>
        seen.push({ place: packet.place.name, timeNs: packet.frame().timeNs, bytes: packet.length }),
    });
    cleanup.push(() => capture.close());
    for (let round = 0; round < 5; round++) {
      a.run('ping -q -f -c 300 10.9.0.3 >/dev/null; ping -q -c 1 127.0.0.1 >/dev/null');
      await capture.poll(20);
    }
    await capture.drain();
    const { lost, framesCaptured } = capture.coverage();
    expect(lost).toEqual([]);
    expect(seen).toHaveLength(framesCaptured);
    for (const place of ['va', 'vb'])
      expect(seen.filter((each) => each.place === place).length).toBeGreaterThan(3000 - 1);
    expect(seen.findIndex(({ timeNs }, index) => timeNs < (seen[index - 1]?.timeNs ?? 0n))).toBe(-1);
  });

  it('hands over at once, held back or not, when a ring fills', async () => {
    const [a, b] = await twoNamespaces();
    let packets = 0;
    const capture = openCapture([a.netns, b.netns], {
      filter: keepAll(),
      blockSizeBytes: 1 << 16,
      blockCount: 8,
      // Longer than the test waits: nothing would come before it.
      retireMs: 60_000,
      ordered: true,
      onPacket: () => packets++,
    });
    cleanup.push(() => capture.close());
    a.run('ping -q -c 1 127.0.0.1 >/dev/null');
    await capture.poll(1);
    expect(packets).toBe(0);
    a.run('ping -q -f -c 600 -s 400 127.0.0.1 >/dev/null');
    await capture.poll(1);
    expect(packets).toBeGreaterThan(500);
  });

  it('waits without blocking: wakes for a frame, for another descriptor, or when the time is over', async () => {
    const [a] = await twoNamespaces();
    const frames: Frame[] = [];
    const capture = start([a.netns], frames);
    let started = performance.now();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    cleanup.push(() => clearInterval(timer));
    expect(await capture.poll(200)).toEqual(new Set());
    expect(performance.now() - started).toBeGreaterThan(190);
    expect(ticks).toBeGreaterThan(10);
    expect(frames).toEqual([]);

    started = performance.now();
    setTimeout(() => sendFrames(a.netns, 'va', [ethernet(0x88b5, arp)]), 20);
    await capture.poll(5000);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(frames).toHaveLength(1);

    // A descriptor of the caller's: here another ring, whose frames are not this capture's.
    const elsewhere = await privateNetwork();
    cleanup.push(() => elsewhere.close());
    const ring = openRing(elsewhere.netns, small);
    cleanup.push(() => ring.close());
    started = performance.now();
    elsewhere.run('ping -c 1 -W 1 127.0.0.1');
    expect(await capture.poll(5000, [ring.fd])).toEqual(new Set([ring.fd]));
    expect(performance.now() - started).toBeLessThan(1000);
    expect(frames).toHaveLength(1);
  });

  it('states a namespace that cannot be opened as a gap, and fails for the starting one', async () => {
    const [a] = await twoNamespaces();
    const capture = start([a.netns, gone], []);
    expect(capture.coverage().gaps).toEqual(['gone: no network namespace at /proc/self/no-such-namespace']);
    const before = openResources();
    expect(() => start([gone, a.netns], [])).toThrow('no network namespace');
    expect(openResources()).toEqual(before);
  });

  it('goes on when an interface and a namespace disappear while it runs', async () => {
    const [a, b] = await twoNamespaces();
    const frames: Frame[] = [];
    const capture = start([a.netns, b.netns], frames);
    sendFrames(a.netns, 'va', [ethernet(0x0806, arp)]);
    a.run('ip link del va');
    b.close();
    await sleep(50);
    await capture.poll(20);
    await capture.drain();
    expect(frames.map(({ place }) => place.name).slice(0, 2)).toEqual(['va', 'vb']);
    expect(capture.coverage().gaps).toEqual([]);
  });

  it('says by namespace how many frames were lost, also after it was closed', async () => {
    const [a, b] = await twoNamespaces();
    const capture = openCapture([a.netns, b.netns], {
      filter: keepAll(),
      blockSizeBytes: 4096,
      blockCount: 2,
      onPacket: () => undefined,
    });
    cleanup.push(() => capture.close());
    a.run('ping -q -f -c 2000 127.0.0.1 >/dev/null');
    capture.close();
    capture.close();
    const { lost, framesCaptured } = capture.coverage();
    expect(lost).toEqual([{ netns: a.netns.id, frames: 8000 - framesCaptured }]);
    expect(framesCaptured).toBeLessThan(1000);
    expect(await capture.poll(1000)).toEqual(new Set());
  });

  it('leaves nothing open', async () => {
    const [a, b] = await twoNamespaces();
    const before = openResources();
    const capture = start([a.netns, b.netns], []);
    const pending = capture.poll(30);
    capture.close();
    await pending;
    await capture.drain();
    expect(openResources()).toEqual(before);
  });

  it('claims coverage only up to what the kernel must have handed over', async () => {
    const [a] = await twoNamespaces();
    const capture = start([a.netns], []);
    const opened = realtimeNs();
    expect(capture.coverage().fromNs).toBeLessThanOrEqual(opened);
    await capture.drain();
    const { untilNs } = capture.coverage();
    expect(untilNs).toBeGreaterThanOrEqual(opened);
    expect(untilNs).toBeLessThan(realtimeNs());
  });
});

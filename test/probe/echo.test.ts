import { afterEach, describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/capture.ts';
import { probeFilter } from '../../src/capture/filter.ts';
import { pollReadable } from '../../src/linux/poll.ts';
import { realtimeNs } from '../../src/linux/socket.ts';
import { type EchoEvent, type EchoOptions, type EchoProbe, openEchoProbe } from '../../src/probe/echo.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { token } from '../capture/frames.ts';
import {
  mayMakeNamespaces,
  openResources,
  type PrivateNetwork,
  privateNetwork,
  untilUp,
} from '../capture/private-network.ts';

describe.skipIf(!mayMakeNamespaces)('the echo probe', () => {
  const cleanup: (() => void)[] = [];
  afterEach(() => {
    for (const undo of cleanup.splice(0).reverse()) undo();
  });

  //   A: va 10.9.0.2, fd00::2 ─── B: vb 10.9.0.3, fd00::3, forwarding towards 198.51.100.0/24 (MTU 1300)
  const build = async (): Promise<[PrivateNetwork, PrivateNetwork]> => {
    const b = await privateNetwork('sysctl -qw net.ipv6.conf.default.accept_dad=0');
    cleanup.push(() => b.close());
    const a = await privateNetwork(`
      sysctl -qw net.ipv6.conf.default.accept_dad=0
      ip link add name va type veth peer name vb
      ip link set vb netns ${b.pid}
      ip addr add 10.9.0.2/24 dev va
      ip addr add fd00::2/64 dev va nodad
      ip link set va up
      ip route add default via 10.9.0.3`);
    cleanup.push(() => a.close());
    b.run(`
      ip addr add 10.9.0.3/24 dev vb
      ip addr add fd00::3/64 dev vb nodad
      ip link set vb up
      ip link add name vx type veth peer name vy
      ip link set vx mtu 1300
      ip addr add 198.51.100.1/24 dev vx
      ip link set vx up
      ip link set vy up
      sysctl -qw net.ipv4.ip_forward=1
      ${untilUp('vb', 'vx')}`);
    a.run(untilUp('va'));
    return [a, b];
  };
  const open = (network: PrivateNetwork, options: Partial<EchoOptions> = {}): EchoProbe => {
    const probe = openEchoProbe(network.netns, { interface: 'va', destination: '10.9.0.3', token, ...options });
    cleanup.push(() => probe.close());
    return probe;
  };
  /** Events until there are `count`, for a second each at the most. */
  const receive = async (probe: EchoProbe, count: number, timeoutMs = 1000): Promise<EchoEvent[]> => {
    const events: EchoEvent[] = [];
    for (let wait = 0; wait < 10 && events.length < count; wait++) {
      if ((await pollReadable([probe.fd], timeoutMs)).size === 0) break;
      events.push(...probe.receive());
    }
    return events;
  };

  it('is answered: sequence, time, source, TTL, length', async () => {
    const [a] = await build();
    const probe = open(a);
    const sent = [probe.send(1), probe.send(2), probe.send(70_000)];
    const events = await receive(probe, 3);
    const now = realtimeNs();
    expect(events).toMatchObject(
      [1, 2, 70_000].map((sequence) => ({ kind: 'reply', sequence, source: '10.9.0.3', ttl: 64, lengthBytes: 64 })),
    );
    events.forEach(({ timeNs }, index) => {
      expect(sent[index]?.error).toBeUndefined();
      expect(timeNs).toBeGreaterThan(sent[index]?.sentNs ?? now);
      expect(timeNs).toBeLessThan(now);
    });
    expect(probe.receive()).toEqual([]);
  });

  it('is kept by the filter of its run at both ends, another ping is not', async () => {
    const [a, b] = await build();
    const frames: Frame[] = [];
    const capture = openCapture([a.netns, b.netns], {
      filter: probeFilter({ token, dataBytes: 56 }),
      blockSizeBytes: 1 << 16,
      blockCount: 8,
      onPacket: (packet) => frames.push(packet.frame()),
    });
    cleanup.push(() => capture.close());
    const probe = open(a);
    a.run('ping -c 2 -i 0.01 -W 1 10.9.0.3');
    probe.send(1);
    expect((await receive(probe, 1)).map(({ kind }) => kind)).toEqual(['reply']);
    await capture.drain();
    const echoes = frames.filter(({ bytes }) => bytes[12] === 8 && bytes[13] === 0);
    expect(echoes.map(({ place, bytes }) => `${place.name} ${bytes[34]}`)).toEqual(['va 8', 'vb 8', 'vb 0', 'va 0']);
    for (const { bytes } of echoes) {
      expect(bytes.subarray(42, 50)).toEqual(token);
      expect((bytes[38] ?? 0) * 256 + (bytes[39] ?? 0)).toBe(probe.identifier);
    }
    expect(frames.filter(({ bytes }) => bytes[13] === 6).length).toBeGreaterThanOrEqual(4);
  });

  it('hears neither other pings nor other runs', async () => {
    const [a] = await build();
    const probe = open(a);
    const other = open(a, { token: Uint8Array.from([9, 9, 9, 9, 9, 9, token[6] ?? 0, token[7] ?? 0]) });
    expect(other.identifier).toBe(probe.identifier);
    other.send(1);
    a.run('ping -c 1 -W 1 10.9.0.3');
    expect(await receive(other, 1)).toHaveLength(1);
    expect(probe.receive()).toEqual([]);
  });

  it('works with data too short for token or sequence', async () => {
    const [a] = await build();
    for (const sizeBytes of [0, 5, 8, 11, 12, 1400]) {
      const probe = open(a, { sizeBytes });
      probe.send(3);
      expect(await receive(probe, 1)).toMatchObject([{ kind: 'reply', sequence: 3, lengthBytes: 8 + sizeBytes }]);
      probe.close();
    }
  });

  it('chooses the source the kernel would, and none where it would not', async () => {
    const [a] = await build();
    const probe = open(a, { destination: '198.51.100.9' });
    expect(probe.source()).toBe('10.9.0.2');
    a.run('ip addr add 10.77.0.1/24 dev va; ip route replace default via 10.9.0.3 src 10.77.0.1');
    expect(probe.source()).toBe('10.77.0.1');
    a.run('ip addr flush dev va');
    expect(probe.source()).toBeUndefined();
  });

  it('does not heed a route that refuses: bound to a device the kernel takes the target to be on-link', async () => {
    const [a] = await build();
    a.run('ip route add unreachable 198.51.100.9');
    const probe = open(a, { destination: '198.51.100.9' });
    expect(probe.source()).toBe('10.9.0.2');
    expect(probe.send(1).error).toBeUndefined();
    expect(a.run('ip neigh show dev va')).toContain('198.51.100.9');
  });

  it('reports the error of a router by sequence, and still sends what comes after it', async () => {
    const [a] = await build();
    const probe = open(a, { destination: '203.0.113.1' });
    probe.send(1);
    expect(await receive(probe, 1)).toMatchObject([
      { kind: 'error', sequence: 1, errno: 'ENETUNREACH', origin: 'icmp', type: 3, code: 0, from: '10.9.0.3' },
    ]);
    probe.send(2);
    await pollReadable([probe.fd], 1000);
    // The error of 2 is pending on the socket: it must not be taken for a failure of 3.
    expect(probe.send(3).error).toBeUndefined();
    expect((await receive(probe, 1)).map((event) => event.sequence)).toContain(2);
  });

  it('reports exceeded time limits', async () => {
    const [a] = await build();
    const probe = open(a, { destination: '198.51.100.9', ttl: 1 });
    probe.send(4);
    expect(await receive(probe, 1)).toMatchObject([
      { kind: 'error', sequence: 4, errno: 'EHOSTUNREACH', origin: 'icmp', type: 11, code: 0, from: '10.9.0.3' },
    ]);
  });

  it('hears nothing of a neighbour that does not answer: the error is received on lo, the socket is bound', async () => {
    const [a] = await build();
    const probe = open(a, { destination: '10.9.0.99' });
    probe.send(1);
    expect(await receive(probe, 1, 3500)).toEqual([]);
    expect(a.run('ip neigh show 10.9.0.99')).toContain('FAILED');
    // And the failure is not taken for one of the next probe.
    expect(probe.send(2).error).toBeUndefined();
  });

  it('with DF: too big for the interface fails at once, too big for a router comes back with the MTU', async () => {
    const [a] = await build();
    const local = open(a, { sizeBytes: 2000, dontFragment: 'do' });
    expect(local.send(1).error).toBe('EMSGSIZE');
    expect(local.receive()).toMatchObject([{ kind: 'error', errno: 'EMSGSIZE', origin: 'local', mtu: 1500 }]);
    const far = open(a, { destination: '198.51.100.9', sizeBytes: 1400, dontFragment: 'do' });
    far.send(1);
    expect(await receive(far, 1)).toMatchObject([
      { kind: 'error', sequence: 1, errno: 'EMSGSIZE', origin: 'icmp', type: 3, code: 4, from: '10.9.0.3', mtu: 1300 },
    ]);
    expect(far.send(2).error).toBe('EMSGSIZE');
    const whole = open(a, { sizeBytes: 60_000, dontFragment: 'dont' });
    whole.send(1);
    expect(await receive(whole, 1)).toMatchObject([{ kind: 'reply', lengthBytes: 60_008 }]);
  });

  it('is bound to its interface: without a route it takes the target to be on-link there', async () => {
    const [a] = await build();
    a.run('ip route del default');
    const probe = open(a, { destination: '192.0.2.55' });
    expect(probe.source()).toBe('10.9.0.2');
    expect(probe.send(1).error).toBeUndefined();
    expect(a.run('ip neigh show dev va')).toContain('192.0.2.55');
  });

  it('cannot send from an interface that is down', async () => {
    const [a] = await build();
    const probe = open(a);
    a.run('ip link set va down');
    expect(probe.send(1).error).toBe('ENETUNREACH');
    expect(probe.source()).toBeUndefined();
  });

  it('stays quiet when its interface is deleted', async () => {
    const [a] = await build();
    const probe = open(a);
    a.run('ip link del va');
    expect(probe.send(1).error).toMatch(/^E(NODEV|NETUNREACH|NXIO)$/);
    expect(probe.receive()).toEqual([]);
  });

  it('speaks ICMPv6, also to a link-local address', async () => {
    const [a, b] = await build();
    const global = open(a, { destination: 'fd00::3', ttl: 9 });
    expect(global.source()).toBe('fd00::2');
    global.send(1);
    expect(await receive(global, 1)).toMatchObject([
      { kind: 'reply', sequence: 1, source: 'fd00::3', ttl: 64, lengthBytes: 64 },
    ]);
    const linkLocal = /fe80::[0-9a-f:]+/.exec(b.run('ip -6 addr show dev vb'))?.[0] ?? '';
    const local = open(a, { destination: `${linkLocal}%va` });
    local.send(2);
    expect(await receive(local, 1)).toMatchObject([{ kind: 'reply', sequence: 2, source: linkLocal }]);
    const lost = open(a, { destination: '2001:db8::1' });
    expect(lost.send(1).error).toBe('ENETUNREACH');
    const big = open(a, { destination: 'fd00::3', sizeBytes: 3000, dontFragment: 'do' });
    expect(big.send(1).error).toBe('EMSGSIZE');
  });

  it('refuses what cannot be, and leaves nothing open', async () => {
    const [a] = await build();
    const before = openResources();
    expect(() => open(a, { interface: 'vaa' })).toThrow(
      expect.objectContaining({ code: 'no-such-interface', hint: expect.stringContaining('va') }),
    );
    expect(() => open(a, { destination: 'va.example' })).toThrow('va.example is not an IP address');
    expect(() => open(a, { sizeBytes: 65_508 })).toThrow('an echo carries 0 to 65507 bytes, not 65508');
    expect(() => open(a, { ttl: 0 })).toThrow('a TTL is 1 to 255, not 0');
    expect(() => open(a, { ttl: 256 })).toThrow('not 256');
    const probe = open(a);
    probe.close();
    probe.close();
    expect(probe.receive()).toEqual([]);
    expect(openResources()).toEqual(before);
  });
});

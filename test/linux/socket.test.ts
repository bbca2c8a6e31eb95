import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { errnoName, systemCallError } from '../../src/linux/errno.ts';
import { listInterfaces } from '../../src/linux/interfaces.ts';
import { pollReadable } from '../../src/linux/poll.ts';
import {
  AF_INET,
  closeSocket,
  getOption,
  interfaceFlags,
  interfaceIndex,
  interfaceName,
  openSocket,
  realtimeNs,
  SOCK_DGRAM,
  SOL_SOCKET,
  setIntOption,
} from '../../src/linux/socket.ts';

const SO_RCVBUF = 8;

describe('errors of system calls', () => {
  it.each([
    ['socket(AF_PACKET)', 'EPERM', 'permission', 'socket(AF_PACKET): EPERM: capturing and probing need CAP_NET_RAW'],
    ['socket(AF_PACKET)', 'EAFNOSUPPORT', 'unsupported-platform', 'this kernel has no AF_PACKET (CONFIG_PACKET)'],
    [
      'socket(AF_INET6)',
      'EAFNOSUPPORT',
      'unsupported-platform',
      'socket(AF_INET6): EAFNOSUPPORT: this kernel does not have it',
    ],
    [
      'setsockopt(PACKET_RX_RING)',
      'ENOMEM',
      'system-call',
      'setsockopt(PACKET_RX_RING): ENOMEM: not enough kernel memory',
    ],
    ['bind', 'EBADF', 'system-call', 'bind: EBADF'],
  ] as const)('%s %s', (call, errno, code, message) => {
    expect(systemCallError(call, constants.errno[errno])).toMatchObject({ code, message, exitCode: 2 });
  });

  it('have names, or at least a number', () => {
    expect(errnoName(constants.errno.ENETUNREACH)).toBe('ENETUNREACH');
    expect(errnoName(100_000)).toBe('errno 100000');
  });

  it('are thrown by the wrappers', () => {
    expect(() => openSocket('AF_255', 255, SOCK_DGRAM, 0)).toThrow('socket(AF_255): EAFNOSUPPORT');
    expect(() => setIntOption(-1, SOL_SOCKET, SO_RCVBUF, 1, 'SO_RCVBUF')).toThrow('setsockopt(SO_RCVBUF): EBADF');
  });
});

describe('sockets', () => {
  it('know options and interfaces', () => {
    const fd = openSocket('AF_INET', AF_INET, SOCK_DGRAM, 0);
    setIntOption(fd, SOL_SOCKET, SO_RCVBUF, 10_000, 'SO_RCVBUF');
    const value = getOption(fd, SOL_SOCKET, SO_RCVBUF, 4, 'SO_RCVBUF');
    // socket(7): the kernel doubles it.
    expect(new DataView(value.buffer).getInt32(0, true)).toBe(20_000);
    const interfaces = listInterfaces();
    expect([...interfaces.values()]).toContain('lo');
    for (const [index, name] of interfaces) {
      expect(interfaceIndex(fd, name)).toBe(index);
      expect(interfaceName(fd, index)).toBe(name);
      expect(interfaceFlags(fd, name)).toBeTypeOf('number');
    }
    expect(interfaceIndex(fd, 'no-such-one')).toBeUndefined();
    expect(interfaceIndex(fd, 'a-name-of-sixteen')).toBeUndefined();
    expect(interfaceName(fd, 2 ** 30)).toBeUndefined();
    closeSocket(fd);
  });

  it('read the wall clock in nanoseconds', () => {
    const before = BigInt(Date.now());
    const now = realtimeNs();
    expect(now / 1_000_000n).toBeGreaterThanOrEqual(before);
    expect(now / 1_000_000n).toBeLessThanOrEqual(BigInt(Date.now()));
  });
});

describe('pollReadable', () => {
  it('waits its time without blocking the event loop', async () => {
    const fd = openSocket('AF_INET', AF_INET, SOCK_DGRAM, 0);
    const started = performance.now();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    expect(await pollReadable([fd], 100)).toEqual(new Set());
    clearInterval(timer);
    closeSocket(fd);
    expect(performance.now() - started).toBeGreaterThanOrEqual(99);
    expect(ticks).toBeGreaterThan(5);
  });

  it('reports a closed descriptor instead of waiting for it', async () => {
    expect(await pollReadable([1 << 20], 5000)).toEqual(new Set([1 << 20]));
    expect(await pollReadable([], 1)).toEqual(new Set());
  });
});

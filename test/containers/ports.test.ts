import { describe, expect, test } from 'vitest';
import { portsNote, portWords } from '../../src/containers/ports.ts';
import { container } from './built.ts';

const tcp = (address: string, hostPort: number, port = 80) => ({ address, hostPort, port, protocol: 'tcp' });

describe('published ports', () => {
  test('once for both families, with the address where it is not all', () => {
    const ports = [tcp('0.0.0.0', 8080), tcp('::', 8080), tcp('127.0.0.1', 81), tcp('fd00::1', 82)];
    expect(portWords({ ports })).toEqual(['8080->80/tcp', '127.0.0.1:81->80/tcp', '[fd00::1]:82->80/tcp']);
  });

  test('many are counted', () => {
    expect(portWords({ ports: [1, 2, 3, 4, 5, 6].map((port) => tcp('0.0.0.0', port)) })).toEqual([
      '1->80/tcp',
      '2->80/tcp',
      '3->80/tcp',
      '4->80/tcp',
      '2 more ports',
    ]);
  });

  test('only those at the address that is asked for, of containers that run', () => {
    const shop = container('shop', { netns: 5, ports: [tcp('0.0.0.0', 8080), tcp('192.0.2.9', 90)] });
    const old = container('old', { ports: [tcp('0.0.0.0', 7070)] });
    expect(portsNote([shop, old], '192.0.2.1')).toMatch(/^192\.0\.2\.1 is the host, .* \(8080->80\/tcp of shop\): /);
    expect(portsNote([shop, old], '192.0.2.9')).toContain('(8080->80/tcp, 192.0.2.9:90->80/tcp of shop)');
    expect(portsNote([shop], 'fd00::1')).toBeUndefined();
    expect(portsNote([old], '192.0.2.1')).toBeUndefined();
  });
});

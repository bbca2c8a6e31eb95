/** What an address has to be before a trace starts. */
import { describe, expect, it } from 'vitest';
import { checkAddress } from '../../src/session/start.ts';

describe('the address to trace to', () => {
  it.each([
    ['10.9.0.3', '10.9.0.3'],
    ['fd00::3', 'fd00::3'],
    ['FD00:0:0:0::3', 'fd00::3'],
    ['fe80::1', 'fe80::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is taken as %s', (given, taken) => expect(checkAddress(given, 'eth0')).toBe(taken));

  it.each([
    ['fe80::1%eth1', 'is on the link of eth1'],
    ['::ffff:10.9.0.3', 'IPv4 address in IPv6 form'],
    ['::', 'not the address of one host'],
    ['ff02::1', 'not the address of one host'],
    ['255.255.255.255', 'not the address of one host'],
    ['db.example', 'not an IP address'],
  ])('%s is refused', (given, why) => expect(() => checkAddress(given, 'eth0')).toThrow(why));
});

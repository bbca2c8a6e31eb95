import { describe, expect, it } from 'vitest';
import { icmpName } from '../../src/wire/icmp-name.ts';

describe('icmpName', () => {
  it.each([
    [4, 8, 0, 'echo request'],
    [4, 0, 0, 'echo reply'],
    [4, 3, 0, 'network unreachable'],
    [4, 3, 1, 'host unreachable'],
    [4, 3, 3, 'port unreachable'],
    [4, 3, 4, 'fragmentation needed'],
    [4, 3, 9, 'network administratively prohibited'],
    [4, 3, 10, 'host administratively prohibited'],
    [4, 3, 13, 'communication administratively prohibited'],
    [4, 3, 15, 'precedence cutoff in effect'],
    [4, 3, 16, 'destination unreachable, code 16'],
    [4, 5, 1, 'redirect for host'],
    [4, 11, 0, 'time to live exceeded in transit'],
    [4, 11, 1, 'fragment reassembly time exceeded'],
    [4, 8, 5, 'echo request, code 5'],
    [4, 135, 0, 'type 135 code 0'],
    [6, 1, 0, 'no route to destination'],
    [6, 1, 6, 'route to destination rejected'],
    [6, 2, 0, 'packet too big'],
    [6, 3, 0, 'hop limit exceeded in transit'],
    [6, 128, 0, 'echo request'],
    [6, 135, 0, 'neighbour solicitation'],
    [6, 136, 0, 'neighbour advertisement'],
    [6, 8, 0, 'type 8 code 0'],
  ] as const)('ICMP version %i, %i/%i is %s', (version, type, code, name) => {
    expect(icmpName(version, type, code)).toBe(name);
  });

  it('has one line for any numbers', () => {
    for (const version of [4, 6] as const)
      for (let type = 0; type < 256; type++)
        for (let code = 0; code < 256; code++) expect(icmpName(version, type, code)).toMatch(/^[a-z0-9 ,]+$/);
  });
});

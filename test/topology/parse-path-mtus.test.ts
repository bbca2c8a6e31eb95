/** MTUs of routes and of paths, as iproute2 6.1 prints them. */
import { describe, expect, it } from 'vitest';
import { hasMtus, lockedAt, parsePathMtus } from '../../src/topology/parse-path-mtus.ts';
import { parseRoutes } from '../../src/topology/parse-routes.ts';

const LEARNT = {
  type: 'unicast',
  dst: '10.2.0.2',
  gateway: '10.1.0.1',
  dev: 'c0',
  flags: [],
  cache: [],
  expires: 599,
  metrics: [{ mtu: 1400 }],
};
const REDIRECT = { dst: '10.2.0.3', gateway: '10.1.0.9', dev: 'c0', flags: [], cache: ['redirected'] };

describe('what is known of MTUs', () => {
  it('of paths: entries of the route cache that have one', () => {
    expect(parsePathMtus([LEARNT, REDIRECT], 4)).toEqual([
      { family: 4, destination: '10.2.0.2', device: 'c0', mtu: 1400, locked: false },
    ]);
    expect(parsePathMtus([REDIRECT, LEARNT], 4, new Set([1]))).toMatchObject([{ locked: true }]);
    expect(parsePathMtus('nonsense', 4)).toEqual([]);
    expect(
      parsePathMtus(
        [
          { dst: 'x', metrics: [{ mtu: 1 }] },
          { dst: '10.0.0.1', metrics: 'y' },
        ],
        4,
      ),
    ).toEqual([]);
  });

  it('of routes', () => {
    const route = { dst: 'default', gateway: '10.1.0.1', dev: 'c0', metrics: [{ mtu: 1300, advmss: 500 }] };
    expect(parseRoutes([route], 4).routes[0]).toMatchObject({ mtu: 1300 });
    expect(parseRoutes([route], 4).routes[0]?.mtuLocked).toBeUndefined();
    expect(parseRoutes([{ ...route, tos: '0x10' }, route], 4, new Set([1])).routes).toMatchObject([
      { mtu: 1300, mtuLocked: true },
    ]);
    expect(hasMtus([REDIRECT])).toBe(false);
    expect(hasMtus([REDIRECT, route])).toBe(true);
  });

  it('which are locked, from the text alone', () => {
    const listing = [
      '10.0.0.0/24 dev x0 proto kernel scope link src 10.0.0.1 ',
      '10.4.0.0/24 via 10.0.0.2 dev x0 mtu lock 1300 ',
      '10.5.0.0/24 mtu lock 1300 \\\tnexthop via 10.0.0.2 dev x0 weight 1 \\\tnexthop via 10.0.0.3 dev x0 weight 1 ',
      '10.6.0.0/24 via 10.0.0.2 dev x0 mtu 1300 ',
      '',
    ].join('\n');
    expect([...lockedAt(listing)]).toEqual([1, 2]);
  });
});

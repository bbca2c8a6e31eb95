import { describe, expect, it } from 'vitest';
import { parseMdb } from '../../src/topology/parse-mdb.ts';

// bridge 6.1, `bridge -j -d mdb show`
const LISTED = [
  {
    mdb: [
      { index: 2, dev: 'br0', port: 'py', grp: 'ff02::1:ff00:3', state: 'temp', protocol: 'kernel', flags: [] },
      { index: 2, dev: 'br0', port: 'br0', grp: 'ff02::6a', state: 'temp', flags: [] },
      { index: 2, dev: 'br0', port: 'py', grp: '239.1.2.3', vid: 7, src: '10.0.0.9', state: 'permanent', flags: [] },
      { index: 2, dev: 'br0', port: 'px', grp: 'ff05::2', state: 'temp', flags: ['blocked'] },
      { index: 3, dev: 'br1', port: 'pz', grp: '01:02:03:04:05:06', state: 'temp', flags: [] },
    ],
    router: { br0: [{ port: 'pq', timer: ' 252.86', type: 'temp' }], br9: [{ port: 'ph' }] },
  },
];

describe('what bridges have heard of groups', () => {
  it('is read by bridge: members, routers', () => {
    expect(parseMdb(LISTED)).toEqual(
      new Map([
        [
          'br0',
          {
            groups: [
              { group: 'ff02::1:ff00:3', port: 'py' },
              { group: 'ff02::6a', port: 'br0' },
              { group: '239.1.2.3', port: 'py', vlan: 7, source: '10.0.0.9' },
            ],
            routers: ['pq'],
          },
        ],
        ['br9', { groups: [], routers: ['ph'] }],
      ]),
    );
  });

  it.each([[undefined], [[]], [[{}]], [[{ mdb: 'no', router: [] }]], ['text']])('is nothing in %j', (json) => {
    expect(parseMdb(json).size).toBe(0);
  });
});

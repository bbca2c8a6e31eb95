import { describe, expect, it } from 'vitest';
import { connectedTo, type LinkedScan, readInFull } from '../../src/topology/discover.ts';
import { link } from './built.ts';

const scan = (id: string, leads: LinkedScan['leads'], links: LinkedScan['links'] = []): LinkedScan => ({
  handle: { id, inode: 1, names: [], path: '', pids: [] },
  leads,
  links,
});

const address = (text: string) => [{ family: 4 as const, address: text, prefixLength: 24, scope: 'global', flags: [] }];

/** A host with `count` containers on veth pairs; each end tells of its pair. */
function cluster(count: number): LinkedScan[] {
  const names = Array.from({ length: count }, (_, at) => `c${at}`);
  return [
    scan(
      'host',
      names.map((to, at) => ({ to, link: 10 + at, peer: 2 })),
      names.map((netns, at) => link(10 + at, `v${at}`, { peer: { netns, index: 2 } })),
    ),
    ...names.map((name, at) =>
      scan(name, [{ to: 'host', link: 2, peer: 10 + at }], [link(2, 'eth0', { addresses: address(`10.0.0.${at}`) })]),
    ),
  ];
}

describe('what is connected', () => {
  it('is reached through veth pairs, in steps', () => {
    const island = [scan('x', [{ to: 'y', link: 1, peer: 1 }]), scan('y', [])];
    const steps = connectedTo('c1', [...cluster(3), ...island, scan('alone', [])]);
    expect(Object.fromEntries(steps)).toEqual({ c1: 0, host: 1, c0: 2, c2: 2 });
  });

  it('is connected also where only one side tells of it, as the upper side of a macvlan does', () => {
    const steps = connectedTo('host', [scan('host', []), scan('c', [{ to: 'host', link: 4, peer: 5 }])]);
    expect([...steps.keys()]).toEqual(['host', 'c']);
  });
});

describe('what is read in full', () => {
  const chosen = (scans: readonly LinkedScan[], interest: Parameters<typeof readInFull>[2]) => {
    const { full, leftOut } = readInFull(scans, connectedTo(interest.start, scans), interest);
    return { full: [...full].sort(), leftOut };
  };

  it('is everything in a small network', () => {
    expect(chosen(cluster(15), { start: 'host' }).full).toHaveLength(16);
  });

  it('is what can be on the path in a greater one', () => {
    const interest = { start: 'c3', targetAddress: '10.0.0.7', interfaceName: 'eth0' };
    expect(chosen(cluster(40), interest)).toEqual({ full: ['c3', 'c7', 'host'], leftOut: 0 });
  });

  it('has the other end of the interface named', () => {
    expect(chosen(cluster(40), { start: 'host', interfaceName: 'v9' }).full).toEqual(['c9', 'host']);
  });

  it('has what hangs on more than one link', () => {
    const router = scan('c5', [
      { to: 'host', link: 2, peer: 15 },
      { to: 'c6', link: 3, peer: 9 },
    ]);
    const scans = cluster(40).map((other) => (other.handle.id === 'c5' ? router : other));
    expect(chosen(scans, { start: 'host' }).full).toEqual(['c5', 'c6', 'host']);
  });

  it('has nothing that is not connected, whoever owns the target', () => {
    const twin = scan('twin', [], [link(2, 'eth0', { addresses: address('10.0.0.1') })]);
    expect(chosen([...cluster(2), twin], { start: 'host', targetAddress: '10.0.0.1' }).full).not.toContain('twin');
  });

  it('has a limit, and counts what is beyond it', () => {
    const ring = Array.from({ length: 100 }, (_, at) =>
      scan(`r${at}`, [{ to: `r${(at + 1) % 100}`, link: 1, peer: 2 }]),
    );
    const { full, leftOut } = chosen(ring, { start: 'r0' });
    expect([full.length, leftOut]).toEqual([64, 36]);
    expect(full).toContain('r32');
    expect(full).not.toContain('r50');
  });
});

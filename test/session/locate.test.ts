import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Container } from '../../src/containers/container.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { listNetns } from '../../src/linux/netns.ts';
import { type Located, locate, type Named } from '../../src/session/locate.ts';
import { type Known, meantNetns, meantPlaces } from '../../src/session/whereabouts.ts';
import { container } from '../containers/built.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

/*
 *  here: br0 10.9.0.1 ── v1 ── eth0 10.9.0.11 of c1 (web), default route by br0
 *                     └─ v2 ── eth0 10.9.0.12 of c2 (db)
 *        br1 10.8.0.1 ── v3 ── eth1 10.8.0.12 of c2, no default route
 *  c3 (lonely): lo alone.  c4 (bare): eth0, up, no address.  db is the name of a bridge here, too; c2 that of another container.
 */
const SCRIPT = `
for n in 1 2 3 4; do ip netns add c$n; ip -n c$n link set lo up; done
for n in 0 1; do ip link add br$n type bridge; ip addr add 10.$((9 - n)).0.1/24 dev br$n; ip link set br$n up; done
join() { ip link add $1 type veth peer name $4 netns $3; ip link set $1 master $2 up; ip -n $3 link set $4 up; }
join v1 br0 c1 eth0
join v2 br0 c2 eth0
join v3 br1 c2 eth1
join v4 br0 c4 eth0
ip -n c1 addr add 10.9.0.11/24 dev eth0
ip -n c2 addr add 10.8.0.12/24 dev eth1
ip -n c2 addr add 10.9.0.12/24 dev eth0
ip -n c1 route add default via 10.9.0.1
ip link add db type bridge
`;

describe.skipIf(!mayMakeNamespaces)('where a trace starts and goes to', () => {
  let machine: OwnMachine;
  let known: Known;
  beforeAll(() => {
    machine = ownMachine(SCRIPT);
    const handles = listNetns();
    const inode = (name: string): number => handles.find(({ names }) => names.includes(name))?.inode ?? 0;
    const containers: Container[] = [
      container('web', { netns: inode('c1') }),
      container('side', { netns: inode('c1'), sharesWith: 'web' }),
      container('db', { netns: inode('c2') }),
      container('lonely', { netns: inode('c3') }),
      container('bare', { netns: inode('c4') }),
      container('hosty', { netns: handles[0]?.inode ?? 0, hostNetwork: true }),
      container('c2', { netns: inode('c1') }),
    ];
    known = { handles, directory: { containers, networks: [], processes: new Map(), gaps: [] } };
  });
  afterAll(() => machine?.close());

  const at = (named: Named): Located => locate(named, known);
  const short = ({ start, interface: name, address }: Located): string =>
    `${name}@${start.names[0] ?? 'here'} ${address}`;
  function refusal(action: () => unknown): string {
    try {
      action();
    } catch (error) {
      if (error instanceof VdiagError) return `${error.message} | ${error.hint}`;
    }
    throw new Error('not refused');
  }

  test('interfaces and addresses stay what they are, without a word', () => {
    const located = at({ interface: 'br0', address: '10.9.0.11' });
    expect(short(located)).toBe('br0@here 10.9.0.11');
    expect(located.notes).toEqual([]);
    expect(at({ interface: 'eth0', address: '10.9.0.1', netns: 'c1' }).notes).toEqual([]);
  });

  test('one that is in no list is left to those who know the topology', () => {
    expect(short(at({ interface: 'eth7', address: '10.9.0.1' }))).toBe('eth7@here 10.9.0.1');
  });

  test('a container: its interface is the one its route leaves by', () => {
    const located = at({ interface: 'web', address: '10.9.0.12' });
    expect(short(located)).toBe('eth0@c1 10.9.0.12');
    expect(located.notes).toEqual([
      expect.stringMatching(/^from eth0 of web \(docker [0-9a-f]{12}\) to 10\.9\.0\.12: the route there leaves by it$/),
    ]);
    expect(short(at({ interface: 'docker:db', address: '10.8.0.1' }))).toBe('eth1@c2 10.8.0.1');
    expect(at({ interface: 'web', address: '192.0.2.2' }).notes[0]).toMatch(/leaves by it, through 10\.9\.0\.1$/);
  });

  test('two containers: the address on the common network, whatever its order', () => {
    expect(short(at({ interface: 'web', address: 'container:db' }))).toBe('eth0@c1 10.9.0.12');
    expect(short(at({ interface: 'side', address: 'db' }))).toBe('eth0@c1 10.9.0.12');
    expect(short(at({ interface: 'br1', address: 'docker:db' }))).toBe('br1@here 10.8.0.12');
    expect(short(at({ interface: 'br0', address: 'docker:db' }))).toBe('br0@here 10.9.0.12');
  });

  test('an interface of this namespace wins over a container, and that is said', () => {
    const located = at({ interface: 'db', address: '10.9.0.11' });
    expect(short(located)).toBe('db@here 10.9.0.11');
    expect(located.notes).toEqual(['db is an interface here; the container of that name is container:db']);
  });

  test('IFACE@WHERE, and what ip prints behind a name', () => {
    expect(short(at({ interface: 'eth1@container:db', address: '10.8.0.1' }))).toBe('eth1@c2 10.8.0.1');
    expect(short(at({ interface: 'eth0@c1', address: '10.9.0.1' }))).toBe('eth0@c1 10.9.0.1');
    expect(short(at({ interface: 'v1@if3', address: '10.9.0.11' }))).toBe('v1@here 10.9.0.11');
  });

  test('a namespace by its name under /run/netns', () => {
    expect(short(at({ interface: 'c1', address: '10.9.0.12' }))).toBe('eth0@c1 10.9.0.12');
    expect(short(at({ interface: 'v2', address: 'c1' }))).toBe('v2@here 10.9.0.11');
  });

  test('both a namespace and another container: said, not guessed', () => {
    expect(refusal(() => at({ interface: 'c2', address: '10.9.0.1' }))).toBe(
      'c2 is both a network namespace and a container | say which: container:c2, or --netns c2 with an interface',
    );
  });

  test('the host’s network', () => {
    const located = at({ interface: 'hosty', address: '10.9.0.11' });
    expect(short(located)).toBe('br0@here 10.9.0.11');
    expect(located.notes[0]).toMatch(/^hosty \(docker [0-9a-f]+\) uses the host's network: tracing from there$/);
    expect(short(at({ interface: 'web', address: 'hosty' }))).toBe('eth0@c1 10.9.0.1');
  });

  test('without a network or a route the trace still has a place to start from', () => {
    expect(short(at({ interface: 'lonely', address: '10.9.0.1' }))).toBe('lo@c3 10.9.0.1');
    expect(short(at({ interface: 'bare', address: '10.9.0.1' }))).toBe('eth0@c4 10.9.0.1');
    const far = at({ interface: 'docker:db', address: '192.0.2.9' });
    expect(short(far)).toBe('eth0@c2 192.0.2.9');
    expect(far.notes[0]).toMatch(/no route leads there$/);
  });

  test('a target without an address', () => {
    expect(refusal(() => at({ interface: 'web', address: 'lonely' }))).toMatch(
      /^lonely has no address: .* \| .*vdiag map/,
    );
  });

  test('mistyped', () => {
    expect(refusal(() => at({ interface: 'webb', address: '10.9.0.1' }))).toBe(
      'no such interface or container: webb | did you mean web?',
    );
    expect(refusal(() => at({ interface: 'br0', address: 'lonly' }))).toBe(
      'neither an IP address nor a container: lonly | did you mean lonely?',
    );
    expect(refusal(() => at({ interface: 'br0', address: 'www.example.org' }))).toMatch(
      /^not an IP address: www\.example\.org \| vdiag asks no DNS/,
    );
    expect(refusal(() => meantNetns('lonly', known))).toBe(
      'no network namespace or container lonly | did you mean lonely?',
    );
  });

  test('places to listen at', () => {
    const here = known.handles[0];
    if (!here) throw new Error('no namespace');
    const places = (spec: string): string => {
      const { netns, names } = meantPlaces(spec, here, known);
      return `${names.join()}@${netns.names[0] ?? 'here'}`;
    };
    expect(places('br0')).toBe('br0@here');
    expect(places('docker:db')).toBe('eth0,eth1@c2');
    expect(places('eth0@web')).toBe('eth0@c1');
    expect(places('lonely')).toBe('lo@c3');
    expect(refusal(() => places('eth9@web'))).toBe('no such interface: eth9@web | did you mean eth0?');
    expect(refusal(() => places('vx9'))).toMatch(/^no such interface: vx9 \| there is lo, br0/);
  });
});

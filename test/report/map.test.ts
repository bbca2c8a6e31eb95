import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostMap } from '../../src/containers/host-map.ts';
import { mapDot, mapMermaid } from '../../src/report/map-graph.ts';
import { mapJson } from '../../src/report/map-json.ts';
import { mapText } from '../../src/report/map-text.ts';
import { peerJson, peerText } from '../../src/report/peer-text.ts';
import type { Terminal } from '../../src/report/terminal.ts';
import { address, container, link, mapOf, namespace, peer } from '../containers/built.ts';
import { schemaOf } from '../schema.ts';

const plain: Terminal = { width: 120, color: false, unicode: false };
const drawn: Terminal = { width: 80, color: false, unicode: true };
const up = ['UP', 'LOWER_UP'];
const bridge = {
  stp: false,
  forwardDelay: 0,
  ageingTime: 0,
  vlanFiltering: false,
  mcastSnooping: false,
  nfCallIptables: false,
  nfCallArptables: false,
};

/**
 * A host with everything: a bridge with a port, a macvlan in a pod, a container that shares, one on the host's network, one
 * without any, one that does not run. What comes from outside is called `name`.
 */
function host(name = 'web'): HostMap {
  const web = container(name, {
    netns: 2,
    image: name,
    ports: [{ address: '0.0.0.0', hostPort: 8080, port: 80, protocol: 'tcp' }],
  });
  const side = container('side', { netns: 2, sharesWith: web.id });
  const pod = { namespace: name, name, uid: name, sandbox: true };
  const sandbox = container(name, { runtime: 'containerd', pod, netns: 3 });
  const app = container('app', { runtime: 'containerd', pod: { ...pod, sandbox: false }, netns: 3 });
  const none = container('lonely', { netns: 4, command: name, hostname: name });
  const lo = (inode: number) =>
    link(1, 'lo', {
      kind: 'loopback',
      flags: up,
      addresses: [address('127.0.0.1/8')],
      mtu: 65536,
      mac: `00:00:00:00:00:0${inode}`,
    });
  const home = [
    lo(1),
    link(2, 'docker0', { kind: 'bridge', flags: up, bridge, addresses: [address('172.17.0.1/16')] }),
    link(3, name, {
      flags: up,
      master: 2,
      port: {
        state: 'forwarding',
        hairpin: false,
        isolated: false,
        locked: false,
        learning: true,
        flood: true,
        mcastFlood: true,
        bcastFlood: true,
        neighSuppress: false,
        proxyArp: false,
        vlans: [],
      },
      ...peer(2, 7),
    }),
    link(4, 'up0', { kind: 'physical', flags: up, addresses: [address('192.0.2.1/24')] }),
  ];
  return mapOf(
    [
      namespace(1, home, { guests: [container('hosty', { netns: 1, hostNetwork: true })] }),
      namespace(2, [lo(2), link(7, 'eth0', { flags: up, addresses: [address('172.17.0.2/16')], ...peer(1, 3) })], {
        tenants: [web, side],
        label: name,
      }),
      namespace(
        3,
        [
          lo(3),
          link(5, 'net1', {
            kind: 'macvlan',
            data: { mode: name },
            flags: up,
            addresses: [address('192.0.2.9/24')],
            ...peer(1, 4),
          }),
        ],
        {
          tenants: [sandbox, app],
          names: [`cni-${name}`],
          label: `${name}/${name}`,
        },
      ),
      namespace(4, [lo(4)], { tenants: [none], label: 'lonely' }),
    ],
    {
      elsewhere: [container(name, { state: 'stopped' })],
      networks: [
        { runtime: 'docker', name, id: 'ab', driver: 'bridge', internal: true, device: 'docker0', subnets: [] },
      ],
      gaps: [name],
    },
  );
}

describe('the map', () => {
  test('as text', () => {
    expect(mapText(host(), plain).replaceAll(/[0-9a-f]{12}(?=\))/g, 'ID')).toBe(`this namespace
|- docker0 bridge, docker network web (internal), 172.17.0.1/16
|  \`- web <-> eth0 of web (docker, with side, 8080->80/tcp), 172.17.0.2/16
|- up0 device, 192.0.2.1/24
|  \`- net1 of web/web (containerd: app) macvlan web, 192.0.2.9/24
\`- hosty (docker ID) uses this network (host)

lonely (docker ID)
\`- ! no network

without a network now: web (docker ID), stopped

! lonely has no interface but lo

not read: web
`);
  });

  test('with drawing characters, in 80 columns', () => {
    const lines = mapText(host(), drawn, { verbose: true }).split('\n');
    expect(lines.find((line) => line.includes('eth0 of web'))).toMatch(
      /^│ {2}└─ web ↔ eth0 of web \(docker, with side/,
    );
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test('as JSON it is what the schema says', () => {
    const valid = schemaOf('map');
    expect(valid(JSON.parse(JSON.stringify(mapJson(host())))), JSON.stringify(valid.errors)).toBe(true);
  });
});

describe('whatever things are called', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('"]', '\u001b[2J', 'a\nb', '"; reboot', 'end', '%%{init}%%', '<script>', '\\', '\\"', '‮x'),
  );
  /** What moves the cursor, reorders or hides. */
  const active = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

  test('nothing of it acts on the terminal', () => {
    fc.assert(
      fc.property(name, fc.constantFrom(plain, drawn), fc.boolean(), (called, terminal, verbose) => {
        const map = host(called);
        const ends = map.namespaces.flatMap((at) => at.links.map((one) => ({ namespace: at, link: one })));
        for (const text of [mapText(map, terminal, { verbose }), peerText({ map, ends }, terminal)])
          expect(text.replaceAll('\n', '')).not.toMatch(active);
      }),
    );
  });

  test('graphs stay graphs: every label in its quotes', () => {
    fc.assert(
      fc.property(name, (called) => {
        const map = host(called);
        for (const line of mapMermaid(map).split('\n')) expect(line.match(/"/g)?.length ?? 0).toBeOneOf([0, 2]);
        for (const line of mapDot(map).split('\n'))
          expect(line.replaceAll(/\\./g, '').match(/"/g)?.length ?? 0).toBeOneOf([0, 2, 4]);
        expect(mapMermaid(map).split('\n').length).toBe(mapMermaid(host()).split('\n').length);
        expect(mapDot(map).split('\n').length).toBe(mapDot(host()).split('\n').length);
      }),
    );
  });

  test('JSON keeps to its schema', () => {
    const [map, peers] = [schemaOf('map'), schemaOf('peer')];
    fc.assert(
      fc.property(name, (called) => {
        const taken = host(called);
        const ends = taken.namespaces.flatMap((at) => at.links.map((one) => ({ namespace: at, link: one })));
        expect(map(JSON.parse(JSON.stringify(mapJson(taken)))), JSON.stringify(map.errors)).toBe(true);
        expect(peers(JSON.parse(JSON.stringify(peerJson({ map: taken, ends })))), JSON.stringify(peers.errors)).toBe(
          true,
        );
      }),
    );
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VdiagError } from '../../src/linux/error.ts';
import { assertTopology, loadTopology, saveTopology } from '../../src/topology/file.ts';
import type { Topology } from '../../src/topology/model.ts';

const captures = new URL('../../fixtures/captures/', import.meta.url);
const recorded: Topology[] = readdirSync(captures)
  .filter((name) => name.endsWith('.recording.json'))
  .flatMap((name) => {
    const { before, after } = JSON.parse(readFileSync(new URL(name, captures), 'utf8'));
    return after === undefined ? [before] : [before, after];
  });

/** A topology with every optional field somewhere. */
const full: Topology = {
  schema: 'vdiag.topology/1',
  takenNs: '1795241887000000000',
  kernel: '6.18',
  home: 'a',
  start: 'a',
  gaps: ['nft: not installed'],
  namespaces: [
    {
      ...{ id: 'a', inode: 4026531833, names: ['a'], path: '/run/netns/a', pids: [7], detail: 'full' as const },
      links: [
        {
          ...{
            index: 2,
            name: 'v1',
            kind: 'veth',
            mac: '02:00:00:00:00:01',
            flags: ['UP'],
            operstate: 'up',
            mtu: 1500,
          },
          addresses: [
            { family: 4, address: '10.0.0.1', prefixLength: 32, scope: 'global', peer: '10.0.0.2', flags: [] },
          ],
          ...{
            master: 3,
            peer: { netns: 'b', index: 4 },
            ipv4: { rp_filter: -1 },
            ipv6: {},
            data: { deep: [{ a: [] }] },
          },
          bridge: {
            ...{ stp: false, forwardDelay: 1500, ageingTime: 1, vlanFiltering: true, mcastSnooping: true },
            ...{ nfCallIptables: false, nfCallArptables: false, groupAddress: '01:80:c2:00:00:00' },
          },
          port: {
            ...{ state: 'forwarding', hairpin: false, isolated: false, locked: false, learning: true, flood: true },
            ...{ mcastFlood: true, bcastFlood: true, neighSuppress: false, proxyArp: false },
            vlans: [{ id: 1, pvid: true, untagged: true }],
          },
        },
      ],
      routes: [
        {
          ...{ family: 4, table: 'main', type: 'unicast', destination: '0.0.0.0/0', metric: 0, scope: 'global' },
          ...{ protocol: 'boot', source: '10.0.0.1', nextHops: [{ gateway: '10.0.0.2', device: 'v1', flags: [] }] },
        },
      ],
      rules: [
        {
          ...{
            family: 4,
            priority: 1,
            from: '10.0.0.0/8',
            to: '10.0.0.0/8',
            inputInterface: 'a',
            outputInterface: 'b',
          },
          ...{ mark: 1, markMask: 255, action: 'lookup', table: 'main', undecidable: [] },
        },
      ],
      neighbours: [
        { family: 4, address: '10.0.0.2', device: 'v1', mac: '02:00:00:00:00:02', state: 'STALE', proxy: false },
      ],
      fdb: [
        { mac: '02:00:00:00:00:02', device: 'v1', master: 'br0', vlan: 1, state: '', flags: [], remote: '10.0.0.9' },
      ],
      sysctls: { 'ipv4.ip_forward': 1 },
      filters: { nftables: [{ metainfo: {} }], iptablesLegacy: '*filter\n' },
    },
  ],
};

const failure = (value: unknown): string => {
  try {
    loadTopology(JSON.stringify(value));
  } catch (error) {
    if (error instanceof VdiagError && error.code === 'unreadable') return error.message;
    throw error;
  }
  return '';
};

describe('a topology file', () => {
  it('gives back what was saved', () => {
    expect(loadTopology(saveTopology(full))).toEqual(full);
    expect(recorded.length).toBeGreaterThan(10);
    for (const topology of recorded) expect(loadTopology(saveTopology(topology))).toEqual(topology);
  });

  it('ends in a newline', () => {
    expect(saveTopology(full).endsWith('}\n')).toBe(true);
  });

  it.each([
    [null, 'the document should be an object'],
    [{ ...full, schema: 'vdiag.topology/2' }, 'schema should be vdiag.topology/1'],
    [{ ...full, takenNs: 1 }, 'takenNs should be a decimal number in a text'],
    [{ ...full, gaps: [1] }, 'gaps[0] should be a text'],
    [{ ...full, namespaces: {} }, 'namespaces should be a list'],
    [{ ...full, start: 'b' }, 'start names no namespace of the topology'],
    [{ ...full, namespaces: [...full.namespaces, ...full.namespaces] }, 'namespaces has one id twice'],
    [
      { ...full, namespaces: [{ ...full.namespaces[0], sysctls: { 'a b': '1' } }] },
      'namespaces[0].sysctls["a b"] should be a whole number',
    ],
  ])('with something wrong says what: %#', (value, message) => {
    expect(failure(value)).toBe(message);
  });

  it('says where in a greater document', () => {
    expect(() => assertTopology({ ...full, kernel: 7 }, 'before')).toThrow('before.kernel should be a text');
    expect(() => assertTopology({ ...full, start: 'b' }, 'before')).toThrow('before.start names no namespace');
  });

  it('that is no JSON says so', () => {
    for (const content of ['', '{', 'PK\x03\x04'])
      expect(() => loadTopology(content)).toThrow('the topology is no JSON');
  });

  it('too deep is refused', () => {
    const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const content = (levels: number) => saveTopology(full).replace('"deep": [', `"deep": ${deep(levels)}, "other": [`);
    expect(() => loadTopology(content(60))).not.toThrow();
    expect(() => loadTopology(content(70))).toThrow(
      'namespaces[0].links[0].data["deep"] should be no deeper than 64 levels',
    );
    expect(() => loadTopology(content(200_000))).toThrow(VdiagError);
  });

  it('with any one value replaced is whole or refused, and every refusal names a field', () => {
    /** Every place in the document, as a list of keys. */
    const places: (string | number)[][] = [];
    const walk = (value: unknown, path: (string | number)[]) => {
      places.push(path);
      if (Array.isArray(value)) for (const [at, item] of value.entries()) walk(item, [...path, at]);
      else if (typeof value === 'object' && value !== null)
        for (const [key, item] of Object.entries(value)) walk(item, [...path, key]);
    };
    walk(full, []);
    const replaced = (value: unknown, [key, ...rest]: readonly (string | number)[], by: unknown): unknown => {
      if (key === undefined) return by;
      if (Array.isArray(value)) return value.map((item, at) => (at === key ? replaced(item, rest, by) : item));
      return Object.fromEntries(
        Object.entries(value ?? {}).map(([name, item]) => [name, name === key ? replaced(item, rest, by) : item]),
      );
    };
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 2 }), (path, by) => {
        const message = failure(replaced(full, path, by));
        expect(message).toMatch(/^$|^.+ (should be|has|names) /s);
      }),
      { numRuns: 500 },
    );
  });
});

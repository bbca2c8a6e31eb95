/** The companion of a recorded run. */
import { describe, expect, it } from 'vitest';
import {
  loadRecording,
  placeOptionsOf,
  type Recording,
  recordingPath,
  runOf,
  saveRecording,
} from '../../src/capfile/recording.ts';
import { VdiagError } from '../../src/linux/error.ts';
import type { Namespace, Topology } from '../../src/topology/model.ts';

const HOME = 'net:[4026531840]';

const namespace: Namespace = {
  id: HOME,
  inode: 4026531840,
  names: [],
  path: '/proc/1/ns/net',
  pids: [1],
  detail: 'full',
  links: [
    {
      index: 2,
      name: 'veth0',
      kind: 'veth',
      mac: '02:00:00:00:00:01',
      flags: ['UP'],
      operstate: 'up',
      mtu: 1500,
      addresses: [{ family: 4, address: '10.0.0.1', prefixLength: 24, scope: 'global', flags: [] }],
      ipv4: { rp_filter: 2 },
      ipv6: {},
      data: { odd: [1, { nested: null }] },
    },
  ],
  routes: [],
  rules: [],
  neighbours: [],
  fdb: [],
  sysctls: { 'ipv4.ip_forward': 0 },
  filters: { nftables: [{ metainfo: {} }] },
};
const topology: Topology = {
  schema: 'vdiag.topology/1',
  takenNs: '1795219240847897680',
  kernel: '6.18.44',
  home: HOME,
  start: HOME,
  namespaces: [namespace, { ...namespace, id: 'a@b', links: [] }],
  gaps: ['nft: not installed'],
};
const recording: Recording = {
  schema: 'vdiag.recording/1',
  query: { start: { netns: HOME, name: 'veth0' }, destination: '10.0.0.2', source: '10.0.0.1', ttl: 3 },
  token: '00ff10a5deadbeef',
  identifier: 4711,
  before: topology,
  after: { ...topology, takenNs: '1795219241000000000' },
  probes: [
    { sequence: 1, sentNs: 1_795_219_240_847_897_680n, replies: [] },
    {
      sequence: 2,
      sentNs: 1_795_219_241_847_897_681n,
      error: { errno: 'EHOSTUNREACH', at: 'queue', icmp: { type: 3, code: 4, from: '10.0.0.1', mtu: 1400 } },
      replies: [{ timeNs: 1_795_219_241_847_999_999n, source: '10.0.0.2', ttl: 64, lengthBytes: 56 }],
    },
    { sequence: 3, sentNs: 0n, error: { errno: 'ENETUNREACH', at: 'send' }, replies: [] },
  ],
  coverage: {
    engine: 'packet-ring',
    places: [
      { netns: HOME, name: 'veth0' },
      { netns: 'gone', name: 'x' },
    ],
    fromNs: 1n,
    untilNs: 1n << 63n,
    framesCaptured: 12,
    lost: [{ netns: HOME, frames: 2 }],
    unfinishedChecksums: [{ place: { netns: HOME, name: 'veth0' }, frames: 4 }],
    gaps: ['a gap'],
  },
};

describe('a recording', () => {
  it('is loaded as it was saved', () => {
    expect(loadRecording(saveRecording(recording))).toEqual(recording);
  });

  it('is loaded without the parts that may be missing', () => {
    const { after: _after, query, coverage, ...rest } = recording;
    const { unfinishedChecksums: _checksums, ...covered } = coverage;
    const least: Recording = {
      ...rest,
      query: { start: query.start, destination: query.destination },
      coverage: covered,
    };
    expect(loadRecording(saveRecording(least))).toEqual(least);
  });

  it('stands beside its capture', () => {
    expect(recordingPath('fixtures/captures/link-down.pcapng')).toBe('fixtures/captures/link-down.recording.json');
    expect(recordingPath('capture')).toBe('capture.recording.json');
  });

  it('knows the run and how its interface names are to be read', () => {
    expect(runOf(recording)).toEqual({ token: Uint8Array.of(0, 255, 16, 165, 222, 173, 190, 239), identifier: 4711 });
    expect(placeOptionsOf(recording)).toEqual({ home: HOME, namespaces: [HOME, 'a@b', 'gone'] });
  });
});

describe('a recording that is damaged names the field', () => {
  /** The saved text with one field replaced; undefined takes it out. */
  const changed = (path: string, value: unknown): string => {
    const root: unknown = JSON.parse(saveRecording(recording));
    const keys = path.split('.');
    let at: unknown = root;
    for (const key of keys.slice(0, -1)) at = Object(at)[key];
    Object(at)[keys.at(-1) ?? ''] = value;
    return JSON.stringify(root);
  };
  const messageOf = (text: string): string => {
    try {
      loadRecording(text);
    } catch (error) {
      if (error instanceof VdiagError && error.code === 'unreadable' && error.hint !== '') return error.message;
      throw error;
    }
    return 'loaded';
  };

  it.each([
    ['schema', 'vdiag.recording/2', 'schema is not "vdiag.recording/1"'],
    ['token', '00FF', 'token is not 16 hexadecimal digits'],
    ['identifier', -1, 'identifier is not a whole number'],
    ['query.start.name', undefined, 'query.start.name is missing'],
    ['query.ttl', '64', 'query.ttl is not a whole number'],
    ['probes', {}, 'probes is not a list'],
    ['probes.1.sentNs', 1_795_219_240, 'probes[1].sentNs is not a decimal number in quotes'],
    ['probes.1.sentNs', '0x10', 'probes[1].sentNs is not a decimal number in quotes'],
    ['probes.1.error.at', 'nowhere', 'probes[1].error.at is not "send" or "queue"'],
    ['probes.1.replies.0.ttl', 1.5, 'probes[1].replies[0].ttl is not a whole number'],
    ['coverage.engine', null, 'coverage.engine is not "packet-ring" or "cap" or "file"'],
    ['coverage.lost.0', 5, 'coverage.lost[0] is not an object'],
    ['before', undefined, 'before should be an object'],
    ['before.namespaces.0.links.0.addresses', undefined, 'before.namespaces[0].links[0].addresses should be a list'],
    ['after.namespaces.1.sysctls', [], 'after.namespaces[1].sysctls should be an object'],
    ['after.schema', 'x', 'after.schema should be vdiag.topology/1'],
  ])('%s: %j', (path, value, message) => {
    expect(messageOf(changed(path, value))).toBe(message);
  });

  it('no JSON, no object', () => {
    expect(messageOf('{')).toBe('the document is not JSON');
    expect(messageOf('[]')).toBe('the document is not an object');
  });

  it('takes no field from a prototype', () => {
    expect(messageOf('{"__proto__":{"schema":"vdiag.recording/1"}}')).toBe('schema is missing');
  });

  it('any cut of the text', () => {
    const text = saveRecording(recording);
    for (let length = 0; length < text.length - 1; length += 7)
      expect(messageOf(text.slice(0, length))).toBe('the document is not JSON');
  });
});

/** Targets that read the state of a machine: other programs' JSON and listings, and vdiag's own topology and recording files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTopologyCompanion } from '../../src/capfile/companion.ts';
import { loadRecording } from '../../src/capfile/recording.ts';
import { parseCri } from '../../src/containers/cri.ts';
import { parseContainers, parseInspection, parseNetworks } from '../../src/containers/docker.ts';
import { parseIncus } from '../../src/containers/incus.ts';
import { parseBundle, parseStore } from '../../src/containers/records.ts';
import { predict } from '../../src/diagnose/predict.ts';
import type { Hook } from '../../src/path/gate.ts';
import { chainsOf, type Family, type FilterPacket, rule } from '../../src/path/ruleset.ts';
import { FORMATS, formatted } from '../../src/report/format.ts';
import { loadTopology } from '../../src/topology/file.ts';
import { document, isObject } from '../../src/topology/json.ts';
import type { Filters } from '../../src/topology/model.ts';
import { parseFdb } from '../../src/topology/parse-fdb.ts';
import { parseLinks, parseVlans } from '../../src/topology/parse-links.ts';
import { parseMdb } from '../../src/topology/parse-mdb.ts';
import { parseNeighbours } from '../../src/topology/parse-neighbours.ts';
import { hasMtus, lockedAt, parsePathMtus } from '../../src/topology/parse-path-mtus.ts';
import { parseRoutes } from '../../src/topology/parse-routes.ts';
import { parseRules } from '../../src/topology/parse-rules.ts';
import { BRIDGE_LISTING, CONTAINERS, IPROUTE2, LISTING, NFTABLES } from './built-json.ts';
import { mutatedJson } from './mutate-json.ts';
import { mutatedText } from './mutate-text.ts';
import type { Random } from './random.ts';
import { demandPrintable, type Input, type Target, textOf } from './target.ts';
import { analyzeBytes, TERMINAL } from './targets-captures.ts';

/** Wrong in what it says, now and then also in how it is written. */
function wrong(random: Random, value: unknown): string {
  const text = JSON.stringify(mutatedJson(random, value)) ?? 'null';
  return random.once(12)
    ? mutatedText(random, text, text, ['{', '}', '[', ',', '"', ':', '1e999', 'null', '\u0001'])
    : text;
}

const HOOKS: readonly (readonly [Hook, readonly Family[]])[] = [
  ['prerouting', ['ip', 'inet']],
  ['input', ['ip', 'inet']],
  ['forward', ['ip', 'inet']],
  ['output', ['ip6', 'inet']],
  ['postrouting', ['ip', 'inet']],
  ['forward', ['bridge']],
  ['ingress', ['netdev']],
];

function filterPacket(hook: Hook): FilterPacket {
  return {
    inputInterface: 'eth0',
    outputInterface: hook === 'input' ? '' : 'br0',
    bridge: 'br0',
    mark: 1,
    ttl: 64,
    lengthBytes: 84,
    packetType: 'host',
    etherSource: '02:00:00:00:00:01',
    etherDestination: '02:00:00:00:00:02',
    carries: { kind: 'echo-request', source: '10.0.0.1', destination: '10.0.0.2' },
  };
}

/** JSON of the recorded machines and rules made by hand. */
function filtersOf(random: Random, recorded: string): unknown {
  const written = { nftables: NFTABLES, iptablesLegacy: LISTING, iptablesNft: LISTING, ebtablesNft: BRIDGE_LISTING };
  if (random.once(2)) return written;
  const topology = before(recorded);
  const namespaces = isObject(topology) && Array.isArray(topology.namespaces) ? topology.namespaces : [];
  const found: unknown = namespaces.length === 0 ? undefined : random.of<unknown>(namespaces);
  return isObject(found) ? found.filters : written;
}

function before(recorded: string): unknown {
  const value: unknown = JSON.parse(recorded);
  return isObject(value) ? value.before : undefined;
}

/** What the reader of a topology lets pass: a list, and texts. */
function asFilters(value: unknown): Filters {
  if (!isObject(value)) return {};
  const text = (key: string) => (typeof value[key] === 'string' ? { [key]: value[key] } : {});
  return {
    ...(Array.isArray(value.nftables) ? { nftables: value.nftables } : {}),
    ...text('iptablesLegacy'),
    ...text('ip6tablesLegacy'),
    ...text('iptablesNft'),
    ...text('ip6tablesNft'),
    ...text('ebtablesNft'),
  };
}

export const STATE_TARGETS: readonly Target[] = [
  {
    name: 'iproute2',
    share: 5,
    make: (random) => [wrong(random, random.of(IPROUTE2))],
    run: ([text]) => {
      const json = document(textOf(text));
      parseLinks(json);
      parseVlans(json);
      parseFdb(json);
      parseMdb(json);
      parseNeighbours(json);
      parseRules(json, 4);
      for (const family of [4, 6] as const) {
        parseRoutes(json, family);
        parsePathMtus(json, family, lockedAt(textOf(text)));
      }
      hasMtus(json);
    },
  },
  {
    name: 'containers',
    share: 4,
    make: (random) => [wrong(random, random.of(CONTAINERS)), wrong(random, random.of(CONTAINERS))],
    run: ([first, second]) => {
      const json = document(textOf(first));
      parseContainers(json, 'docker');
      parseInspection(json);
      parseNetworks(json, 'podman');
      parseCri(json, document(textOf(second)), 'containerd');
      parseIncus(json);
      parseBundle(json, 'id', 'containerd');
      parseStore(json);
    },
  },
  {
    name: 'filters',
    share: 4,
    make: (random, { recordings }) => {
      const filters = filtersOf(random, random.of(recordings).text);
      if (random.once(3)) return [JSON.stringify({ iptablesLegacy: mutatedText(random, LISTING, LISTING, WORDS) })];
      return [wrong(random, filters)];
    },
    run: ([text]) => {
      const chains = chainsOf(asFilters(document(textOf(text))));
      for (const [hook, families] of HOOKS) rule(chains, families, hook, filterPacket(hook), { device: 'eth0' });
    },
  },
  {
    name: 'topology',
    share: 2,
    make: (random, { recordings }): Input => {
      const { text } = random.of(recordings);
      const value: unknown = JSON.parse(text);
      const query = isObject(value) ? value.query : {};
      return [wrong(random, before(text)), JSON.stringify(query)];
    },
    run: ([text, asked]) => {
      const topology = loadTopology(textOf(text));
      const query: unknown = JSON.parse(textOf(asked));
      const start = isObject(query) && isObject(query.start) ? query.start : {};
      const place = { netns: String(start.netns), name: String(start.name) };
      const destination = isObject(query) ? String(query.destination) : '10.0.0.1';
      const diagnosis = predict({ start: place, destination }, topology);
      const target = { interface: place.name, address: destination, netns: place.netns };
      const probes = { sent: 0, received: 0, duplicates: 0, sizeBytes: 56 };
      const report = { version: '0', command: 'check' as const, target, probes, diagnosis };
      for (const format of FORMATS) {
        const printed = formatted(report, format, TERMINAL, { verbose: true });
        if (format === 'text') demandPrintable('report', printed);
      }
    },
  },
  {
    name: 'recording',
    share: 1,
    make: (random, { recordings }) => {
      const { text, capture } = random.of(recordings);
      return [wrong(random, JSON.parse(text)), new Uint8Array(readFileSync(capture)).subarray(0, 1 << 16)];
    },
    run: async ([text, capture]) => {
      loadTopologyCompanion(textOf(text));
      loadRecording(textOf(text));
      const folder = mkdtempSync(join(tmpdir(), 'vdiag-fuzz-'));
      try {
        const path = join(folder, 'a.recording.json');
        writeFileSync(path, textOf(text));
        await analyzeBytes(typeof capture === 'string' || capture === undefined ? new Uint8Array(0) : capture, path);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
];

const WORDS = [
  '-A FORWARD',
  '-j DROP',
  '-m conntrack',
  '--ctstate',
  '!',
  '-s 10.0.0.0/8',
  '-p icmp',
  '"',
  '\\',
  '[1:2]',
  '*filter',
  ':FORWARD DROP',
  '0x1/0xffffffff',
  '-g FORWARD',
  '-j FORWARD',
];

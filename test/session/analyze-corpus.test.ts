/**
 * Captures by others and of real faults, analyzed: what was broken in a lab is found and named, what was healthy is called so, and
 * no file, however damaged, ends the analysis. The corpus lies beside the project; without it the tests say so and are skipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JsonValue } from '../../src/capfile/json-value.ts';
import type { CaptureAnalysis, CaptureFinding } from '../../src/diagnose/analysis.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { analyze } from '../../src/session/analyze.ts';
import { type Capture, CORPUS, captures, HAS_CORPUS } from '../capfile/corpus.ts';

async function analysisOf(path: string): Promise<CaptureAnalysis> {
  return (await analyze({ captures: [{ path }] })).analysis;
}

/** What the lab says it broke: by the beginning of its file's name. */
function faultsOf(path: string): string[] {
  const truth = join(CORPUS, 'lab', `${basename(path).split('.')[0]}.truth.json`);
  expect(existsSync(truth)).toBe(true);
  const fault = new JsonValue(JSON.parse(readFileSync(truth, 'utf8'))).field('fault');
  return fault.value === null ? [] : fault.text().split(', ');
}

interface Expected {
  readonly rule: string;
  /** In the title: who is affected. */
  readonly names: readonly string[];
  /** Where the packet was sighted last, or what is to blame begins. */
  readonly where: readonly string[];
}

/** Of each lab that is broken: everything that must be found, and nothing else above a note. */
const EXPECTED: Readonly<Record<string, readonly Expected[]>> = {
  '02-arp-no-owner': [{ rule: 'request-lost', names: ['10.77.0.99'], where: ['veth1'] }],
  '03-router-arp-fails': [{ rule: 'request-lost', names: ['10.77.0.99', '10.77.0.1'], where: ['br0'] }],
  '04-bridge-forward-drop': [
    { rule: 'request-lost', names: ['10.77.0.2 to 10.77.0.3', 'ends at'], where: ['br0', 'veth0'] },
  ],
  '05-forward-drop-silent': [{ rule: 'request-lost', names: ['198.51.100.1', '10.77.0.2', 'br0'], where: ['br0'] }],
  '06-forward-reject': [{ rule: 'filter-rejected', names: ['10.77.0.1 rejects', 'prohibited'], where: ['br0'] }],
  '07-no-return-route': [{ rule: 'request-lost', names: ['198.51.100.1', 'eth1'], where: ['eth1'] }],
  '09-duplicate-ip': [
    {
      rule: 'address-duplicate',
      names: ['10.77.0.3', '02:00:00:77:00:03', '02:00:00:77:00:04'],
      where: ['br0', 'veth2', 'veth3'],
    },
  ],
  '10-stale-neighbour': [{ rule: 'neighbor-wrong-mac', names: ['10.77.0.3', '02:00:00:77:00:ee'], where: ['veth1'] }],
  '11-frag-needed': [{ rule: 'fragmentation-needed', names: ['10.77.0.1', '1300'], where: ['br0'] }],
  '12-errors': [
    { rule: 'ttl-expired', names: ['198.51.100.1', '10.77.0.1'], where: ['br0'] },
    { rule: 'icmp-unreachable', names: ['203.0.113.9', 'network unreachable'], where: ['br0'] },
  ],
  '18-port-blocked': [{ rule: 'request-lost', names: ['10.77.0.3'], where: ['veth1'] }],
  '19-v6-dad-and-silent-ns': [
    { rule: 'request-lost', names: ['fd00:77::99'], where: ['veth1'] },
    { rule: 'address-duplicate', names: ['fd00:77::55', '02:00:00:77:00:04'], where: ['br0'] },
  ],
};

function matches({ rule, title, where }: CaptureFinding, expected: Expected): boolean {
  return (
    rule === expected.rule &&
    expected.names.every((name) => title.includes(name)) &&
    expected.where.includes(where.name)
  );
}

describe.skipIf(!HAS_CORPUS)('captures of real faults (skipped where ../shared/corpus is not there)', () => {
  const labs = HAS_CORPUS ? captures('lab') : [];

  it('are all named below when something is broken in them', () => {
    const broken = labs.filter(({ path }) => faultsOf(path).length > 0).map(({ name }) => name.split('.')[0]);
    expect([...new Set(broken)].sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(labs.map(({ name, path }) => [name, path]))('%s', async (name, path) => {
    const { outcome, findings } = await analysisOf(path);
    const above = findings.filter(({ severity }) => severity !== 'note');
    const expected = EXPECTED[name.split('.')[0] ?? ''] ?? [];
    expect(outcome).toBe(expected.length === 0 ? 'healthy' : 'fault');
    expect(above.map(({ rule, title, where }) => [rule, title, where.name])).toHaveLength(expected.length);
    for (const each of expected)
      expect(
        above.filter((finding) => matches(finding, each)),
        `${each.rule} ${each.names.join(' ')}`,
      ).toHaveLength(1);
  });
});

/** Captures in which something is wrong or missing, as a look into them with tshark confirms; whatever else comes is a false alarm. */
const ALARMS: Readonly<Record<string, readonly string[]>> = {
  // Replies to other requests than those in the file.
  'pcapplusplus__IPv4-NoOptions.pcap': ['request-lost'],
  'pcapplusplus__ipv4-options.pcap': ['request-lost'],
  'pcapplusplus__ipv6_options.pcap': ['request-lost'],
  // Errors about what is not in the file.
  'pcapplusplus__IcmpPackets.pcap': ['icmp-unreachable', 'icmp-unreachable'],
  'tcpdump__icmpv6-rfc7112.pcap': ['icmp-unreachable'],
  'zeek__icmp__icmp6-destunreach-ip6ext-udp.pcap': ['icmp-unreachable'],
  'zeek__icmp__icmp6-destunreach-ip6ext.pcap': ['icmp-unreachable'],
  'zeek__icmp__icmp6-paramprob.pcap': ['icmp-unreachable'],
  'zeek__ipv6_zero_len_ah.pcap': ['icmp-unreachable'],
  // Three tries of ARP a second apart, and more.
  'pcapplusplus__sll.pcap': ['request-lost'],
  'zeek__http__cooper-grill-dvwa.pcapng': ['request-lost'],
  'zeek__raw_packets.pcap': ['request-lost'],
  // A search through a whole network.
  'zeek__nmap-vsn.pcap': ['request-lost'],
  'tcpdump__dhcp-rfc4388.pcap': ['icmp-unreachable', 'icmp-unreachable'],
  'tcpdump__ipv6-routing-header.pcap': ['request-lost', 'request-lost'],
  'zeek__chksums__ip4-icmp-bad-chksum.pcap': ['checksum-wrong'],
  'zeek__chksums__ip6-icmp6-bad-chksum.pcap': ['checksum-wrong'],
  'zeek__chksums__ip6-route0-icmp6-bad-chksum.pcap': ['checksum-wrong'],
  // The first of five pings, while its target asked ARP.
  'zeek__icmp_dot1q.pcap': ['loss-partial'],
};

describe.skipIf(!HAS_CORPUS)('captures by others (skipped where ../shared/corpus is not there)', () => {
  it('are analyzed to the end, in sound words, without false alarms', { timeout: 120_000 }, async () => {
    const alarms: Record<string, string[]> = {};
    let slowest = 0;
    for (const capture of captures('files')) {
      const start = performance.now();
      const found = await soundAnalysis(capture);
      slowest = Math.max(slowest, performance.now() - start);
      const above = found.filter(({ severity }) => severity !== 'note').map(({ rule }) => rule);
      if (above.length > 0) alarms[capture.name] = above.sort();
    }
    expect(alarms).toEqual(ALARMS);
    expect(slowest).toBeLessThan(20_000);
  });
});

/** The findings; a file that is no capture is refused, which is sound as well. */
async function soundAnalysis({ name, path }: Capture): Promise<readonly CaptureFinding[]> {
  try {
    const { findings, summary } = await analysisOf(path);
    const text = JSON.stringify({ findings, summary }, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    );
    // JSON writes NaN and the infinities as null.
    expect(text.match(/.{0,60}(undefined|NaN|Infinity|\bnull\b).{0,30}/)?.[0], name).toBeUndefined();
    return findings;
  } catch (error) {
    expect(error, name).toBeInstanceOf(VdiagError);
    return [];
  }
}

/** Every field of every ARP, ICMP and ICMPv6 packet in the corpus, in tunnels too, against what tshark says of it. */
import { describe, expect, it } from 'vitest';
import type { FrameJson, PacketJson } from '../../src/report/frame-json.ts';
import { type Capture, captures, framesOf, HAS_CORPUS, type Row } from './corpus.ts';

/** Link types and formats that vdiag does not read, by the first protocol tshark names: it counts and names them. */
const UNREAD = /^(arcnet|chdlc|ipnet|ipoib|ppp|radiotap|wlan)(:|$)/;
const UNREAD_FILES = new Set(['pcapplusplus__solaris.snoop']);

/** Encapsulations that vdiag does not open: none is met in the network of a container host. */
const UNOPENED = [
  'macsec', // encrypted as a rule; two files have it with integrity only
  'gre:ppp', // PPTP
  'gre:nhrp', // the packet quoted in an NHRP error
  'gre:cmd', // Cisco metadata
  'gtp', // mobile core
  'gtpprime',
  'lisp-data',
  'pim', // a register message
  'teredo',
  'ayiya',
].map((protocols) => new RegExp(`:${protocols}:`));

/** Where the two differ and vdiag is right for its purpose: `file#packet column`, and why. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ['pcapplusplus__ipv4-options.pcap#6 ip_dst', 'tshark shows the end of the source route, vdiag the header field'],
  ['pcapplusplus__ipv4-options.pcap#7 ip_dst', 'the same'],
  [
    'tcpdump__icmpv6-length-zero.pcapng#1 icmp_type',
    'the IPv6 payload length is 0: tshark 4.0 stops, vdiag and tcpdump go on',
  ],
  ['tcpdump__icmpv6-length-zero.pcapng#1 icmp_code', 'the same'],
  ['tcpdump__icmpv6-length-zero.pcapng#1 nd_target', 'the same'],
  [
    'pcapplusplus__fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5196221831708672#1 len',
    'a length of 4 GiB: tshark shows the most that an int holds',
  ],
  ['tcpdump__icmpv6-rfc7112.pcap#1 mf', 'tshark lists the quoted packet’s fragment header'],
]);

/** tshark takes this file for a vendor's variant with longer record headers and reads its first packet 4 bytes late. */
const MISREAD = new Set(['pcapplusplus__fuzz-igmplayer#1']);
/** A fraction of 10^9 and more is one program's opinion. */
const NO_TIME = /^raw:/;

const LINK = ['eth_src', 'eth_dst', 'vlans'];
const ARP = ['arp_op', 'arp_spa', 'arp_sha', 'arp_tpa', 'arp_tha'];
const IP = ['ip_src', 'ip_dst', 'ip_id', 'ttl', 'frag_off', 'mf'];
const ICMP = ['icmp_type', 'icmp_code', 'icmp_id', 'icmp_seq', 'nd_target', 'cksum'];
const FRAME = ['ns', 'caplen', 'len'];

/** The packet, and those inside it. */
function chainOf(frame: FrameJson): PacketJson[] {
  const chain: PacketJson[] = [];
  for (let packet: PacketJson | undefined = frame; packet !== undefined; packet = packet.inner) chain.push(packet);
  return chain;
}

/** The frame in the oracle's columns. Of a row that is "inner" the oracle has no addresses. */
function columns(frame: FrameJson, row: Row): Row {
  const chain = chainOf(frame);
  const { ethernet } = frame;
  const arp = chain.find((packet) => packet.arp)?.arp;
  const icmp = chain.find((packet) => packet.icmp)?.icmp;
  const ip = row.depth === 'outer' ? chain.find((packet) => packet.ip)?.ip : undefined;
  // To the oracle "inner" is behind an IP header; a frame within a frame is still outer.
  const tagged = row.depth === 'outer' ? chain : [frame];
  const cells: Record<string, unknown> = {
    eth_src: ethernet?.source,
    eth_dst: ethernet?.destination,
    vlans: tagged.flatMap(({ vlans }) => vlans ?? []).join(','),
    arp_op: arp?.operation,
    arp_spa: arp?.senderProtocol,
    arp_sha: arp?.senderHardware,
    arp_tpa: arp?.targetProtocol,
    arp_tha: arp?.targetHardware,
    ip_src: ip?.source,
    ip_dst: ip?.destination,
    ip_id: ip?.version === 4 ? ip.identification : '',
    ttl: ip?.ttl,
    frag_off: ip?.fragmentOffset,
    mf: ip && Number(ip.moreFragments),
    icmp_type: icmp?.type,
    icmp_code: icmp?.code,
    icmp_id: icmp?.identifier,
    icmp_seq: icmp?.sequence,
    nd_target: icmp?.target,
    cksum: icmp?.checksumValid === undefined ? '' : Number(icmp.checksumValid),
    ns: frame.timeNs,
    caplen: frame.capturedLength,
    len: frame.originalLength,
  };
  return Object.fromEntries(Object.entries(cells).map(([name, value]) => [name, `${value ?? ''}`]));
}

function isSame(name: string, theirs: string, ours: string, row: Row): boolean {
  if (theirs === ours) return true;
  // tshark has the field as it stands in the header, in units of 8 bytes.
  if (name === 'frag_off' && theirs !== '' && 8 * Number(theirs) === Number(ours)) return true;
  // tshark has these for IPv6 only where there is a fragment header.
  if (name === 'frag_off' || name === 'mf') return row.ip_id === '' && theirs === '' && ours === '0';
  // Timestamp, mask and extended echo messages have numbers too; vdiag traces echo only.
  if (name === 'icmp_id' || name === 'icmp_seq')
    return ours === '' && !['0', '8', '128', '129'].includes(row.icmp_type ?? '');
  if (name === 'ns') return NO_TIME.test(theirs);
  // tshark checks no checksum of a fragment or a packet cut short: then neither has an opinion worth comparing.
  return name === 'cksum' && (ours === '' || theirs === '');
}

type Kind = 'arp' | 'icmp' | 'laterFragment' | 'unreadable' | 'headerCut' | 'unopened' | 'unread';

/** Which columns can be compared, and why not all. */
function kindOf(row: Row, frame: FrameJson | undefined): Kind {
  if (frame === undefined) return 'unread';
  const { protocols = '' } = row;
  if (UNOPENED.some((pattern) => pattern.test(protocols))) return 'unopened';
  // ARP of other hardware, or cut before the first field: neither program has fields to show.
  if (row.class === 'arp')
    return row.arp_spa === '' || row.arp_sha === '' || frame.stop?.layer === 'arp' ? 'unreadable' : 'arp';
  // tshark shows the parts of a header that the capture or the sender cut; vdiag keeps whole headers only.
  if (frame.stop?.layer === 'icmp' || frame.stop?.layer === 'icmpv6')
    if (chainOf(frame).every(({ icmp }) => icmp === undefined)) return 'headerCut';
  return Number(frame.ip?.fragmentOffset ?? 0) > 0 ? 'laterFragment' : 'icmp';
}

const COMPARED: Readonly<Record<Kind, readonly string[]>> = {
  arp: [...FRAME, ...LINK, ...ARP],
  icmp: [...FRAME, ...LINK, ...IP, ...ICMP],
  laterFragment: [...FRAME, ...LINK, ...IP],
  headerCut: [...FRAME, ...LINK, ...IP],
  unreadable: [...FRAME, ...LINK],
  unopened: FRAME,
  unread: [],
};

describe.skipIf(!HAS_CORPUS)('the corpus of captures (skipped where ../shared/corpus is not there)', () => {
  const all: Capture[] = HAS_CORPUS ? [...captures('files'), ...captures('lab')] : [];

  it('agrees with tshark on every field of every ARP, ICMP and ICMPv6 packet', { timeout: 120_000 }, async () => {
    const wrong: string[] = [];
    const different: string[] = [];
    const count: Record<string, number> = {};
    for (const { name, path, rows } of all) {
      if (UNREAD_FILES.has(name)) continue;
      const { frames } = rows.length === 0 ? { frames: new Map<string, FrameJson>() } : await framesOf(path);
      for (const row of rows) {
        const at = `${name}#${row.pkt}`;
        const frame = frames.get(row.pkt ?? '');
        const kind = kindOf(row, frame);
        const key = `${kind} ${row.depth}`;
        count[key] = (count[key] ?? 0) + 1;
        if (frame === undefined) {
          if (!UNREAD.test(row.protocols ?? '')) wrong.push(`${at} is not read: ${row.protocols}`);
          continue;
        }
        const ours = columns(frame, row);
        for (const column of COMPARED[kind]) {
          if (isSame(column, row[column] ?? '', ours[column] ?? '', row)) continue;
          const cell = `${at} ${column}`;
          if (DIFFERENT.has(cell)) different.push(cell);
          else
            wrong.push(
              `${cell}: tshark ${row[column]}, vdiag ${ours[column]} (${kind}, ${row.depth}, ${row.protocols})`,
            );
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(different.sort()).toEqual([...DIFFERENT.keys()].sort());
    expect(count).toEqual({
      'arp outer': 885,
      'arp inner': 30,
      'icmp outer': 1442,
      'icmp inner': 918,
      'laterFragment outer': 120,
      'headerCut outer': 7,
      'unreadable outer': 8,
      'unopened outer': 2,
      'unopened inner': 148,
      'unread outer': 100,
    });
  });

  it('sees no ARP or ICMP where tshark sees none', { timeout: 120_000 }, async () => {
    const wrong: string[] = [];
    for (const { name, path, rows } of all) {
      if (/\.zst$|\.snoop$|npm-pcap-parser__malformed/.test(name)) continue;
      const known = new Set(rows.map((row) => row.pkt));
      for (const [number, frame] of (await framesOf(path)).frames) {
        if (!chainOf(frame).some(({ arp, icmp }) => arp || icmp)) continue;
        const at = `${name}#${number}`;
        if (!known.has(number) && !MISREAD.has(at)) wrong.push(at);
      }
    }
    expect(wrong).toEqual([]);
  });
});

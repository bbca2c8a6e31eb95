/**
 * Every ARP and ICMP packet in the corpus of captures, against what tshark says of it.
 * The corpus lies beside the project and is not part of it; without it the test says so and is skipped.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describePacket } from '../../src/wire/describe.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Packet } from '../../src/wire/packet.ts';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const ETHERNET = 1;
/** Encapsulations in front of IP that vdiag does not decode: to it they are payload. */
const UNDECODED = /:(pppoes|macsec|mpls|ieee8021ah):/;
/** Where the two differ and vdiag is right for its purpose: `file#packet column`, and why. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ['pcapplusplus__ipv4-options.pcap#6 ip_dst', 'tshark shows the end of the source route, vdiag the header field'],
  ['pcapplusplus__ipv4-options.pcap#7 ip_dst', 'the same'],
  ['tcpdump__icmpv6-rfc7112.pcap#1 mf', 'tshark lists the quoted packet’s fragment header'],
]);
/** tshark takes this file for a vendor's variant with longer record headers and reads its first packet 4 bytes late. */
const MISREAD = new Set(['pcapplusplus__fuzz-igmplayer#1']);

type Row = Readonly<Record<string, string>>;

interface Captured {
  readonly bytes: Uint8Array;
  readonly originalLength: number;
}

/** Plain pcap with Ethernet frames, or undefined for any other file. */
function readPcap(file: string): Captured[] | undefined {
  const bytes = readFileSync(file);
  if (bytes.length < 24) return undefined;
  const magic = bytes.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!little && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) return undefined;
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  if ((u32(20) & 0xffff) !== ETHERNET) return undefined;
  const frames: Captured[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const end = at + 16 + u32(at + 8);
    if (end > bytes.length) break;
    frames.push({ bytes: bytes.subarray(at + 16, end), originalLength: u32(at + 12) });
    at = end;
  }
  return frames;
}

function readRows(file: string): Row[] {
  const [head = '', ...lines] = readFileSync(file, 'utf8').split('\n');
  const names = head.split('\t');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const cells = line.split('\t');
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
    });
}

/** The decoded packet in the oracle's columns; only those that the packet has. */
function columns(packet: Packet): Row {
  const { ethernet, vlans, arp, ip, icmp } = packet;
  const row: Record<string, unknown> = {
    eth_src: ethernet?.source,
    eth_dst: ethernet?.destination,
    vlans: vlans.map(({ id }) => id).join(','),
  };
  if (arp)
    Object.assign(row, {
      arp_op: arp.operation,
      arp_spa: arp.senderProtocol,
      arp_sha: arp.senderHardware,
      arp_tpa: arp.targetProtocol,
      arp_tha: arp.targetHardware,
    });
  if (ip)
    Object.assign(row, {
      ip_src: ip.source,
      ip_dst: ip.destination,
      frag_off: ip.fragmentOffset,
      mf: +ip.moreFragments,
    });
  if (ip?.version === 4) Object.assign(row, { ip_id: ip.identification, ttl: ip.ttl });
  if (ip?.version === 6) Object.assign(row, { ttl: ip.hopLimit });
  if (icmp) {
    const { type, code, identifier, sequence, target, checksumValid } = icmp;
    Object.assign(row, {
      icmp_type: type,
      icmp_code: code,
      icmp_id: identifier,
      icmp_seq: sequence,
      nd_target: target,
    });
    if (checksumValid !== undefined) row.cksum = +checksumValid;
  }
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, `${value ?? ''}`]));
}

const COMPARED = [
  'eth_src',
  'eth_dst',
  'vlans',
  'arp_op',
  'arp_spa',
  'arp_sha',
  'arp_tpa',
  'arp_tha',
  'ip_src',
  'ip_dst',
].concat(['ip_id', 'ttl', 'frag_off', 'mf', 'icmp_type', 'icmp_code', 'icmp_id', 'icmp_seq', 'nd_target', 'cksum']);

/** tshark's own zeros, and what vdiag leaves out on purpose. */
function sameCell(name: string, theirs: string, ours: string, row: Row): boolean {
  if (theirs === ours) return true;
  if (name === 'frag_off' || name === 'mf') return row.ip_id === '' && theirs === '' && ours === '0';
  // Timestamp, mask and extended echo messages have numbers too; vdiag traces echo only.
  if (name === 'icmp_id' || name === 'icmp_seq')
    return ours === '' && !['0', '8', '128', '129'].includes(row.icmp_type ?? '');
  // tshark checks no checksum of a fragment or a packet cut short: then neither has an opinion worth comparing.
  return name === 'cksum' && (ours === '' || theirs === '');
}

function disagreements(row: Row, packet: Packet): string[] {
  const ours = columns(packet);
  return COMPARED.filter((name) => !sameCell(name, row[name] ?? '', ours[name] ?? '', row)).map(
    (name) => `${name}: tshark ${row[name]}, vdiag ${ours[name]}`,
  );
}

/** RARP, or of other hardware, or cut before the first field: neither program has fields to show. */
function isUnreadable(row: Row): boolean {
  if (row.class === 'arp') return row.arp_spa === '' || row.arp_sha === '';
  return row.icmp_type === '';
}

/** tshark shows the parts of a header that the snap length cut; vdiag keeps whole headers only. */
function isHeaderCut({ stop }: Packet): boolean {
  return stop?.reason === 'truncated' && stop.claimedBy.endsWith('header size');
}

interface Capture {
  readonly name: string;
  readonly frames: readonly Captured[];
  readonly rows: readonly Row[];
}

function captures(): Capture[] {
  const root = join(CORPUS, 'files');
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const file = join(root, path);
    const name = relative(root, file).replaceAll('/', '__');
    const oracle = join(CORPUS, 'oracle', `${name}.tsv`);
    if (!statSync(file).isFile() || !existsSync(oracle)) return [];
    const frames = readPcap(file);
    return frames === undefined ? [] : [{ name, frames, rows: readRows(oracle) }];
  });
}

describe.skipIf(!existsSync(CORPUS))('the corpus of captures (skipped where ../shared/corpus is not there)', () => {
  const all = existsSync(CORPUS) ? captures() : [];

  it('agrees with tshark on every ARP and ICMP packet', () => {
    const wrong: string[] = [];
    const different: string[] = [];
    const count = { compared: 0, unreadable: 0, undecoded: 0, headerCut: 0 };
    for (const { name, frames, rows } of all)
      for (const row of rows) {
        if (row.depth !== 'outer') continue;
        const at = `${name}#${row.pkt}`;
        const frame = frames[Number(row.pkt) - 1];
        if (frame === undefined) throw new Error(`${at} is not in the file`);
        const packet = decodeFrame(frame.bytes, frame.originalLength);
        const decoded = packet.arp !== undefined || packet.icmp !== undefined;
        const kind = UNDECODED.test(row.protocols ?? '')
          ? 'undecoded'
          : isUnreadable(row)
            ? 'unreadable'
            : isHeaderCut(packet)
              ? 'headerCut'
              : 'compared';
        count[kind]++;
        if (kind !== 'compared') {
          if (decoded) wrong.push(`${at} should not decode: ${kind}`);
          continue;
        }
        for (const text of disagreements(row, packet)) {
          const cell = `${at} ${text.slice(0, text.indexOf(':'))}`;
          (DIFFERENT.has(cell) ? different : wrong).push(DIFFERENT.has(cell) ? cell : `${at} ${text}`);
        }
      }
    expect(wrong).toEqual([]);
    expect(different).toEqual([...DIFFERENT.keys()]);
    expect(count).toMatchObject({ unreadable: 10, undecoded: 25, headerCut: 3 });
    expect(count.compared).toBeGreaterThan(900);
  });

  it('sees no ARP or ICMP where tshark sees none', () => {
    const wrong: string[] = [];
    for (const { name, frames, rows } of all) {
      const known = new Set(rows.map((row) => row.pkt));
      frames.forEach((frame, index) => {
        const { arp, icmp } = decodeFrame(frame.bytes, frame.originalLength);
        const at = `${name}#${index + 1}`;
        if ((arp || icmp) && !known.has(`${index + 1}`) && !MISREAD.has(at)) wrong.push(at);
      });
    }
    expect(wrong).toEqual([]);
  });

  it('describes every frame in one printable line', () => {
    let lines = 0;
    for (const { frames } of all)
      for (const { bytes, originalLength } of frames) {
        const line = describePacket(decodeFrame(bytes, originalLength));
        if (!/^[\x20-\x7e]+$/.test(line)) throw new Error(JSON.stringify(line));
        lines++;
      }
    expect(lines).toBeGreaterThan(8000);
  });
});

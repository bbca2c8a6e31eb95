/**
 * What the real tcpdump prints of a capture, read back, against the capture itself: every field that was printed is equal.
 * The project's own captures, and a sample of the corpus beside the project, which is skipped where it is not there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type FileFrame, readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Icmp, Ipv4, Ipv6, Packet } from '../../src/wire/packet.ts';
import { readText, type TextFrameRead } from './text.ts';

const CAPTURES = fileURLToPath(new URL('../../fixtures/captures', import.meta.url));
const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const MOST_PACKETS = 300;
const DAY = 86_400_000_000_000n;

/** `-#` numbers the lines, so that each can be found in the capture. */
const OPTIONS = [
  '-n',
  '-ne',
  '-nv',
  '-nev',
  '-nq',
  '-nqe',
  '-nt',
  '-ntt',
  '-ntttt',
  '-nttt',
  '-nttttt',
  '-nx',
  '-nexx',
  '-nvvX',
];

function pcapFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:pcap|pcapng)$/.test(name))
    .map((name) => join(root, name));
}

interface Pair {
  readonly options: string;
  /** As in the capture, and as in the text; undefined where its line gave no frame. */
  readonly original: FileFrame;
  readonly read: TextFrameRead | undefined;
  readonly line: string;
}

function printedBy(file: string, options: readonly string[]): Buffer {
  const args = [...options, '-c', String(MOST_PACKETS), '-r', file];
  return spawnSync('tcpdump', args, { env: { ...process.env, TZ: 'UTC' }, maxBuffer: 1 << 28 }).stdout;
}

async function pairs(file: string, options: string): Promise<Pair[]> {
  const { frames } = readCaptureBytes(readFileSync(file));
  const stdout = printedBy(file, [options, '-#']);
  const read = await readText(stdout);
  const byLine = new Map(read.frames.map((frame) => [frame.line, frame]));
  return stdout
    .toString('latin1')
    .split('\n')
    .flatMap((line, index) => {
      const number = /^ {0,4}(\d+) {2,3}\S/.exec(line)?.[1];
      const original = frames[Number(number) - 1];
      return original === undefined ? [] : [{ options, original, read: byLine.get(index + 1), line }];
    });
}

/** What one line prints of a packet, with these options, in one shape for both sides. */
function printed(packet: Packet, frame: FileFrame, options: string, told: Packet): unknown {
  const { arp, ip, icmp } = packet;
  const link = options.includes('e') && {
    ...packet.ethernet,
    vlans: packet.vlans,
    length: frame.originalLength,
  };
  if (arp) {
    const { operation, senderProtocol } = arp;
    const rest = operation === 1 ? [arp.targetProtocol, arp.targetHardware] : [arp.senderHardware];
    return { link, operation, senderProtocol, rest };
  }
  return { link, ip: ip && printedIp(ip, options), icmp: icmp && printedIcmp(icmp, options, told.icmp) };
}

function printedIp(ip: Ipv4 | Ipv6, options: string): unknown {
  const { source, destination } = ip;
  if (ip.version === 6) return { source, destination, hops: options.includes('v') && ip.hopLimit };
  const { ttl, identification, dontFragment, moreFragments, fragmentOffset, totalLength, headerLength } = ip;
  const body = totalLength - headerLength;
  if (!options.includes('v')) return { source, destination, body };
  return { source, destination, body, ttl, identification, dontFragment, moreFragments, fragmentOffset, totalLength };
}

function printedIcmp(icmp: Icmp, options: string, told: Icmp | undefined): unknown {
  const { type, code, identifier, sequence, mtu, gateway, target } = icmp;
  const flags = options.includes('v') && [icmp.neighbourFlags, icmp.linkLayerAddress];
  // A quote is compared as far as it was told: some messages name nobody, and few quote in full.
  const quoted = told?.quoted?.ip && [icmp.quoted?.ip?.source, icmp.quoted?.ip?.destination];
  const port = told?.quoted?.udp && icmp.quoted?.udp?.destinationPort;
  const echo = told?.quoted?.icmp && [icmp.quoted?.icmp?.identifier, icmp.quoted?.icmp?.sequence];
  return { type, code, identifier, sequence, mtu, gateway, target, flags, quoted, port, echo };
}

/** Messages that both sides have words for: ARP, echo, errors, neighbour discovery. */
function isCompared({ arp, icmp, ip }: Packet): boolean {
  if (arp) return arp.operation <= 2;
  if (!icmp || !ip || ip.fragmentOffset > 0) return false;
  const v4 = [0, 3, 4, 5, 8, 11];
  const v6 = [1, 2, 3, 128, 129, 133, 134, 135, 136, 137];
  return (icmp.version === 4 ? v4 : v6).includes(icmp.type);
}

/** Returns how many packets were compared, so that a test that compares nothing fails. */
async function compare(file: string, options: string): Promise<number> {
  let compared = 0;
  for (const { original, read, line } of await pairs(file, options)) {
    const packet = decodeFrame(original.bytes, original.originalLength, original.linkType);
    // What tcpdump itself calls cut off or damaged has no fields to compare, and what is in a tunnel is no line of its own.
    if (!isCompared(packet) || packet.stop?.reason === 'malformed' || /\[\||bad-len|truncated-ip|PPPoE|AH\(/.test(line))
      continue;
    expect(read, `${file} ${options}: ${line}`).toBeDefined();
    if (read === undefined) continue;
    const told = read.packet;
    expect(printed(told, read.frame, options, told), `${file}: ${line}`).toEqual(
      printed(packet, original, options, told),
    );
    compared++;
  }
  return compared;
}

describe.each(OPTIONS)('tcpdump %s', (options) => {
  it('of the project’s captures is read back', async () => {
    let compared = 0;
    for (const file of pcapFiles(CAPTURES)) compared += await compare(file, options);
    expect(compared).toBeGreaterThan(100);
  });

  it('has the times of the capture', async () => {
    const file = join(CAPTURES, 'bridge-port-owns-ip.pcapng');
    const found = (await pairs(file, options)).filter(({ read }) => read !== undefined);
    expect(found.length).toBeGreaterThan(5);
    const first = found[0]?.original.timeNs ?? 0n;
    for (const [index, { original, read, line }] of found.entries())
      expect(read?.frame.timeNs, line).toEqual(timeOf(options, original.timeNs, first, index));
  });

  it('without numbers gives the same frames', async () => {
    const file = join(CAPTURES, 'ttl-expired.pcapng');
    const [plain, numbered] = await Promise.all(
      [[options], [options, '-#']].map(async (given) => (await readText(printedBy(file, given))).frames),
    );
    expect(plain?.length).toBeGreaterThan(5);
    const facts = (frames: readonly TextFrameRead[] = []) =>
      frames.map(({ frame, packet, line }) => [frame.timeNs, frame.originalLength, packet, line]);
    expect(facts(plain)).toEqual(facts(numbered));
  });
});

/** tcpdump cuts to microseconds, each stamp and each difference by itself. */
function timeOf(options: string, timeNs: bigint, firstNs: bigint, index: number): unknown {
  const micro = (ns: bigint) => (ns / 1000n) * 1000n;
  switch (/t+/.exec(options)?.[0].length ?? 0) {
    case 0:
      return micro(timeNs) % DAY;
    case 1:
      return BigInt(index + 1) * 1000n;
    case 3:
      return expect.toSatisfy((ns: bigint) => abs(ns - (timeNs - firstNs)) <= BigInt(index + 1) * 1000n);
    case 5:
      return expect.toSatisfy((ns: bigint) => abs(ns - (timeNs - firstNs)) <= 1000n);
    default:
      return micro(timeNs);
  }
}

function abs(ns: bigint): bigint {
  return ns < 0n ? -ns : ns;
}

describe.skipIf(!existsSync(CORPUS))('a sample of the corpus', () => {
  it.each(['-n', '-nev', '-nqe'])(
    'printed with %s is read back',
    async (options) => {
      let compared = 0;
      const ethernet = pcapFiles(CORPUS).filter(
        (file, index) => (index % 6 === 0 || file.includes('/lab/')) && isEthernet(file),
      );
      for (const file of ethernet) compared += await compare(file, options);
      expect(compared).toBeGreaterThan(300);
    },
    120_000,
  );
});

function isEthernet(file: string): boolean {
  const bytes = readFileSync(file);
  if (bytes.length > 4 << 20) return false;
  const { interfaces } = readCaptureBytes(bytes).summary;
  return interfaces.length > 0 && interfaces.every(({ linkType }) => linkType === 1);
}

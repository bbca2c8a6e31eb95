/** vdiag frames: text as tcpdump's, JSON lines, errors and pipes. */
import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { encodeArp } from '../../src/wire/arp.ts';
import { encodeEthernet } from '../../src/wire/ethernet.ts';
import { encodeIcmp, encodeIcmpEcho } from '../../src/wire/icmp.ts';
import { encodeIpv4 } from '../../src/wire/ipv4.ts';
import { encodeTcp } from '../../src/wire/tcp.ts';
import { encodeUdp } from '../../src/wire/udp.ts';
import { Blocks, byte, text } from '../capfile/blocks.ts';
import { pcapFile, pcapRecord } from '../capfile/pcap-records.ts';

const [node = '', main = ''] = vdiagProgram();
const RECORDED = fileURLToPath(new URL('../../fixtures/captures/bridge-port-owns-ip.pcapng', import.meta.url));

function frames(args: readonly string[], options: { input?: Uint8Array; TZ?: string } = {}): SpawnSyncReturns<string> {
  const { input, TZ = 'UTC' } = options;
  return spawnSync(node, [main, 'frames', ...args], {
    encoding: 'utf8',
    timeout: 15_000,
    env: { ...process.env, TZ },
    ...(input === undefined ? {} : { input }),
  });
}

const MACS = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const HEADER = {
  version: 4,
  source: '10.0.0.1',
  destination: '10.0.0.2',
  identification: 9,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
} as const;

function ipv4(protocol: number, data: Uint8Array): Uint8Array {
  return encodeEthernet({ ...MACS, etherType: 0x0800 }, encodeIpv4({ ...HEADER, protocol }, data));
}

const ARP = encodeEthernet(
  { ...MACS, etherType: 0x0806 },
  encodeArp({
    operation: 2,
    senderHardware: MACS.source,
    senderProtocol: '10.0.0.1',
    targetHardware: MACS.destination,
    targetProtocol: '10.0.0.2',
  }),
);
const ECHO = ipv4(1, encodeIcmpEcho({ reply: false, identifier: 7, sequence: 3, data: new Uint8Array(8) }));
const QUOTED = encodeIpv4(
  { ...HEADER, protocol: 17 },
  encodeUdp({ sourcePort: 5, destinationPort: 53 }, new Uint8Array(4)),
);
const UNREACHABLE = ipv4(1, encodeIcmp({ type: 3, code: 3 }, QUOTED));
const VXLAN = ipv4(
  17,
  encodeUdp({ sourcePort: 5, destinationPort: 4789 }, Buffer.concat([Buffer.from('0800000000002a00', 'hex'), ECHO])),
);
const TCP = ipv4(
  6,
  encodeTcp({ sourcePort: 5, destinationPort: 80, sequence: 1, flags: 2 }, new Uint8Array(0), new Uint8Array(8)),
);

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vdiag-frames-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function stored(name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

function plain(...packets: Uint8Array[]): Buffer {
  return pcapFile(
    {},
    packets.map((data, index) => ({ seconds: 1_700_000_000 + index, fraction: 42, data })),
  );
}

describe('text', () => {
  it('is what tcpdump -n prints', () => {
    const path = stored('plain.pcap', plain(ARP, TCP, ECHO, UNREACHABLE));
    const tcpdump = execFileSync('tcpdump', ['-nr', path, 'arp or icmp'], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'Asia/Kolkata' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(frames([path], { TZ: 'Asia/Kolkata' })).toMatchObject({ status: 0, stderr: '', stdout: tcpdump });
    expect(tcpdump).toContain('03:43:20.000042 ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28');
  });

  it('names interface and direction where the file does', () => {
    const make = new Blocks(true);
    const flags = (value: number) => [{ code: 2, value: make.u32(value) }];
    const file = Buffer.concat([
      make.section(),
      make.interface([text(2, 'eth0'), byte(9, 9)]),
      make.interface([text(2, 'br\x1b[2J'), byte(9, 9)]),
      make.enhanced(0, 1_000_001_000n, ARP, flags(1)),
      make.enhanced(1, 2_000_001_999n, ARP, flags(2)),
    ]);
    expect(frames([stored('named.pcapng', file)]).stdout).toBe(
      '00:00:01.000001 eth0 In  ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28\n' +
        '00:00:02.000001 br\\x1b[2J Out ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28\n',
    );
  });

  it('shows what is in tunnels, and every frame with --all', () => {
    const path = stored('tunnel.pcap', plain(VXLAN, TCP));
    const lines = frames([path]).stdout.trimEnd().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(
        /4789: UDP, length \d+, inside: IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request, id 7, seq 3,/,
      ),
    ]);
    expect(frames(['--all', path]).stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it('reads standard input, gzip, and several files one after the other', () => {
    const first = stored('first.pcap', plain(ARP));
    const { stdout, status } = frames([first, '-'], { input: gzipSync(plain(ECHO, ECHO)) });
    expect(status).toBe(0);
    expect(stdout.match(/ARP|ICMP/g)).toEqual(['ARP', 'ICMP', 'ICMP']);
  });
});

describe('--json', () => {
  const lines = ({ stdout }: SpawnSyncReturns<string>) =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('has every field, and leaves out what is not there', () => {
    const path = stored('fields.pcap', plain(ARP, ECHO, UNREACHABLE, VXLAN));
    const [arp, echo, unreachable, vxlan] = lines(frames(['--json', path]));
    expect(arp).toEqual({
      frame: 1,
      timeNs: '1700000000000042000',
      interface: null,
      capturedLength: 42,
      originalLength: 42,
      direction: 'unknown',
      ethernet: MACS,
      arp: {
        operation: 2,
        senderProtocol: '10.0.0.1',
        senderHardware: MACS.source,
        targetProtocol: '10.0.0.2',
        targetHardware: MACS.destination,
      },
    });
    const ip = {
      version: 4,
      source: '10.0.0.1',
      destination: '10.0.0.2',
      identification: 9,
      ttl: 64,
      fragmentOffset: 0,
      moreFragments: false,
    };
    const icmp = { type: 8, code: 0, identifier: 7, sequence: 3, checksumValid: true };
    expect(echo).toMatchObject({ frame: 2, ip, icmp });
    expect(unreachable.icmp).toEqual({
      type: 3,
      code: 3,
      checksumValid: true,
      quoted: { ip, udp: { sourcePort: 5, destinationPort: 53 } },
    });
    expect(vxlan).toMatchObject({ ip, udp: { destinationPort: 4789 }, inner: { ethernet: MACS, ip, icmp } });
  });

  it('says where decoding ended, and names the file where there are several', () => {
    const cut = pcapFile({}, [{ data: ECHO.subarray(0, 37), original: ECHO.length }]);
    const path = stored('cut.pcap', cut);
    const [frame] = lines(frames(['--json', path, path]));
    expect(frame).toMatchObject({
      file: path,
      capturedLength: 37,
      stop: { layer: 'icmp', offset: 34, need: 8, have: 3, reason: 'truncated' },
    });
  });

  it('is ASCII, whatever an interface is called', () => {
    const make = new Blocks(true);
    const name = 'br\u009b\u202e"\\ü';
    const file = Buffer.concat([make.section(), make.interface([text(2, name)]), make.enhanced(0, 1n, ARP)]);
    const { stdout } = frames(['--json', stored('name.pcapng', file)]);
    expect(stdout).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(stdout).interface).toBe(name);
  });

  it('reads a recording of a lab', () => {
    const all = lines(frames(['--json', RECORDED]));
    expect(all.filter(({ arp }) => arp !== undefined).length).toBeGreaterThan(0);
    expect(new Set(all.map((frame) => frame.interface)).size).toBeGreaterThan(1);
  });
});

describe('trouble', () => {
  it('a damaged file is printed up to the damage, and said on one line', () => {
    const good = plain(ARP, ECHO);
    const path = stored('damaged.pcap', Buffer.concat([good, pcapRecord({ data: ARP, captured: 1 << 30 })]));
    const { status, stdout, stderr } = frames([path]);
    expect(status).toBe(2);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).toBe(
      `vdiag: ${path} at byte ${good.length}: a record claims 1073741824 captured bytes: no packet has more than 262144\n`,
    );
  });

  it('frames of other link types are counted and named', () => {
    const path = stored('ppp.pcap', pcapFile({ linkType: 9 }, [{ data: ARP }, { data: ARP }]));
    expect(frames([path])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: `vdiag: ${path}: 2 of 2 frames skipped: vdiag reads no LINKTYPE_PPP\n`,
    });
  });

  it('nothing to show is said', () => {
    const path = stored('tcp.pcap', plain(TCP));
    expect(frames([path])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: `vdiag: ${path}: none of its 1 frames is ARP or ICMP (--all prints every frame)\n`,
    });
  });

  it('no capture is refused in two lines', () => {
    const { status, stderr } = frames([stored('x.zip', Buffer.from('PK\x03\x04'))]);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^vdiag: .* it looks like a zip archive\n {2}unpack it first, and give the capture inside\n$/,
    );
  });

  it('ends at once and quietly when nobody reads on, also of a capture without end', async () => {
    const child = spawn(node, [main, 'frames', '--json', '-'], { stdio: 'pipe' });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin.on('error', () => {});
    child.stdout.once('data', () => child.stdout.destroy());
    const exited = new Promise((resolve) => child.on('exit', resolve));
    const more = Buffer.concat(Array.from({ length: 500 }, () => pcapRecord({ data: ECHO })));
    const feed = () => {
      while (child.exitCode === null && child.stdin.writable && child.stdin.write(more));
    };
    child.stdin.on('drain', feed);
    child.stdin.write(plain(ARP));
    feed();
    expect([await exited, stderr]).toEqual([0, '']);
  });

  it('a frame is shown while the capture goes on', async () => {
    const child = spawn(node, [main, 'frames', '-'], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.write(plain(ARP));
    const line = await new Promise<string>((resolve) =>
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    expect(line).toContain('is-at 02:00:00:00:00:01');
    child.stdin.end();
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
  });
});

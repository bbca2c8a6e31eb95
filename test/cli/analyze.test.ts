/** vdiag analyze as a user meets it, over the recorded captures of the project and, where it is there, the shared corpus. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { schemaOf } from '../schema.ts';

const [node = '', main = ''] = vdiagProgram();
const fixtures = fileURLToPath(new URL('../../fixtures/captures/', import.meta.url));
const corpus = fileURLToPath(new URL('../../../shared/corpus/lab/', import.meta.url));

const validate = schemaOf('report');

function analyze(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(node, [main, 'analyze', ...args], { encoding: 'utf8', timeout: 20_000, maxBuffer: 1 << 26 });
}

function refusal(...args: readonly string[]): string {
  const { status, stdout, stderr } = analyze(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^vdiag: [^\n]+\n {2}[^\n]+\n$/);
  return stderr.split('\n')[0]?.replace('vdiag: ', '') ?? '';
}

let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdiag-analyze-'));
  // Away from its companion: a capture and nothing else.
  copyFileSync(join(fixtures, 'bridge-port-owns-ip.pcapng'), at('plain.pcapng'));
  copyFileSync(join(fixtures, 'checksum-offloaded.pcapng'), at('well.pcapng'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('what is refused', () => {
  it.each([
    [[], "missing required argument 'capture'"],
    [['nowhere.pcap'], 'no such file: nowhere.pcap'],
    [['/'], '/ is a directory'],
    [['-', 'web=-'], 'standard input can be read once'],
    [['--between', '10.0.0.1', 'host', 'x'], '--between: not an IP address: host'],
    [['x', '--between', '10.0.0.1'], '--between: one address is missing'],
    [['x', '--between=10.0.0.1,10.0.0.2,10.0.0.3'], '--between: two addresses are wanted'],
    [['x', '--since', 'noon'], 'not a time: noon'],
    [['a=x', 'a=y'], 'two captures are called a'],
    [['x', 'x'], 'x is given twice'],
    [['x', '--topologie', 'y'], "unknown option '--topologie'"],
  ])('%j', (args, message) => expect(refusal(...args)).toBe(message));

  it('a file that is no topology', () => {
    writeFileSync(at('odd.json'), '{}');
    expect(refusal(at('plain.pcapng'), '--topology', at('odd.json'))).toContain('odd.json: ');
    expect(refusal(at('plain.pcapng'), '--topology', at('nowhere.json'))).toContain('cannot read');
  });
});

describe('recorded runs', () => {
  const names = readdirSync(fixtures).filter((name) => name.endsWith('.pcapng'));

  it.each(names)('%s', (name) => {
    const { status, stdout, stderr } = analyze('--json', join(fixtures, name));
    expect(stderr).toBe('');
    const document = JSON.parse(stdout);
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(document.findings[0]?.rule).toBe(name.replace('.pcapng', ''));
    expect(status).toBe(document.outcome === 'healthy' ? 0 : 1);
    expect(document).toMatchObject({ command: 'analyze', basis: 'topology', captures: [{ format: 'pcapng' }] });
  });

  it('say the same as text', () => {
    const { status, stdout } = analyze(join(fixtures, 'bridge-port-owns-ip.pcapng'));
    expect(status).toBe(1);
    expect(stdout).toContain('[bridge-port-owns-ip, proven]');
    expect(stdout).toContain('3 packets transmitted, 0 received');
  });
});

describe('plain captures', () => {
  it('are judged by their traffic', () => {
    const { status, stdout, stderr } = analyze(at('plain.pcapng'));
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/^FAULT .*\[[a-z-]+,\s(proven|likely|possible)\]/s);
    expect(stdout).toContain('basis: the traffic alone');
    expect(stdout).toMatch(/ARP 1\.2\.3\.101 -> 1\.2\.3\.102 /);
  });

  it('of a healthy network have status 0', () => {
    const { status, stdout } = analyze('-q', at('well.pcapng'));
    expect(stdout).toMatch(/^OK (\d+) of \1 requests answered, /);
    expect(status).toBe(0);
  });

  it('come from a pipe, and compressed', () => {
    const capture = readFileSync(at('plain.pcapng'));
    for (const input of [capture, gzipSync(capture)]) {
      const { status, stdout } = spawnSync(node, [main, 'analyze', '--json', '-'], {
        input,
        encoding: 'utf8',
        timeout: 20_000,
      });
      expect(status).toBe(1);
      expect(JSON.parse(stdout).captures).toMatchObject([{ name: 'standard input', compressed: input !== capture }]);
    }
  });

  it('are narrowed', () => {
    const all = JSON.parse(analyze('--json', at('plain.pcapng')).stdout);
    const some = JSON.parse(analyze('--json', at('plain.pcapng'), '--until', '+0.5').stdout);
    expect(some.summary.frames).toBeGreaterThan(0);
    expect(some.summary.frames).toBeLessThan(all.summary.frames);
    const others = JSON.parse(analyze('--json', '--between', '192.0.2.1', '192.0.2.2', at('plain.pcapng')).stdout);
    expect(others.summary.pairs).toEqual([]);
    const own = JSON.parse(analyze('--json', at('plain.pcapng'), '--between', '1.2.3.102', '1.2.3.101').stdout);
    expect(own.summary.pairs).toEqual(all.summary.pairs);
  });

  it('have the name they are given, unless a file has it', () => {
    const places = (...args: readonly string[]): string[] =>
      JSON.parse(analyze('--json', ...args).stdout).summary.places.map(
        ({ place }: { place: { netns: string } }) => place.netns,
      );
    expect(new Set(places(`web=${at('plain.pcapng')}`))).toEqual(new Set(['web']));
    mkdirSync(at('a=b'));
    copyFileSync(at('plain.pcapng'), at('a=b/c.pcapng'));
    expect(places(at('a=b/c.pcapng'))).not.toContain('b/c.pcapng');
  });
});

describe('what cannot be read whole', () => {
  it('is analyzed up to the damage, which is told', () => {
    const whole = readFileSync(at('plain.pcapng'));
    writeFileSync(at('cut.pcapng'), whole.subarray(0, whole.length - 700));
    const { status, stdout, stderr } = analyze(at('cut.pcapng'));
    expect(status).toBe(1);
    expect(stdout).toContain('exchanges:');
    expect(stderr).toMatch(/^vdiag: [^\n]*cut\.pcapng at byte \d+: [^\n]+\n$/);
  });

  it('has status 2 where nothing is left', () => {
    const { status, stdout, stderr } = analyze(at('plain.pcapng'), '--since', '+3600');
    expect(stdout).toMatch(/^\? no frame to analyze\n/);
    expect(stderr).toBe('vdiag: no frame between --since and --until\n  vdiag frames shows the times of a capture\n');
    expect(status).toBe(2);
  });
});

describe('Ctrl-C', () => {
  it('ends a stream that goes on, and the report comes', async () => {
    const child = spawn(node, [main, 'analyze', '--json', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdin.on('error', () => {});
    // More than a pipe holds: when all of it is taken, somebody reads. Then the stream stays open, and only the signal ends it.
    const section = readFileSync(at('plain.pcapng'));
    const sections = Buffer.concat(Array(Math.ceil(400_000 / section.length)).fill(section));
    await new Promise((resolve) => child.stdin.write(sections, resolve));
    await sleep(500);
    child.kill('SIGINT');
    expect(await closed).toBe(1);
    child.stdin.destroy();
    const document = JSON.parse(stdout);
    expect(document.summary.frames).toBeGreaterThan(0);
    expect(document.gaps).toContain('interrupted: only what had been read is analyzed');
  });
});

describe.skipIf(!existsSync(corpus))('the shared corpus', () => {
  const names = existsSync(corpus) ? readdirSync(corpus).filter((name) => /\.pcap(ng)?$/.test(name)) : [];

  it.each(names)('%s: a fault where there was one, and none where there was not', (name) => {
    const truth = join(corpus, name.replace(/(\.any-sll2|\.only-veth1)?\.pcap(ng)?$/, '.truth.json'));
    const { fault } = JSON.parse(readFileSync(truth, 'utf8'));
    const { status, stdout, stderr } = analyze('--json', join(corpus, name));
    expect(stderr).toBe('');
    expect(validate(JSON.parse(stdout)), JSON.stringify(validate.errors)).toBe(true);
    expect(status).toBe(fault === null ? 0 : 1);
  });
});

/** Programs that vdiag asks print garbage, print without end, hang or die: one line says so, and no cause is made of it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();
/** Address space of the whole process would say nothing (V8 reserves much): its largest resident set, MiB. */
const MOST_MIB = 1100;

describe.skipIf(!mayMakeNamespaces)('a program that vdiag asks', { timeout: 120_000 }, () => {
  let machine: OwnMachine;
  let folder = '';
  //   p0 10.77.1.1 ─── post:q0 10.77.1.2, whose rules drop echo requests
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-tools-'));
    machine = ownMachine(`
      ip netns add post
      ip link add p0 type veth peer name q0 netns post
      ip addr add 10.77.1.1/24 dev p0
      ip -n post addr add 10.77.1.2/24 dev q0
      ip link set p0 up
      ip -n post link set q0 up
      ip netns exec post nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c icmp type echo-request drop'
      until ip link show p0 | grep -q 'state UP'; do sleep 0.01; done`);
  });
  afterAll(() => {
    machine?.close();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  function withTool(name: string, script: string, ...words: string[]) {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    try {
      return spawnSync(node, [main, ...words], {
        encoding: 'utf8',
        timeout: 110_000,
        env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      });
    } finally {
      rmSync(path);
    }
  }

  it.each([
    ['prints garbage', 'echo garbage'],
    ['hangs', 'exec sleep 100'],
    ['prints without end', 'exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['says nothing of the interface', `echo '[{"ifname":5,"ifindex":"x"},null,7,[]]'`],
  ])('ip that %s harms nothing: what it would say, the kernel says itself', (_, script) => {
    const { status, stdout, stderr } = withTool('ip', script, 'check', 'p0', '10.77.1.2', '--json');
    expect(stderr).toBe('');
    expect(status).toBe(1);
    expect(JSON.parse(stdout).findings[0].rule).toBe('filter-input-drop');
  });

  it.each([
    ['prints garbage', 'echo garbage'],
    ['hangs', 'exec sleep 100'],
    ['prints without end', 'exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['prints zeros', 'exec head -c 60000000 /dev/zero'],
    ['prints 10 MB of brackets', `exec head -c 10000000 /dev/zero | tr '\\0' '['`],
    ['fails', 'exit 1'],
  ])('nft that %s: its rules are unknown, and no rule is named', (_, script) => {
    const { status, stdout, stderr } = withTool('nft', script, 'ping-trace', 'p0', '10.77.1.2', '--json', '--no-drops');
    expect(stderr).toBe('');
    expect(status).toBe(1);
    const report = JSON.parse(stdout);
    expect(report.findings[0].rule).toBe('request-lost');
    expect(report.findings[0].confidence).not.toBe('proven');
    expect(report.topology.gaps.join('\n')).toMatch(/nft: .*filter rules of post unknown/);
  });

  it('takes no more memory than it has to', () => {
    const tell =
      "process.on('exit', () => process.stderr.write('MiB ' + Math.round(process.resourceUsage().maxRSS / 1024)))";
    const path = join(folder, 'nft');
    writeFileSync(path, '#!/bin/sh\nexec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n');
    chmodSync(path, 0o755);
    const words = [
      '--import',
      `data:text/javascript,${encodeURIComponent(tell)}`,
      main,
      'check',
      'p0',
      '10.77.1.2',
      '--json',
    ];
    const { stdout, stderr } = spawnSync(node, words, {
      encoding: 'utf8',
      timeout: 110_000,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });
    rmSync(path);
    expect(stdout).toContain('printed too much');
    expect(Number(/MiB (\d+)/.exec(stderr)?.[1])).toBeLessThan(MOST_MIB);
  });
});

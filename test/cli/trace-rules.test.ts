/** ping-trace --trace-rules: the rule is named and proven, in text, tables and JSON, and nothing is left however it ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadRecording, saveRecording } from '../../src/capfile/recording.ts';
import { vdiagProgram } from '../../src/lab/run.ts';
import { pingTrace, recordPingTrace } from '../../src/session/ping-trace.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { schemaOf } from '../schema.ts';

const [node = '', main = ''] = vdiagProgram();

describe.skipIf(!mayMakeNamespaces)('vdiag ping-trace --trace-rules', { timeout: 60_000 }, () => {
  let machine: OwnMachine;
  const children: ChildProcess[] = [];
  //   p0 10.77.1.1 ─── post:q0 10.77.1.2, whose rules no listing decides
  beforeAll(() => {
    machine = ownMachine(`
      ip netns add post
      ip link add p0 type veth peer name q0 netns post
      ip addr add 10.77.1.1/24 dev p0
      ip -n post addr add 10.77.1.2/24 dev q0
      ip link set p0 up
      ip -n post link set q0 up
      ip netns exec post nft -f - <<'N'
table ip letters {
  chain weighed {
    limit rate over 90000/second drop
    quota over 1 bytes drop
  }
  chain in {
    type filter hook input priority 0; policy accept;
    ct count over 900 drop
    ip protocol icmp jump weighed
  }
}
N`);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => machine?.close());

  const listed = () => machine.run('nft list ruleset; ip netns exec post nft -s list ruleset');
  const run = (...args: string[]) =>
    spawnSync(node, [main, 'ping-trace', 'p0', '10.77.1.2', ...args], { encoding: 'utf8', timeout: 60_000 });

  it('names the rule, its chain, handle and words, and calls that proven', () => {
    const before = listed();
    const { status, stdout, stderr } = run('--trace-rules', '--no-drops', '-v');
    expect(stderr).toBe('');
    expect(status).toBe(1);
    const text = stdout.replace(/\s+/g, ' ');
    expect(text).toMatch(/rule 2 \(handle \d+\) of chain ip letters weighed drops .*\[filter-input-drop, proven\]/);
    expect(text).toMatch(
      /the kernel tells that rule 2 \(handle \d+\) of chain ip letters weighed drops it: quota over 1 bytes drop/,
    );
    const table = stdout.slice(stdout.indexOf('filter rules met:')).replace(/\s+/g, ' ');
    expect(table).toMatch(
      /^filter rules met: packet in chain rules verdict echo request seq 1 post ip letters in \(input\)/,
    );
    expect(table).toContain('weighed rule 2');
    expect(listed()).toBe(before);
  });

  it('publishes all of it as the schema says', () => {
    const report = JSON.parse(run('--trace-rules', '--json').stdout);
    const isReport = schemaOf('report');
    expect(isReport(report), JSON.stringify(isReport.errors)).toBe(true);
    expect(report.ruleTrace[0]).toEqual({
      netns: 'post',
      family: 'ip',
      table: 'letters',
      chain: 'in',
      hook: 'input',
      packet: 'echo-request',
      sequence: 1,
      input: 'q0',
      steps: [
        {
          chain: 'in',
          handle: expect.any(Number),
          position: 2,
          verdict: 'jump',
          target: 'weighed',
          text: 'ip protocol icmp jump weighed',
        },
        { chain: 'weighed', handle: expect.any(Number), position: 2, verdict: 'drop', text: 'quota over 1 bytes drop' },
      ],
      verdict: 'drop',
    });
    expect(report.findings[0].evidence.map(({ kind }: { kind: string }) => kind)).toContain('rule');
    expect(JSON.parse(run('--json').stdout)).not.toHaveProperty('ruleTrace');
  });

  it('keeps it in the recording, and finds the same in it', async () => {
    const { report, recording } = await recordPingTrace({ interface: 'p0', address: '10.77.1.2', traceRules: true });
    expect(report.diagnosis.ruleTrace?.passages.length).toBeGreaterThan(0);
    const again = loadRecording(saveRecording(recording));
    expect(again.ruleTrace).toEqual(recording.ruleTrace);
    const capture = join(tmpdir(), `vdiag-trace-rules-${process.pid}.pcapng`);
    try {
      expect(run('--trace-rules', '-w', capture).status).toBe(1);
      const { stdout } = spawnSync(node, [main, 'analyze', capture], { encoding: 'utf8' });
      expect(stdout.replace(/\s+/g, ' ')).toMatch(/of chain ip letters weighed drops .*\[filter-input-drop, proven\]/);
    } finally {
      for (const name of [capture, capture.replace('.pcapng', '.recording.json')]) rmSync(name, { force: true });
    }
  });

  it('asks nobody where it is not asked to, and nothing where there are no rules', async () => {
    const options = { interface: 'p0', address: '10.77.1.2', drops: false } as const;
    expect((await pingTrace(options)).diagnosis.ruleTrace).toBeUndefined();
    machine.run('ip netns add bare; ip netns exec bare ip link set lo up');
    const quiet = await pingTrace({ interface: 'lo', address: '127.0.0.1', netns: 'bare', traceRules: true });
    expect(quiet.diagnosis.ruleTrace).toEqual({ passages: [], lost: [] });
    expect(quiet.diagnosis.coverage.gaps.filter((gap) => gap.includes('filter rules'))).toEqual([]);
  });

  it('says what was not traced, and goes on', () => {
    const { status, stdout } = spawnSync(
      'setpriv',
      [
        '--bounding-set=-net_admin',
        '--inh-caps=-net_admin',
        node,
        main,
        'ping-trace',
        'p0',
        '10.77.1.2',
        '--trace-rules',
      ],
      { encoding: 'utf8', timeout: 60_000 },
    );
    expect(status).toBe(1);
    expect(stdout.replace(/\s+/g, ' ')).toContain('filter rules of post: not traced:');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)('leaves nothing behind after %s', async (signal) => {
    const before = listed();
    const child = spawn(node, [main, 'ping-trace', 'p0', '10.77.1.2', '--trace-rules', '-c', '900', '-i', '0.1'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    child.stdout?.resume();
    const ended = new Promise((resolve) => child.once('close', resolve));
    const table = `vdiag_trace_${child.pid}_`;
    for (let tries = 0; !listed().includes(table); tries++) {
      if (tries > 1000) throw new Error('its table never came');
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
    child.kill(signal);
    await ended;
    expect(listed()).toBe(before);
  });
});

/** What rights vdiag needs, says it lacks, passes on and gives up: on the real kernel, with setpriv and setcap. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();
const NOBODY = ['--reuid', '1000', '--regid', '1000', '--clear-groups'];
/** What the documentation calls the smallest set (docs/privileges.md). */
const SMALLEST = 'net_raw,+net_admin,+sys_admin,+sys_ptrace';

const mayDrop = mayMakeNamespaces && spawnSync('setpriv', ['--bounding-set', '-sys_boot', 'true']).status === 0;
const anybodyMayRead =
  spawnSync('setpriv', [...NOBODY, node, '-e', `fs.readFileSync(${JSON.stringify(main)})`]).status === 0;
const maySetCapabilities = spawnSync('setcap', ['-h']).error === undefined;

describe.skipIf(!mayDrop)('the rights of vdiag', { timeout: 60_000 }, () => {
  let machine: OwnMachine;
  let folder = '';
  const children: ChildProcess[] = [];
  //   va 10.77.1.1 ─── named:eth0 10.77.1.2        vb 10.77.2.1 ─── (a process):eth0 10.77.2.2
  beforeAll(async () => {
    machine = ownMachine();
    folder = mkdtempSync(join(tmpdir(), 'vdiag-rights-'));
    spawnSync('chmod', ['755', folder]);
    const pid = await machine.unnamedNetns();
    machine.run(`
      ip netns add named
      ip link add va type veth peer name eth0 netns named
      ip link add vb type veth peer name eth0 netns ${pid}
      ip addr add 10.77.1.1/24 dev va
      ip addr add 10.77.2.1/24 dev vb
      ip link set va up
      ip link set vb up
      inside() {
        "$@" ip link set eth0 up
        "$@" nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c icmp type echo-request drop'
      }
      ip -n named addr add 10.77.1.2/24 dev eth0
      inside ip netns exec named
      nsenter -t ${pid} -n ip addr add 10.77.2.2/24 dev eth0
      inside nsenter -t ${pid} -n
      for dev in va vb; do until ip link show $dev | grep -q 'state UP'; do sleep 0.01; done; done`);
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    machine?.close();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  const within = (rights: readonly string[], ...words: string[]) =>
    spawnSync('setpriv', [...rights, node, main, ...words], { encoding: 'utf8', timeout: 60_000 });
  const bounded = (set: string) => ['--inh-caps', '-all', '--ambient-caps', '-all', '--bounding-set', `-all,+${set}`];
  const reported = ({ stdout, stderr }: ReturnType<typeof within>) => {
    expect(stdout, stderr).toMatch(/^\{/);
    return JSON.parse(stdout);
  };

  it('are enough with four capabilities, for namespaces with and without a name', () => {
    for (const words of [
      ['va', '10.77.1.2'],
      ['vb', '10.77.2.2'],
    ]) {
      const { outcome, findings } = reported(within(bounded(SMALLEST), 'ping-trace', ...words, '--json', '--no-drops'));
      expect(outcome).toBe('fault');
      expect(findings[0]).toMatchObject({ rule: 'filter-input-drop', confidence: 'proven' });
    }
  });

  it('are said to be missing where a namespace of a process cannot be looked into, and nothing is claimed', () => {
    const { outcome, findings, topology } = reported(
      within(bounded('net_raw,+net_admin,+sys_admin'), 'ping-trace', 'vb', '10.77.2.2', '--json', '--no-drops'),
    );
    expect(outcome).toBe('inconclusive');
    expect(findings[0].rule).toBe('not-captured');
    expect(JSON.stringify(topology)).toContain('the other end of vb');
  });

  it('are said to be missing where rules may not be listed, and no rule is named', () => {
    const { findings, topology } = reported(
      within(bounded('net_raw,+sys_admin'), 'ping-trace', 'va', '10.77.1.2', '--json', '--no-drops'),
    );
    expect(findings[0]).toMatchObject({ rule: 'request-lost' });
    expect(findings[0].confidence).not.toBe('proven');
    expect(JSON.stringify(topology)).toContain('filter rules of named unknown');
  });

  it.skipIf(!anybodyMayRead)('are named when there are none', () => {
    const { status, stdout, stderr } = within(
      [...NOBODY, ...bounded('net_raw').slice(0, 5), '-all'],
      'ping-trace',
      'va',
      '10.77.1.2',
    );
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^vdiag: .*CAP_NET_RAW\n {2}run it with sudo.*\n$/);
  });

  it.skipIf(!anybodyMayRead || !maySetCapabilities)('are passed on to ip and nft where they come with the file', () => {
    const copy = join(folder, 'node');
    machine.run(`
      mount -t tmpfs tmpfs ${folder}
      cp ${node} ${copy}
      setcap cap_net_raw,cap_net_admin,cap_sys_admin+ep ${copy}`);
    try {
      const run = spawnSync(
        'setpriv',
        [...NOBODY, copy, main, 'ping-trace', 'va', '10.77.1.2', '--json', '--no-drops'],
        {
          encoding: 'utf8',
          timeout: 60_000,
        },
      );
      expect(reported(run).findings[0]).toMatchObject({ rule: 'filter-input-drop', confidence: 'proven' });
    } finally {
      machine.run(`umount ${folder}`);
    }
  });

  const rightsIn = (status: string) => ({
    effective: BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(status)?.[1]}`),
    bounding: BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(status)?.[1]}`),
    noNewPrivileges: /^NoNewPrivs:\s*(\d)$/m.exec(status)?.[1],
  });
  const READ = 1n << 2n;
  const WRITE = (1n << 1n) | (1n << 3n);
  /** For the names of the kernel's functions. */
  const SYMBOLS = 1n << 34n;

  it('are given up before a capture is read', async () => {
    const child = spawn(node, [main, 'analyze', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
    children.push(child);
    const status = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/status`, 'latin1');
    const ended = new Promise((resolve) => child.once('close', resolve));
    // It waits for its input, which never comes: by then it has nothing left but reading.
    for (let tries = 0; rightsIn(status()).noNewPrivileges !== '1'; tries++) {
      if (tries > 1000) throw new Error('it never gave up its rights');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    while (rightsIn(status()).effective !== READ) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(rightsIn(status())).toEqual({ effective: READ, bounding: 0n, noNewPrivileges: '1' });
    // And the four threads of libuv's pool, where gzip is unpacked; those of V8 keep theirs.
    const threads = () =>
      readdirSync(`/proc/${child.pid}/task`).filter(
        (thread) => rightsIn(readFileSync(`/proc/${child.pid}/task/${thread}/status`, 'latin1')).effective === READ,
      );
    for (let tries = 0; threads().length < 5; tries++) {
      if (tries > 1000) throw new Error(`only ${threads().length} threads gave up their rights`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.stdin?.end();
    await ended;
  });

  it('are put aside while probes are under way, also where namespaces are looked at', async () => {
    // The namespace of a process, which may not be looked at without rights: it would seem to be gone.
    const child = spawn(node, [main, 'ping-trace', 'vb', '10.77.2.2', '-c', '8', '-i', '0.3', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const seen = new Map<bigint, number>();
    let out = '';
    child.stdout.on('data', (data) => (out += data));
    const ended = new Promise((resolve) => child.once('close', resolve));
    const look = setInterval(() => {
      try {
        const { effective } = rightsIn(readFileSync(`/proc/${child.pid}/task/${child.pid}/status`, 'latin1'));
        seen.set(effective, (seen.get(effective) ?? 0) + 1);
      } catch {
        // It has ended.
      }
    }, 5);
    await ended;
    clearInterval(look);
    const { coverage, findings } = JSON.parse(out);
    expect(findings[0]).toMatchObject({ rule: 'filter-input-drop', confidence: 'proven' });
    expect(JSON.stringify(coverage.gaps)).not.toContain('vanished');
    // Two seconds of probes.
    expect(seen.get(0n)).toBeGreaterThan(40);
  });

  it.each([
    ['nothing but reading', [], READ | SYMBOLS],
    ['reading and writing', ['-w', 'run.pcapng'], READ | WRITE | SYMBOLS],
  ])('are given up before a run is judged, but for %s', (_, words, effective) => {
    const rule = join(folder, 'tell.mjs');
    const told = join(folder, `told-${words.length}`);
    writeFileSync(
      rule,
      `import { appendFileSync, readFileSync } from 'node:fs';
       const tell = { what: 'x', wire: 'x', confirm: 'x', cure: 'x', otherwise: 'x' };
       export default [{ id: 'tell', severity: 'note', title: 'tells', explain: tell, evaluate() {
         appendFileSync(${JSON.stringify(told)}, readFileSync('/proc/thread-self/status', 'latin1'));
       } }];`,
    );
    const file = words.map((word) => (word.startsWith('-') ? word : join(folder, word)));
    const run = within([], 'ping-trace', 'va', '10.77.1.2', '--rules', rule, ...file);
    expect(run.status, run.stderr).toBe(1);
    expect(run.stderr).toBe('');
    expect(rightsIn(readFileSync(told, 'latin1'))).toEqual({ effective, bounding: 0n, noNewPrivileges: '1' });
  });

  it('are not given up before the kernel has named where it dropped', () => {
    const { drops, coverage } = reported(within([], 'ping-trace', 'va', '10.77.1.2', '--json'));
    // Where its events cannot be read (a user namespace), the coverage says so.
    if (drops === undefined) return expect(JSON.stringify(coverage.gaps)).toContain('kernel drop events');
    expect(drops.length).toBeGreaterThan(0);
    for (const drop of drops) expect(drop.function).toMatch(/^[a-z_]\w+$/i);
  });
});

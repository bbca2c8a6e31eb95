/**
 * Every lab on the real kernel: it is what it says it is, vdiag names its cause, the cure that vdiag gives works, and nothing
 * is left behind. The recorded run gives the same findings again, and the same causes without the kernel's drop events.
 * One lab alone: npx vitest run test/labs -t NAME
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findIsolation, labEnvironment } from '../../src/lab/isolation.ts';
import { type Lab, listLabs, type Trace } from '../../src/lab/lab.ts';
import { lackingFor } from '../../src/lab/needs.ts';
import { pingCommand, pingOutcome, traceArguments, vdiagProgram } from '../../src/lab/run.ts';
import { type LabSession, openLab } from '../../src/lab/session.ts';
import { complaints, cureCommands, type ReportedOutcome, readOutcome } from '../../src/lab/verdict.ts';
import { predictedBefore, reportAgain } from './again.ts';

const [node = '', main = ''] = vdiagProgram();
const isolation = findIsolation();
const schema = new URL('../../schema/vdiag.report.schema.json', import.meta.url);
const isReport = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(readFileSync(schema, 'utf8')));
const TIMEOUT_MS = 90_000;
/** What a cure set going (a port, a neighbour entry) settles in this time, or is pinged again until it has. */
const CURE_SETTLE_MS = 300;
const CURE_LIMIT_MS = 5_000;
/** Other test files have traces of their own: a moment without one comes within this time. */
const OTHERS_LIMIT_MS = 20_000;

describe.skipIf(typeof isolation === 'string')(`labs${typeof isolation === 'string' ? `: ${isolation}` : ''}`, () => {
  let before: unknown;
  let recordings = '';
  beforeAll(() => {
    before = outside();
    recordings = mkdtempSync(join(tmpdir(), 'vdiag-labs-'));
    expect(existsSync(main), `${main} is not there: npm run build`).toBe(true);
    expect(statSync(main).mtimeMs, 'dist/ is older than src/: npm run build').toBeGreaterThanOrEqual(newestSource());
  });
  // The labs run side by side, so what they leave is looked for when all are done. Other tests trace meanwhile.
  afterAll(async () => {
    rmSync(recordings, { recursive: true, force: true });
    const since = performance.now();
    while (!isDeepStrictEqual(outside(), before) && performance.now() - since < OTHERS_LIMIT_MS) await sleep(100);
    expect(outside()).toEqual(before);
  });

  for (const lab of listLabs())
    it.concurrent(lab.name, { timeout: TIMEOUT_MS }, async ({ expect: check, skip }) => {
      const lacking = typeof isolation === 'string' ? isolation : lackingFor(lab, isolation);
      if (lacking !== undefined) skip(lacking);
      await inLab(lab, async (session) => {
        check(await ping(session, lab), "the system's ping").toBe(lab.ping);
        if (lab.curedBy.length === 0) return;
        check(await pingCured(session, lab, lab.curedBy), "after the lab's own cure").toBe('ok');
      });
      const capture = join(recordings, `${lab.name}.pcapng`);
      let live = '';
      await inLab(lab, async (session) => {
        const report = await trace(session, lab, lab.trace, ['-w', capture]);
        live = report.text;
        check(complaints(lab, report), summary(report)).toEqual([]);
        check(report.status, 'exit status').toBe(lab.expect === 'healthy' ? 0 : 1);
        if (!lab.cure) return;
        const commands = cureCommands(report);
        check(commands, 'the cure has commands').not.toEqual([]);
        check(await pingCured(session, lab, commands), `after ${commands.join('; ')}`).toBe('ok');
        const cured = await trace(session, lab, lab.afterCure);
        check(cured.outcome, `after ${commands.join('; ')}: ${summary(cured)}`).toBe('healthy');
        check(cured.status, 'exit status after the cure').toBe(0);
      });
      if (lab.expect === 'healthy') {
        const faults = predictedBefore(capture).findings.filter(({ severity }) => severity === 'fault');
        check(
          faults.map(({ rule, title }) => `${rule}: ${title}`),
          'what vdiag check would say',
        ).toEqual([]);
      }
      const again = await reportAgain(capture, { drops: true });
      check(findings(again), 'the recorded run, diagnosed again').toEqual(findings(live));
      const without = await reportAgain(capture, { drops: false });
      const outcome = readOutcome(without);
      check(outcome && complaints(lab, outcome), `without drops: ${without.slice(0, 2000)}`).toEqual([]);
    });
});

async function inLab(lab: Lab, job: (session: LabSession) => Promise<void>): Promise<void> {
  const session = await openLab(lab, isolation);
  try {
    await job(session);
  } finally {
    await session.close();
  }
}

async function ping(session: LabSession, lab: Lab, target: Trace = lab.trace): Promise<string> {
  return pingOutcome(await session.exec(pingCommand(lab, target)));
}

/** Makes a cure, and pings until it has worked or its time is over. */
async function pingCured(session: LabSession, lab: Lab, commands: readonly string[]): Promise<string> {
  const script = commands.join('\n');
  const { status, stderr } = await session.exec(['bash', '-euc', script]);
  if (status !== 0) throw new Error(`the cure ended with ${status}: ${stderr.trim()}\n${script}`);
  const since = performance.now();
  for (;;) {
    await sleep(CURE_SETTLE_MS);
    const outcome = await ping(session, lab, lab.afterCure);
    if (outcome === 'ok' || performance.now() - since > CURE_LIMIT_MS) return outcome;
  }
}

async function trace(
  session: LabSession,
  lab: Lab,
  target: Trace,
  more: readonly string[] = [],
): Promise<ReportedOutcome & { status: number; text: string }> {
  const command = [node, main, ...traceArguments(lab, target), ...more, '--json'];
  const result = await session.exec(command, { timeoutMs: 30_000 });
  const outcome = readOutcome(result.stdout);
  if (outcome === undefined)
    throw new Error(`vdiag ended with ${result.status} and no report: ${result.stderr.trim()}`);
  if (!isReport(JSON.parse(result.stdout))) throw new Error(`no vdiag.report/1: ${JSON.stringify(isReport.errors)}`);
  if (result.stderr !== '') throw new Error(`vdiag said on standard error: ${result.stderr.trim()}`);
  return { ...outcome, status: result.status, text: result.stdout };
}

function findings(report: string): unknown {
  const { outcome, findings: all } = JSON.parse(report);
  return { outcome, findings: all };
}

function summary({ outcome, findings }: ReportedOutcome): string {
  return `${outcome}: ${findings.map(({ rule, severity, blocks }) => `${rule} (${blocks ?? severity})`).join(', ') || 'no finding'}`;
}

function newestSource(): number {
  const source = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return Math.max(...files.map((file) => statSync(join(source, file)).mtimeMs));
}

/** What a lab could leave on this machine: interfaces, named namespaces, trace instances. */
function outside(): unknown {
  const links = spawnSync('ip', ['-br', 'link'], { encoding: 'utf8', env: labEnvironment() }).stdout;
  const names = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory).sort() : []);
  return {
    links: links.split('\n').map((line) => line.split(/\s+/)[0]),
    namespaces: names('/run/netns'),
    traces:
      process.getuid?.() === 0 ? names('/sys/kernel/tracing/instances').filter((name) => name.startsWith('vdiag')) : [],
  };
}

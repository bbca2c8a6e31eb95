import { describe, expect, it } from 'vitest';
import { listNetns, type NetnsHandle } from '../../src/linux/netns.ts';
import { ask, programRunner, readJson } from '../../src/topology/program.ts';

/** The namespace of the test itself: nothing is switched, so this needs no privilege. */
const here = listNetns()[0];
if (!here) throw new Error('no network namespace');

describe('programs', () => {
  it('get their words and their input as they are, through no shell', async () => {
    const run = programRunner();
    expect(await run(here, 'cat', [], 'from input')).toEqual({ kind: 'ok', stdout: 'from input' });
    const words = ['%s\n', '$(id)', '; true', "it's"];
    expect(await run(here, 'printf', words)).toEqual({ kind: 'ok', stdout: "$(id)\n; true\nit's\n" });
  });

  it('speak English', async () => {
    expect(await programRunner()(here, 'sh', ['-c', 'echo "$LC_ALL"'])).toEqual({ kind: 'ok', stdout: 'C\n' });
  });

  it('that are not there are missing', async () => {
    expect(await programRunner()(here, 'vdiag-no-such-program', [])).toEqual({
      kind: 'missing',
      reason: 'not installed',
    });
  });

  it('that fail say why in one line', async () => {
    const run = programRunner();
    expect(await run(here, 'sh', ['-c', 'printf "\\nfirst\\nsecond\\n" >&2; exit 3'])).toMatchObject({
      kind: 'failed',
      reason: 'first',
    });
    expect(await run(here, 'false', [])).toMatchObject({ kind: 'failed', reason: 'exit status 1' });
  });

  it('are ended when they take too long', async () => {
    const outcome = await programRunner({ timeoutMs: 50 })(here, 'sleep', ['20']);
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'took too long' });
  });

  it('has time while it computes, and no more than eight times as much', async () => {
    // Says nothing before its end.
    const computing = 'i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done; echo done';
    const patient = programRunner({ timeoutMs: 400 });
    expect(await patient(here, 'sh', ['-c', computing])).toEqual({ kind: 'ok', stdout: 'done\n' });
    const run = programRunner({ timeoutMs: 100 });
    expect(await run(here, 'sh', ['-c', 'while :; do :; done'])).toMatchObject({
      kind: 'failed',
      reason: 'took too long',
    });
  });

  it('are ended by a signal, and none begin after it', async () => {
    const control = new AbortController();
    const run = programRunner({ signal: control.signal });
    const running = run(here, 'sleep', ['20']);
    setTimeout(() => control.abort(), 20);
    expect(await running).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(await run(here, 'true', [])).toMatchObject({ kind: 'failed', reason: 'interrupted' });
  });

  it('run no more than a few at once, and all of them in the end', async () => {
    const run = programRunner({ atOnce: 2 });
    const script = 'date +%s%N; sleep 0.05; date +%s%N';
    const outcomes = await Promise.all(Array.from({ length: 7 }, () => run(here, 'sh', ['-c', script])));
    const spans = outcomes.map((outcome) =>
      outcome.kind === 'ok' ? outcome.stdout.trim().split('\n').map(Number) : [],
    );
    expect(spans).toHaveLength(7);
    for (const [began = 0] of spans) {
      const atOnce = spans.filter(([from = 0, until = 0]) => from <= began && began < until);
      expect(atOnce.length).toBeLessThanOrEqual(2);
    }
  });

  it('are not run in a namespace that has become another one', async () => {
    const reused: NetnsHandle = { ...here, path: '/proc/self/ns/net', inode: here.inode + 1 };
    expect(await programRunner()(reused, 'true', [])).toMatchObject({ kind: 'vanished' });
    const gone: NetnsHandle = { ...here, path: '/run/netns/none/none' };
    expect(await programRunner()(gone, 'true', [])).toMatchObject({ kind: 'vanished' });
  });
});

describe('questions', () => {
  /** Stands for `ip`: answers what is in `answers`, fails on everything else; counts its runs. */
  const fake = (answers: Record<string, string>, batch: (questions: string[]) => string | undefined) => {
    const runs: string[] = [];
    const run: Parameters<typeof ask>[0] = async (_at, _program, words, input) => {
      const question = words.includes('-batch') ? 'batch' : words.slice(1).join(' ');
      runs.push(question);
      const stdout = question === 'batch' ? batch((input ?? '').trim().split('\n')) : answers[question];
      return stdout === undefined ? { kind: 'failed', reason: 'no' } : { kind: 'ok', stdout };
    };
    return { run, runs };
  };

  it('share one process', async () => {
    const { run, runs } = fake({}, () => '[1]\n[2]\n');
    expect(await ask(run, here, 'ip', ['-j'], ['a x', 'b'])).toEqual([{ json: [1] }, { json: [2] }]);
    expect(runs).toEqual(['batch']);
  });

  it.each([
    ['fails', () => undefined],
    ['leaves an answer out', () => '[1]\n'],
    ['prints something else', () => '[1]\n[\n'],
  ])('are asked one by one when the batch %s', async (_how, batch) => {
    const { run, runs } = fake({ 'a x': '[1]', c: '' }, batch);
    expect(await ask(run, here, 'ip', ['-j'], ['a x', 'b', 'c'])).toEqual([
      { json: [1] },
      { failure: { kind: 'failed', reason: 'no' } },
      { json: [] },
    ]);
    expect(runs).toEqual(['batch', 'a x', 'b', 'c']);
  });

  it('that are answered by no JSON say so', () => {
    expect(readJson({ kind: 'ok', stdout: 'Usage: ip' })).toEqual({
      failure: { kind: 'failed', reason: 'printed no JSON' },
    });
  });
});

/** Runtimes that are asked by their own client: programs of the test's own, as well-behaved as the test wants. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { askCri } from '../../src/containers/cri.ts';
import { askIncus } from '../../src/containers/incus.ts';
import { askJson, installed } from '../../src/containers/program.ts';

const pods = {
  items: [{ id: 'p'.repeat(13), metadata: { name: 'web-1', namespace: 'shop', uid: 'u' }, state: 'SANDBOX_READY' }],
};
const containers = {
  containers: [
    { id: 'c'.repeat(13), podSandboxId: 'p'.repeat(13), metadata: { name: 'app' }, state: 'CONTAINER_RUNNING' },
  ],
};
const long = 10_000;

describe('a client that answers', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vdiag-client-'));
    vi.stubEnv('PATH', `${directory}:${process.env.PATH ?? ''}`);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true, force: true });
  });
  function client(name: string, script: string): void {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }

  test('crictl: pods and containers, each asked for once', async () => {
    client(
      'crictl',
      `echo "$*" >>${directory}/asked
       case "$1" in
         pods) echo '${JSON.stringify(pods)}' ;;
         ps) echo '${JSON.stringify(containers)}' ;;
         *) exit 1 ;;
       esac`,
    );
    expect(installed('crictl')).toBe(true);
    expect(await askCri('cri-o', long)).toMatchObject([
      { runtime: 'cri-o', name: 'web-1', pod: { namespace: 'shop', name: 'web-1', sandbox: true }, state: 'running' },
      { runtime: 'cri-o', name: 'app', pod: { namespace: 'shop', name: 'web-1', sandbox: false }, state: 'running' },
    ]);
  });

  test('incus: its words, no shell around them', async () => {
    client('incus', `echo '[{"name":"'"$#"'","type":"container","status":"Running","state":{"pid":7}}]'`);
    expect(await askIncus('incus', long)).toMatchObject([{ runtime: 'incus', name: '4', state: 'running', pid: 7 }]);
  });

  test('what it is given is one word, whatever is in it', async () => {
    client('echoes', `printf '["%s"]' "$1"`);
    expect(await askJson('echoes', ['$(id); `id` | x > y'], long)).toEqual(['$(id); `id` | x > y']);
  });

  test.each([
    ['is not installed', '', /ENOENT/],
    ['fails, and says why in its first line', 'echo "cannot connect" >&2; echo more >&2; exit 1', /^cannot connect$/],
    ['fails without a word', 'exit 3', /^Command failed/],
    ['prints no JSON', 'echo hello', /^prints no JSON$/],
    ['prints nothing', ':', /^prints no JSON$/],
    ['waits for an answer of its own', 'read -r line; echo "{}"; exit 1', /^Command failed/],
  ])('one that %s is one line', async (_, script, line) => {
    if (script !== '') client('broken', script);
    await expect(askJson('broken', [], long)).rejects.toThrow(line);
  });

  test('one that never ends is ended', async () => {
    client('slow', 'exec sleep 60');
    await expect(askJson('slow', [], 200)).rejects.toThrow('does not answer within 200 ms');
  });

  test('one that prints without end is ended', async () => {
    client('endless', 'exec yes');
    await expect(askJson('endless', [], long)).rejects.toThrow(/maxBuffer|does not answer/);
  });
});

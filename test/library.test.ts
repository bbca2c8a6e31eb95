/** docs/library.md: every example is compiled against the package as npm packs it, and run in a lab. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findIsolation } from '../src/lab/isolation.ts';
import { findLab } from '../src/lab/lab.ts';
import { type LabSession, openLab } from '../src/lab/session.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
const examples = [...page.matchAll(/^## (.+?)$|^```ts\n(.*?)^```\n```text\n(.*?)^```/gms)].reduce<
  { title: string; code: string; output: string }[]
>((all, [, title, code, output]) => {
  if (title !== undefined) all.push({ title, code: '', output: '' });
  const last = all.at(-1);
  if (last && code !== undefined && output !== undefined) Object.assign(last, { code, output });
  return all;
}, []);

let directory = '';
function run(command: string, args: readonly string[], cwd = directory): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 60_000 });
  expect(status, `${command}: ${error?.message ?? ''}${stdout}${stderr}`).toBe(0);
  return stdout;
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vdiag-library-'));
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], root);
  const [{ filename }] = JSON.parse(packed);
  const modules = join(directory, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(root, 'node_modules')).filter((each) => !each.startsWith('.')))
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  run('tar', ['-xzf', filename]);
  cpSync(join(directory, 'package'), join(modules, 'vdiag'), { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    types: ['node'],
    rootDir: '.',
    outDir: '.',
  };
  writeFileSync(
    join(directory, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: examples.map((_, at) => `example-${at}.ts`) }),
  );
  for (const [at, { code }] of examples.entries()) writeFileSync(join(directory, `example-${at}.ts`), code);
  for (const ending of ['pcapng', 'recording.json'])
    cpSync(join(root, `fixtures/captures/bridge-port-owns-ip.${ending}`), join(directory, `run.${ending}`));
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('has an example under every heading', () => {
  expect(examples.length).toBeGreaterThan(6);
  for (const { title, code } of examples) expect(code, title).not.toBe('');
});

it('compiles against the types that the package ships', { timeout: 90_000 }, () => {
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory]);
  expect(readdirSync(directory).filter((name) => name.endsWith('.js'))).toHaveLength(examples.length);
});

it('is a package that has what it points to', () => {
  const own = join(directory, 'node_modules/vdiag');
  expect(readdirSync(own).sort()).toEqual(['README.md', 'dist', 'docs', 'fixtures', 'package.json', 'schema']);
  expect(run(process.execPath, [join(own, 'dist/cli/main.js'), '--version'])).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe.skipIf(typeof findIsolation() === 'string')('in the lab', () => {
  let session: LabSession;
  beforeAll(async () => {
    session = await openLab(findLab('bridge-port-owns-ip'));
  }, 30_000);
  afterAll(() => session.close());

  it.each(examples.map(({ title, output }, at) => [title, at, output] as const))(
    '%s',
    { timeout: 60_000 },
    async (_, at, output) => {
      const script = `cd '${directory}' && exec '${process.execPath}' example-${at}.js`;
      const result = await session.exec(['sh', '-c', script]);
      expect(result).toMatchObject({ stdout: output, stderr: '', status: 0 });
    },
  );
});

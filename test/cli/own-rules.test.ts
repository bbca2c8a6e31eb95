/** Rules of one's own: the example of the documentation, rules that break, and files that hold none. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findIsolation } from '../../src/lab/isolation.ts';
import { findLab } from '../../src/lab/lab.ts';
import { runInLab, traceArguments, vdiagProgram } from '../../src/lab/run.ts';
import { loadRules } from '../../src/session/load-rules.ts';

const folder = mkdtempSync(join(tmpdir(), 'vdiag-rules-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const isolation = findIsolation();

function module(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const page = readFileSync(new URL('../../docs/own-rules.md', import.meta.url), 'utf8');
const example = /```js\n(\/\/ house\.js[\s\S]*?)```/.exec(page)?.[1] ?? '';
const house = module('house.mjs', example);
const explain = `{ what: '', wire: '', confirm: '', cure: '', otherwise: '' }`;

describe('own rules', () => {
  it('are one or many', async () => {
    expect((await loadRules(house)).map(({ id }) => id)).toEqual(['house-mtu']);
    const rule = (id: string) => `{ id: '${id}', severity: 'note', title: 't', explain: ${explain}, evaluate() {} }`;
    const two = module('two.mjs', `export default [${rule('a-b')}, ${rule('c')}];`);
    expect((await loadRules(two)).map(({ id }) => id)).toEqual(['a-b', 'c']);
  });

  it.each([
    ['no file', join(folder, 'none.mjs'), 'cannot load the rules'],
    ['no JavaScript', module('bad.mjs', 'export default {'), 'cannot load the rules'],
    ['nothing exported', module('empty.mjs', ''), 'rule 1: a rule is an object'],
    [
      'no explanation',
      module('short.mjs', `export default { id: 'x', severity: 'note', title: 't', evaluate() {} }`),
      'explain',
    ],
    [
      'the name of a built-in rule',
      module(
        'same.mjs',
        `export default { id: 'link-down', severity: 'note', title: 't', explain: ${explain}, evaluate() {} }`,
      ),
      'built-in',
    ],
  ])('are refused: %s', async (_, file, message) => {
    await expect(loadRules(file)).rejects.toThrow(message);
  });

  it.skipIf(typeof isolation === 'string')('speak in a real run, and one that breaks spoils nothing', async () => {
    const lab = findLab('healthy-veth-pair');
    const broken = module(
      'broken.mjs',
      `import house from './house.mjs';
export default [{ id: 'broken', severity: 'fault', title: 't', explain: ${explain}, evaluate() { throw new Error('oh'); } },
  { id: 'vague', severity: 'fault', title: 't', explain: ${explain}, evaluate() { return { title: 'x' }; } }, house];`,
    );
    const [result] = await runInLab(lab, [[...vdiagProgram(), ...traceArguments(lab), '--rules', broken]]);
    expect(result?.stdout).toContain('[house-mtu]');
    expect(result?.stdout).toMatch(/^OK /);
    expect(result?.stderr).toContain('rule broken of your own failed: oh');
    expect(result?.stderr).toContain('rule vague of your own failed: the claim has no summary');
    expect(result?.status).toBe(0);
  });
});

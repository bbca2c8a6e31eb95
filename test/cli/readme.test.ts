/** The README promises nothing that is not there: its commands, its rules, its files. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/diagnose/registry.ts';
import { SIGHTED_PAGES } from '../../src/diagnose/sighted/pages.ts';
import { findLab } from '../../src/lab/lab.ts';
import { vdiagProgram } from '../../src/lab/run.ts';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const [node = '', main = ''] = vdiagProgram();
const help = spawnSync(node, [main, '--help'], { encoding: 'utf8' }).stdout;
const commands = [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)]
  .map(([, name]) => name)
  .filter((name) => name !== 'help');

describe('the README', () => {
  it('has every command in its table, in the order of --help, and no other', () => {
    const table = readme.split('## Commands\n')[1]?.split('\n## ')[0] ?? '';
    const rows = [...table.matchAll(/^\| `([a-z-]+)/gm)].map(([, name]) => name);
    expect(rows).toEqual(commands);
    expect(rows.length).toBeGreaterThan(8);
  });

  it('shows commands that there are', () => {
    const shown = [...readme.matchAll(/(?:^ {4}(?:\$ |.*\| )?|`)vdiag ([a-z-]+)/gm)].map(([, name]) => name);
    expect(shown.length).toBeGreaterThan(10);
    for (const name of shown) expect(commands).toContain(name);
  });

  it('names rules and labs that there are', () => {
    const rules = [...RULES, ...SIGHTED_PAGES].map(({ id }) => id);
    for (const [, id] of readme.matchAll(/vdiag explain ([a-z][a-z-]+)/g)) expect(rules).toContain(id);
    for (const [, name = ''] of readme.matchAll(/vdiag lab run ([a-z][a-z0-9-]+)/g))
      expect(findLab(name).name).toBe(name);
  });

  it('points to files that there are', () => {
    const links = [
      ...readme.matchAll(/\]\(([^)#:]+)\)/g),
      ...readme.matchAll(/`((?:docs|schema|fixtures|src)\/[\w./-]*)`/g),
    ];
    expect(links.length).toBeGreaterThan(2);
    for (const [, path = ''] of links) expect(existsSync(new URL(path, root)), path).toBe(true);
  });
});

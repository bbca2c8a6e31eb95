/** What the pages of docs/ show is there, and does what they say. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/cli/commands.ts';
import { RULES } from '../src/diagnose/registry.ts';
import { findIsolation } from '../src/lab/isolation.ts';
import { findLab } from '../src/lab/lab.ts';
import { vdiagProgram } from '../src/lab/run.ts';
import { openLab } from '../src/lab/session.ts';

const root = new URL('../', import.meta.url);
const page = (name: string): string => readFileSync(new URL(`docs/${name}`, root), 'utf8');
const pages = readdirSync(new URL('docs', root)).filter((name) => name.endsWith('.md'));
const [node = '', main = ''] = vdiagProgram();

describe.each(pages)('docs/%s', (name) => {
  const text = page(name);

  it('names commands, options, labs and rules that there are', async () => {
    for (const [, command = '', rest = ''] of text.matchAll(/^ {4}(?:.*\| )?(?:ssh host )?vdiag ([a-z-]+)(.*)$/gm)) {
      expect(Object.keys(COMMANDS)).toContain(command);
      const { options } = (await COMMANDS[command]?.()) ?? { options: [] };
      const known = options.flatMap(({ long, short }) => [long, short]);
      for (const [option] of rest.replace(/#.*|\|.*/, '').matchAll(/(?<=\s)--?[a-z][a-z-]*/g))
        expect(known, `${command} ${option}`).toContain(option);
    }
    for (const [, lab = ''] of text.matchAll(/vdiag lab (?:run|shell) ([a-z][a-z0-9-]+)/g))
      expect(findLab(lab).name).toBe(lab);
    for (const [, rule = ''] of text.matchAll(/vdiag explain ([a-z][a-z-]+)/g))
      expect(RULES.map(({ id }) => id)).toContain(rule);
  });

  it('points to files that there are', () => {
    for (const [, path = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      expect(existsSync(new URL(path, new URL('docs/', root))), path).toBe(true);
  });
});

describe.skipIf(typeof findIsolation() === 'string')('the tutorial', () => {
  const shown = [...page('tutorial.md').matchAll(/vdiag lab shell (\S+)|^FAULT (.*)\n {2}(\[.*\])$/gm)].reduce<
    [string, string][]
  >((all, [, lab, title, rule]) => {
    if (lab !== undefined) all.push([lab, '']);
    const last = all.at(-1);
    if (last && title !== undefined) last[1] = `FAULT ${title}\n  ${rule}`;
    return all;
  }, []);
  const told = shown.filter(([, headline]) => headline !== '');

  it('shows what is said in two labs', () => {
    expect(told.length).toBeGreaterThanOrEqual(2);
  });

  it.each(told)('%s says what stands there', { timeout: 60_000 }, async (name, headline) => {
    const lab = findLab(name);
    const session = await openLab(lab);
    try {
      const { interface: device, address } = lab.trace;
      const { stdout } = await session.exec([node, main, 'ping-trace', device, address, '-q']);
      expect(stdout.trimEnd()).toBe(headline);
    } finally {
      await session.close();
    }
  });

  it('the command of the container that finds no way out runs as it stands', { timeout: 60_000 }, async () => {
    const session = await openLab(findLab('origin-7-host-not-forwarding'));
    try {
      const words =
        /^ {4}vdiag (ping-trace eth0 220\.181\.38\.148 --netns box)$/m.exec(page('tutorial.md'))?.[1]?.split(' ') ?? [];
      const { stdout, status } = await session.exec([node, main, ...words, '-q']);
      expect([status, stdout]).toEqual([1, expect.stringContaining('[forwarding-off')]);
    } finally {
      await session.close();
    }
  });
});

describe.skipIf(spawnSync('tshark', ['--version']).status !== 0)('the recipes for Wireshark', () => {
  const capture = fileURLToPath(new URL('fixtures/captures/filter-forward-drop.pcapng', root));
  const rows = [...page('wireshark.md').matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) => row);
  const filters = rows.flatMap((row) =>
    [...row.matchAll(/`([a-z]+(?:\.[a-z_]+)*(?: (?:==|contains) [^`]+)?)`/g)].map(([, filter = '']) => filter),
  );

  it.each(filters)('%s finds frames', { timeout: 60_000 }, (filter) => {
    // The recipes speak of eth0 in the namespace web: here it is in0 in gw.
    const here = filter.replace('eth0@web', 'in0@gw').replace('namespace web', 'namespace gw');
    const { stdout, stderr, status } = spawnSync('tshark', ['-r', capture, '-Y', here], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(stdout).not.toBe('');
  });

  it('has some', () => {
    expect(filters.length).toBeGreaterThan(5);
  });
});

/**
 * Interfaces called by every byte that the kernel allows (dev_valid_name, net/core/dev.c: no slash, no colon, no percent sign, no white space):
 * each is traced, checked, mapped, recorded and analysed under its own name, none is taken for another, and cures are right.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vdiagProgram } from '../../src/lab/run.ts';
import { listInterfaces } from '../../src/linux/interfaces.ts';
import { nameText } from '../../src/linux/name-text.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

const [node = '', main = ''] = vdiagProgram();
/** As for what others chose (hostile-names.test.ts). */
const ACTIVE = /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|(?!\n)\p{Cc}/u;

/** White space as the kernel has it (lib/ctype.c), with Latin-1's no-break space; and %, which only makes numbered names. */
const REFUSED = new Set([0, 0x25, 0x2f, 0x3a, 0x20, 0xa0, 9, 10, 11, 12, 13]);
const BYTES = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !REFUSED.has(byte));
/** Fourteen to a name: with a number in front, as many as fit. */
const NAMES = Array.from({ length: Math.ceil(BYTES.length / 13) }, (_, index) =>
  Uint8Array.from([0x41 + index, ...BYTES.slice(13 * index, 13 * index + 13)]),
);
const octal = (bytes: Uint8Array): string =>
  `"$(printf -- '${Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}')"`;
const named = NAMES.map((bytes, index) => ({ name: nameText(bytes), word: octal(bytes), index }));

describe.skipIf(!mayMakeNamespaces)('interfaces of every name', { timeout: 120_000 }, () => {
  let machine: OwnMachine;
  let folder = '';
  //   A…:10.90.0.1 ─── far:p0 10.90.0.2    B…:10.90.1.1 ─── far:p1 10.90.1.2    …
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-interfaces-'));
    const pairs = named.map(
      ({ word, index }) => `
      ip link add n${index} type veth peer name p${index} netns far
      ip link set n${index} name ${word}
      ip addr add 10.90.${index}.1/24 dev ${word}
      ip link set ${word} up
      ip -n far addr add 10.90.${index}.2/24 dev p${index}
      ip -n far link set p${index} up`,
    );
    machine = ownMachine(
      `ip netns add far\n${pairs.join('\n')}\nuntil ping -q -c 1 -W 1 10.90.0.2 >/dev/null; do :; done`,
    );
  });
  afterAll(() => {
    machine?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Through a shell, as the bytes they are: Node's own arguments are text. */
  const vdiag = (line: string, input?: string) =>
    spawnSync('sh', ['-c', `"$0" "$1" ${line}`, node, main], {
      encoding: 'utf8',
      timeout: 60_000,
      ...(input === undefined ? {} : { input }),
    });

  it('are all there', () => {
    expect([...listInterfaces().values()].filter((name) => name !== 'lo').toSorted()).toEqual(
      named.map(({ name }) => name).toSorted(),
    );
  });

  it('are in the map, one by one, and inert', () => {
    for (const form of ['', '-v', '--json', '--mermaid', '--dot']) {
      const { status, stdout, stderr } = vdiag(`map ${form}`);
      expect(status, stderr).toBe(0);
      expect(stdout).not.toMatch(ACTIVE);
      if (form !== '--json') continue;
      const text = JSON.stringify(JSON.parse(stdout));
      for (const { name } of named) expect(text).toContain(JSON.stringify(name));
    }
  });

  it.each(named)('are traced: number $index', ({ name, word, index }) => {
    const { status, stdout, stderr } = vdiag(`ping-trace ${word} 10.90.${index}.2 -c 1 --no-drops --json`);
    expect(status, stderr).toBe(0);
    const { target, coverage } = JSON.parse(stdout);
    expect(target.interface).toBe(name);
    expect(JSON.stringify(coverage)).toContain(JSON.stringify(name));
    expect(stdout).not.toMatch(ACTIVE);
  });

  it('are recorded, and analysed, with their bytes', () => {
    const file = join(folder, 'all.pcapng');
    const begun = named.slice(2, 20).map(({ index }) => `ping -q -c 2 -i 0.2 10.90.${index}.2 >/dev/null &`);
    machine.run(
      `(sleep 1.5; ${begun.join(' ')} wait) & "${node}" "${main}" record -w ${file} --duration 4 >/dev/null; wait`,
    );
    for (const line of [`analyze ${file}`, `analyze ${file} --format html`, `frames ${file}`]) {
      const { stdout, stderr } = vdiag(line);
      expect(stdout, stderr).not.toMatch(ACTIVE);
    }
    const { stdout } = vdiag(`frames ${file} --json`);
    const places = new Set(stdout.match(/"(?:[^"\\]|\\.)*"/g));
    const told: unknown[] = [...places].map((text) => JSON.parse(text));
    // A name with an @ of its own is written with its namespace, so that nobody takes what is behind it for one.
    for (const { name } of named.slice(3, 19))
      expect(
        told.some((text) => text === name || String(text).startsWith(`${name}@`)),
        JSON.stringify(name),
      ).toBe(true);
  });

  it('are cured by what is printed, whichever they are', () => {
    for (const { word, index } of [...named.slice(0, 3), ...named.slice(-4)]) {
      machine.run(`ip link set ${word} down`);
      const words = `check ${word} 10.90.${index}.2 --report ${join(folder, 'report.html')}`;
      expect(vdiag(`${words} --format markdown`).stdout).not.toMatch(ACTIVE);
      expect(readFileSync(join(folder, 'report.html'), 'utf8')).not.toMatch(ACTIVE);
      const [finding] = JSON.parse(vdiag(`${words} --json`).stdout).findings;
      expect(finding.rule).toBe('link-down');
      for (const command of finding.remedy[0].commands) {
        expect(command).toMatch(/^[\x20-\x7e]+$/);
        machine.run(command);
      }
      expect(spawnSync('ping', ['-c', '1', '-W', '2', `10.90.${index}.2`]).status).toBe(0);
    }
  });
});

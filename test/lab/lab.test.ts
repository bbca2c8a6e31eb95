import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/diagnose/registry.ts';
import { findLab, labsDirectory, listLabs, parseLab } from '../../src/lab/lab.ts';
import { VdiagError } from '../../src/linux/error.ts';

const SCRIPT = `# expect: link-down
# then: address-missing, echo-ignored
# netns: box
# trace: eth0 10.0.0.2
# args: -s 1400 -M do
# ping: fail
# cure: yes
# cure-trace: br0 10.0.0.2
# needs: CAP_BPF
# settle: 1.5
#
#   box:eth0 --- a0
#
# A story: with a colon.
#
# cured by:
#   ip link set a0 up
#   ip addr add 10.0.0.2/24 dev a0
set -eu
# not a header
`;

describe('parseLab', () => {
  it('reads every field', () => {
    expect(parseLab('x', SCRIPT)).toEqual({
      name: 'x',
      expect: 'link-down',
      next: ['address-missing', 'echo-ignored'],
      netns: 'box',
      trace: { interface: 'eth0', address: '10.0.0.2' },
      args: ['-s', '1400', '-M', 'do'],
      ping: 'fail',
      cure: true,
      afterCure: { interface: 'br0', address: '10.0.0.2' },
      needs: ['CAP_BPF'],
      settleMs: 1500,
      description: '  box:eth0 --- a0\n\nA story: with a colon.',
      curedBy: ['ip link set a0 up', 'ip addr add 10.0.0.2/24 dev a0'],
      script: SCRIPT,
    });
  });

  it('has defaults for what may be left out', () => {
    const lab = parseLab('x', '# expect: healthy\n# trace: a 10.0.0.1\n# ping: ok\ntrue\n');
    expect(lab).toMatchObject({
      next: [],
      args: [],
      cure: false,
      needs: [],
      settleMs: 700,
      description: '',
      curedBy: [],
    });
    expect(lab.afterCure).toEqual(lab.trace);
    expect(lab).not.toHaveProperty('netns');
  });

  it.each([
    ['# trace: link-down', 'field expect is missing', /^# expect.*\n/m],
    ['', 'field trace is missing', /^# trace.*\n/m],
    ['# pong: fail', 'unknown field pong', /^# ping.*$/m],
    ['# ping: perhaps', 'ping is "perhaps"', /^# ping.*$/m],
    ['# cure: maybe', 'cure is "maybe"', /^# cure:.*$/m],
    ['# trace: eth0', 'trace is "eth0"', /^# trace.*$/m],
    ['# trace: eth0 10.0.0', 'trace is "eth0 10.0.0"', /^# trace.*$/m],
    ['# needs: CAP_CHOWN', 'needs is "CAP_CHOWN"', /^# needs.*$/m],
    ['# settle: 1e9', 'settle is "1e9"', /^# settle.*$/m],
    ['# settle: 61', 'settle is "61"', /^# settle.*$/m],
    ['# netns: a\n# netns: b', 'field netns is given twice', /^# netns.*$/m],
  ])('refuses %s', (line, message, place) => {
    const changed = place.source.endsWith('\\n') ? SCRIPT.replace(place, '') : SCRIPT.replace(place, line);
    expect(() => parseLab('x', changed)).toThrow(`lab x: ${message}`);
  });

  it('reads any text, or refuses it with a VdiagError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(SCRIPT.length), (text, at) => {
        try {
          parseLab('x', SCRIPT.slice(0, at) + text + SCRIPT.slice(at));
        } catch (error) {
          expect(error).toBeInstanceOf(VdiagError);
        }
      }),
    );
  });
});

describe('the labs of the package', () => {
  const labs = listLabs();
  const rules = new Map(RULES.map((rule) => [rule.id, rule]));

  it('are all there, and each has a drawing and, where it has a cure, the commands', () => {
    expect(labs).toHaveLength(readdirSync(labsDirectory()).filter((file) => file.endsWith('.sh')).length);
    expect(labs.length).toBeGreaterThan(90);
    for (const lab of labs) {
      expect(lab.description, lab.name).not.toBe('');
      expect(lab.curedBy.length > 0, lab.name).toBe(lab.cure);
      // What only harms a packet lets the ping pass: a warning, or a lab that says so in its name. So does a storm of broadcasts.
      const harms = lab.name.endsWith('-answered') || rules.get(lab.expect)?.severity === 'warning';
      if (!harms && lab.name !== 'bridge-loop') expect(lab.expect === 'healthy', lab.name).toBe(lab.ping === 'ok');
    }
  });

  it('name rules that exist, and are named after what they show', () => {
    for (const lab of labs) {
      for (const id of [lab.expect, ...lab.next, ...(lab.note ? [lab.note] : [])])
        if (id !== 'healthy') expect([...rules.keys()], lab.name).toContain(id);
      if (lab.name.startsWith('origin-')) expect(lab.name).toMatch(/^origin-[1-8]-/);
      // Two faults that have nothing to do with each other: the second is named too.
      else if (lab.name.startsWith('two-')) expect(lab.next, lab.name).not.toEqual([]);
      else expect(lab.name.startsWith(lab.note ?? lab.expect), lab.name).toBe(true);
    }
  });

  it('cover every fault and every note that a lab can show', () => {
    // No lab can make the capture lose frames on purpose; the other two are shown on built captures (rules.test.ts says why).
    const without = ['capture-lossy', 'bridge-vlan-mismatch', 'neighbor-table-full'];
    const shown = new Set(labs.flatMap((lab) => [lab.expect, lab.note]));
    expect([...rules.keys()].filter((id) => !without.includes(id) && !shown.has(id))).toEqual([]);
  });

  it('are found by name, and a slip of the finger gets the nearest', () => {
    expect(findLab('link-down').expect).toBe('link-down');
    expect(() => findLab('lnik-down')).toThrow('no lab called "lnik-down"');
    expect(() => findLab('../labs/link-down')).toThrow(VdiagError);
    try {
      findLab('lnik-down');
    } catch (error) {
      expect(error instanceof VdiagError && error.hint).toMatch(/did you mean link-down/);
    }
  });
});

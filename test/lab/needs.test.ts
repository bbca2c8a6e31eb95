/** What a lab needs and this user lacks is said before anything is built. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findIsolation } from '../../src/lab/isolation.ts';
import { listLabs } from '../../src/lab/lab.ts';
import { lackingFor } from '../../src/lab/needs.ts';
import { vdiagProgram } from '../../src/lab/run.ts';

const [node = '', main = ''] = vdiagProgram();
const inUserNamespace = { user: true, pid: true, unshare: [] };
const mayUnshare = spawnSync('unshare', ['-Urnm', 'true']).status === 0;

describe('the needs of a lab', () => {
  it('are lacking in a user namespace, and few labs have any', () => {
    expect(lackingFor({ needs: ['CAP_BPF'] }, inUserNamespace)).toBe('it needs CAP_BPF, which this user does not have');
    expect(lackingFor({ needs: [] }, inUserNamespace)).toBeUndefined();
    const needing = listLabs().filter(({ needs }) => needs.length > 0);
    expect(needing.map(({ name }) => name)).toEqual(['link-xdp-drop', 'link-xdp-drop-generic']);
  });

  it('are what the kernel says: where they are met, the program is loaded', { timeout: 30_000 }, () => {
    const isolation = findIsolation();
    if (typeof isolation === 'string') return;
    const { status, stderr } = spawnSync(node, [main, 'lab', 'run', 'link-xdp-drop', '-q'], { encoding: 'utf8' });
    if (lackingFor({ needs: ['CAP_BPF'] }, isolation) === undefined) expect(status, stderr).toBe(0);
    else expect(status).toBe(2);
  });

  it.skipIf(!mayUnshare)('are refused in two lines, also to the root of a user namespace', { timeout: 30_000 }, () => {
    const args = ['-Urnm', node, main, 'lab', 'run', 'link-xdp-drop', '--json'];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(
      'vdiag: cannot build lab link-xdp-drop: it needs CAP_BPF, which this user does not have\n' +
        '  run it as root, outside of any user namespace; other labs: vdiag lab list\n',
    );
  });

  it('are shown in the list', () => {
    const { stdout } = spawnSync(node, [main, 'lab', 'list'], { encoding: 'utf8' });
    expect(stdout).toMatch(/^link-xdp-drop +link-xdp-drop +eth0@pip 10\.229\.0\.3 \(needs CAP_BPF\)$/m);
  });
});

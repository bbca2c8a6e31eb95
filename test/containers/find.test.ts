import { describe, expect, test } from 'vitest';
import { asksForContainer, findContainer } from '../../src/containers/find.ts';
import { VdiagError } from '../../src/linux/error.ts';
import { container } from './built.ts';

const pod = { namespace: 'shop', name: 'web-1', sandbox: true };
const directory = {
  containers: [
    container('web', { netns: 10 }),
    container('web', { runtime: 'podman', id: 'ab'.repeat(32), netns: 11 }),
    container('db', { netns: 12 }),
    container('side', { netns: 12, sharesWith: 'db' }),
    container('old', { state: 'stopped' }),
    container('POD', { runtime: 'containerd', id: 'cd'.repeat(32), pod, netns: 13 }),
    container('app', { runtime: 'containerd', id: 'ce'.repeat(32), pod: { ...pod, sandbox: false }, netns: 13 }),
    container('cafe12345678', {
      runtime: 'unknown',
      id: `cafe${'1'.repeat(60)}`,
      named: false,
      hostname: 'front',
      netns: 14,
    }),
  ],
};

function refusal(spec: string): { message: string; hint: string } {
  try {
    findContainer(directory, spec);
  } catch (error) {
    if (error instanceof VdiagError) return { message: error.message, hint: error.hint };
  }
  throw new Error(`${spec} was not refused`);
}

describe('the container a word means', () => {
  test.each([
    ['db', 12],
    ['side', 12],
    ['docker:web', 10],
    ['podman:web', 11],
    ['container:db', 12],
    ['pod:shop/web-1', 13],
    ['pod:web-1', 13],
    ['shop/web-1', 13],
    ['app', 13],
    ['abab', 11],
    ['front', 14],
    ['cafe1', 14],
  ])('%s', (spec, netns) => {
    expect(findContainer(directory, spec)?.netns).toBe(netns);
  });

  test('a bare word that nothing has is no refusal: it may be something else', () => {
    expect(findContainer(directory, 'veth0')).toBeUndefined();
    expect(findContainer(directory, '')).toBeUndefined();
    expect(findContainer(directory, 'aba')).toBeUndefined();
  });

  test('two of one name: the choices, which then serve', () => {
    expect(refusal('web')).toEqual({ message: 'web is not one container', hint: 'say which: docker:web, podman:web' });
    expect(refusal('container:web').hint).toBe('say which: docker:web, podman:web');
  });

  test('one that does not run', () => {
    const { message, hint } = refusal('old');
    expect(message).toBe('container old does not run (stopped): it has no network now');
    expect(hint).toMatch(/^start it: docker start [0-9a-f]{12}$/);
  });

  test('unknown: the nearest names, else what there is', () => {
    expect(refusal('docker:dbb')).toEqual({ message: 'no container docker:dbb', hint: 'did you mean db?' });
    expect(refusal('lxc:zzz')).toEqual({
      message: 'no container lxc:zzz',
      hint: 'no container can be seen from here; all there is: vdiag map',
    });
    expect(refusal('pod:zzzzzzz').hint).toBe('there is shop/web-1');
  });

  test('which words ask for a container', () => {
    expect(['container:x', 'docker:x', 'pod:a/b', 'cri-o:x'].every(asksForContainer)).toBe(true);
    expect(['x', 'docker:', 'net:[1]', 'unknown:x', 'fd00::1', 'eth0'].some(asksForContainer)).toBe(false);
  });
});

import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { openCapCapture } from '../../src/capture/cap-engine.ts';
import { keepAll, probeFilter } from '../../src/capture/filter.ts';
import { listInterfaces } from '../../src/linux/interfaces.ts';
import { type NetnsHandle, netnsOfThread } from '../../src/linux/netns.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { droppedFrames, keptFrames, token } from './frames.ts';
import { mayMakeNamespaces } from './private-network.ts';

const here: NetnsHandle = {
  id: 'here',
  inode: netnsOfThread().inode,
  names: [],
  path: '/proc/thread-self/ns/net',
  pids: [],
};

/** Stands for the package: the real one would make this machine's own interfaces promiscuous. */
class FakeCap {
  static readonly opened: FakeCap[] = [];
  device = '';
  expression = '';
  buffer: Buffer = Buffer.alloc(0);
  closed = 0;
  listener: (length: number, truncated: boolean) => void = () => undefined;

  open(device: string, expression: string, _bufferBytes: number, buffer: Buffer): string {
    Object.assign(this, { device, expression, buffer });
    FakeCap.opened.push(this);
    return 'ETHERNET';
  }

  on(_event: string, listener: (length: number, truncated: boolean) => void): void {
    this.listener = listener;
  }

  close(): void {
    this.closed++;
  }

  receive(frame: Uint8Array): void {
    this.buffer.set(frame);
    this.listener(frame.length, false);
  }
}

describe('engine cap', () => {
  it('says how to install the package when it is missing', async () => {
    const load = () => Promise.reject(new Error('Cannot find package'));
    const opened = openCapCapture(here, { filter: keepAll(), expression: '', onFrame: () => undefined, load });
    await expect(opened).rejects.toMatchObject({
      code: 'missing-package',
      message: 'engine cap needs the package cap, which is not installed (or not built)',
      hint: 'npm install cap (it needs libpcap-dev and a compiler), or leave --engine away',
      exitCode: 2,
    });
  });

  it('refuses another namespace than the one it runs in', async () => {
    const opened = openCapCapture(
      { ...here, id: 'blue', inode: 1 },
      { filter: [], expression: '', onFrame: () => undefined },
    );
    await expect(opened).rejects.toThrow('engine cap cannot capture in another namespace (blue)');
  });

  it.skipIf(!mayMakeNamespaces || Object.keys(networkInterfaces()).length === 0)(
    'hands over what the filter keeps, and states its limits',
    async () => {
      FakeCap.opened.length = 0;
      const frames: Frame[] = [];
      const capture = await openCapCapture(here, {
        filter: probeFilter({ token, dataBytes: 56 }),
        expression: 'arp',
        onFrame: (frame) => frames.push(frame),
        load: () => Promise.resolve({ default: { Cap: FakeCap } }),
      });
      const names = new Set(listInterfaces().values());
      expect(FakeCap.opened.length).toBeGreaterThan(0);
      expect(FakeCap.opened.every(({ device, expression }) => names.has(device) && expression === 'arp')).toBe(true);

      const session = FakeCap.opened[0];
      setTimeout(() => {
        for (const frame of [...Object.values(keptFrames), ...Object.values(droppedFrames)]) session?.receive(frame);
      }, 20);
      const started = performance.now();
      await capture.poll(5000);
      expect(performance.now() - started).toBeLessThan(1000);
      expect(frames.map(({ bytes }) => bytes)).toEqual(Object.values(keptFrames));
      expect(frames.every((frame) => frame.direction === 'unknown' && frame.packetType === 'unknown')).toBe(true);
      expect(frames.map(({ order }) => order)).toEqual(frames.map((_, index) => index));

      const { engine, gaps, framesCaptured, lost } = capture.coverage();
      expect(engine).toBe('cap');
      expect(framesCaptured).toBe(frames.length);
      expect(lost).toEqual([]);
      for (const limit of ['kernel', 'direction', 'not counted', 'promiscuous', 'only the namespace'])
        expect(gaps.some((gap) => gap.startsWith('engine cap: ') && gap.includes(limit))).toBe(true);
      capture.close();
      capture.close();
      expect(FakeCap.opened.every(({ closed }) => closed === 1)).toBe(true);
    },
  );
});

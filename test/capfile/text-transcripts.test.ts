/** Transcripts of tcpdump: those of the tutorials that vdiag began with, and those of its own labs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { looksLikeTcpdumpText } from '../../src/capfile/text-convert.ts';
import { createSighter } from '../../src/trace/sight.ts';
import { readText, type TextRead } from './text.ts';

function transcript(name: string): Buffer {
  return readFileSync(fileURLToPath(new URL(`../../fixtures/transcripts/${name}.txt`, import.meta.url)));
}

/** `{ veth0: 'request reply request reply' }` */
function kindsByPlace({ frames }: TextRead): Record<string, string> {
  const sight = createSighter();
  const found: Record<string, string[]> = {};
  for (const { frame } of frames) {
    const kinds = found[frame.place.name] ?? [];
    found[frame.place.name] = kinds;
    kinds.push(sight(frame).kind.replace('arp-', ''));
  }
  return Object.fromEntries(Object.entries(found).map(([place, kinds]) => [place, kinds.join(' ')]));
}

/** Of the places where an identity was sighted. */
function placesByIdentity({ frames }: TextRead): Record<string, string[]> {
  const sight = createSighter();
  const found: Record<string, string[]> = {};
  for (const { frame } of frames) {
    const { identity } = sight(frame);
    found[identity] = [...new Set([...(found[identity] ?? []), frame.place.name])];
  }
  return found;
}

const REQUEST = 'arp 1 1.2.3.101 00:00:00:00:00:00 1.2.3.102 00:00:00:00:00:00';
const reply = (mac: string) => `arp 2 1.2.3.102 ${mac} 1.2.3.101 00:00:00:00:00:00`;

describe('the port that owns the address', () => {
  it('three pings, one captured at each place', async () => {
    const read = await readText(transcript('port-owns-ip-three-pings'));
    expect(kindsByPlace(read)).toEqual({
      veth1: 'request reply request reply',
      veth0: 'request reply request reply',
      br0: 'reply reply',
    });
    expect(placesByIdentity(read)).toEqual({
      [REQUEST]: ['veth1', 'veth0'],
      [reply('ba:8c:5f:f0:8e:33')]: ['veth1', 'veth0', 'br0'],
    });
    expect(read.clocks).toEqual(['time-of-day']);
    expect(read.frames[0]?.frame.timeNs).toBe(64_445_464_764_000n);
  });

  it('one ping, captured at all places', async () => {
    const read = await readText(transcript('port-owns-ip-one-ping'));
    expect(kindsByPlace(read)).toEqual({ veth1: 'request reply', veth0: 'request reply', br0: 'reply' });
    expect(placesByIdentity(read)[reply('0a:32:b0:18:a9:75')]).toEqual(['veth1', 'veth0', 'br0']);
  });

  it('captured on all interfaces at once', async () => {
    const read = await readText(transcript('port-owns-ip-any'));
    expect(kindsByPlace(read)).toEqual({
      veth0: 'request reply request reply request reply',
      veth1: 'request reply request reply request reply',
      br0: 'reply reply reply',
      lo: 'icmp-error icmp-error',
    });
    expect(read.frames.filter(({ frame }) => frame.place.name === 'br0').map(({ frame }) => frame.direction)).toEqual([
      'in',
      'in',
      'in',
    ]);
  });

  it('captured with other options at each place', async () => {
    const read = await readText(transcript('port-owns-ip-three-captures'));
    expect(placesByIdentity(read)).toEqual({
      [REQUEST]: ['veth0', 'veth1'],
      [reply('42:12:68:ad:a5:b5')]: ['veth0', 'br0', 'veth1'],
    });
    expect(read.summary.interfaces.map(({ name, received, dropped }) => [name, received, dropped])).toEqual([
      ['veth0', 6, 0],
      ['br0', 3, 0],
      ['veth1', 6, 0],
    ]);
  });

  it('every one of them is recognised and read without a loss', async () => {
    for (const name of ['three-pings', 'one-ping', 'any', 'three-captures']) {
      const text = transcript(`port-owns-ip-${name}`);
      expect(looksLikeTcpdumpText(text), name).toBe(true);
      expect((await readText(text)).tally.left, name).toEqual({ names: 0, unclear: 0, other: 0 });
    }
  });
});

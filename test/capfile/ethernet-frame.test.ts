/** Frames of other link types, written as Ethernet: the packet stays the same. */
import { describe, expect, it } from 'vitest';
import { readCaptureBytes } from '../../src/capfile/capture-reader.ts';
import { asEthernet } from '../../src/capfile/ethernet-frame.ts';
import { pcapngChunks } from '../../src/capfile/pcapng-writer.ts';
import type { LinkType } from '../../src/wire/frame.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { ECHO_REQUEST_IP, frameOf, HOME } from './frames.ts';

const PLACE = { netns: HOME, name: 'any' };
const SOURCE = '02:00:00:00:00:01';
const HEADERS: readonly (readonly [LinkType, string])[] = [
  ['linux-sll', '0000000100060200000000010000 0800'],
  ['linux-sll2', '0800000000000007000100060200000000010000'],
  ['null', '02000000'],
];

describe.each(HEADERS)('%s', (linkType, digits) => {
  const header = Buffer.from(digits.replaceAll(' ', ''), 'hex');
  const bytes = Buffer.concat([header, ECHO_REQUEST_IP]);
  const frame = { ...frameOf(PLACE, 5n, bytes), linkType, originalLength: bytes.length + 10 };

  it('is written, and read back as the same packet', () => {
    const { frames } = readCaptureBytes(Buffer.concat([...pcapngChunks([frame], { home: HOME })]));
    const [back] = frames;
    if (back === undefined) throw new Error('no frame');
    const packet = decodeFrame(back.bytes, back.originalLength, back.linkType);
    const before = decodeFrame(frame.bytes, frame.originalLength, linkType);
    expect(packet.ip).toEqual(before.ip);
    expect(packet.icmp).toEqual(before.icmp);
    expect(packet.ethernet?.source).toBe(linkType === 'null' ? undefined : SOURCE);
    expect(back.originalLength - back.bytes.length).toBe(10);
  });

  it('that is cut inside its header does no harm', () => {
    for (let length = 0; length <= header.length; length++)
      expect(asEthernet({ ...frame, bytes: bytes.subarray(0, length) }).originalLength).toBeGreaterThanOrEqual(0);
  });
});

it('leaves Ethernet and raw IP as they are', () => {
  const frame = frameOf(PLACE, 5n, ECHO_REQUEST_IP);
  expect(asEthernet(frame)).toBe(frame);
  const raw = { ...frame, linkType: 'raw-ip' } as const;
  expect(asEthernet(raw)).toBe(raw);
});

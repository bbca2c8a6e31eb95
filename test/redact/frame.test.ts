/** Frames of all kinds, whole, cut and damaged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../src/redact/redactor.ts';
import type { Frame } from '../../src/trace/frame.ts';
import { internetChecksum } from '../../src/wire/checksum.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { recorded, recordedRules } from '../diagnose/recordings.ts';

const redactor = createRedactor({ secret: new Uint8Array(32).fill(5) });

function frame(bytes: Uint8Array, linkType: Frame['linkType'] = 'ethernet'): Frame {
  return {
    place: { netns: '', name: 'eth0' },
    timeNs: 0n,
    order: 0,
    direction: 'in',
    packetType: 'host',
    originalLength: bytes.length,
    checksumNotReady: false,
    linkType,
    bytes,
  };
}

describe('any bytes', () => {
  const linkTypes = fc.constantFrom<NonNullable<Frame['linkType']>>(
    'ethernet',
    'raw-ip',
    'null',
    'linux-sll',
    'linux-sll2',
  );

  it('are replaced without a throw, and keep their length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), linkTypes, (bytes, linkType) => {
        expect(redactor.frame(frame(bytes, linkType)).bytes.length).toBe(bytes.length);
      }),
      { numRuns: 500 },
    );
  });

  it('cut anywhere, damaged anywhere, hold no address any more', () => {
    const { frames } = recorded('icmp-unreachable');
    fc.assert(
      fc.property(fc.constantFrom(...frames), fc.nat(120), fc.nat(60), fc.nat(255), (one, length, at, value) => {
        const bytes = one.bytes.slice(0, Math.max(1, length));
        if (at < bytes.length) bytes[at] = value;
        const made = redactor.frame({ ...one, bytes }).bytes;
        const { ethernet } = decodeFrame(one.bytes, one.originalLength, one.linkType);
        const source = ethernet?.source.split(':').map((byte) => Number.parseInt(byte, 16)) ?? [];
        const found = Buffer.from(made).indexOf(Buffer.from(source));
        expect(found).toBe(-1);
      }),
    );
  });
});

describe('what packets carry', () => {
  const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
  const ip = (protocol: number, payload: readonly number[], flags = 0): number[] => {
    const header = [
      0x45,
      0,
      0,
      20 + payload.length,
      0,
      1,
      flags >> 8,
      flags & 0xff,
      64,
      protocol,
      0,
      0,
      10,
      9,
      0,
      1,
      10,
      9,
      0,
      2,
    ];
    const sum = internetChecksum(Uint8Array.from(header));
    header[10] = sum >> 8;
    header[11] = sum & 0xff;
    return [...header, ...payload];
  };
  const secret = [...Buffer.from('customer.example.org')];

  it('is zeroed, with checksums that stay right: UDP', () => {
    const pseudo = [10, 9, 0, 1, 10, 9, 0, 2, 0, 17, 0, 8 + secret.length];
    const udp = [0, 53, 0x30, 0, 0, 8 + secret.length, 0, 0, ...secret];
    const sum = internetChecksum(Uint8Array.from([...pseudo, ...udp]));
    udp[6] = sum >> 8;
    udp[7] = sum & 0xff;
    const before = frame(Uint8Array.from([...ethernet, ...ip(17, udp)]));
    const after = redactor.frame(before);
    expect(Buffer.from(after.bytes).toString('latin1')).not.toContain('customer');
    for (const { bytes } of [before, after]) {
      expect(internetChecksum(bytes.slice(14, 34))).toBe(0);
      const protocolAndLength = [0, 17, 0, bytes.length - 34];
      expect(
        internetChecksum(Uint8Array.from([...bytes.slice(26, 34), ...protocolAndLength, ...bytes.slice(34)])),
      ).toBe(0);
    }
  });

  it('is zeroed in later fragments too, and their sum is kept for the first one', () => {
    const data = secret.slice(0, 16);
    const after = redactor.frame(frame(Uint8Array.from([...ethernet, ...ip(1, data, 0x0005)]))).bytes;
    expect([...after.subarray(34, 48)]).toEqual(new Array(14).fill(0));
    expect(internetChecksum(after.slice(34))).toBe(internetChecksum(Uint8Array.from(data)));
  });

  it('is zeroed where nothing is known of it: LLDP, which has the name of a switch', () => {
    const lldp = [...ethernet.slice(0, 12), 0x88, 0xcc, ...secret];
    expect([...redactor.frame(frame(Uint8Array.from(lldp))).bytes.subarray(14)]).toEqual(secret.map(() => 0));
  });
});

it('the same packet at two places stays the same packet', () => {
  for (const rule of recordedRules().slice(0, 20)) {
    const { frames } = recorded(rule);
    const made = new Map<string, string>();
    for (const one of frames) {
      const key = Buffer.from(one.bytes).toString('hex');
      const bytes = Buffer.from(redactor.frame(one).bytes).toString('hex');
      expect(made.get(key) ?? bytes).toBe(bytes);
      made.set(key, bytes);
    }
  }
});

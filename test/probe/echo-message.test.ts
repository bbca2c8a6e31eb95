import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEcho, echoData, encodeEcho } from '../../src/probe/echo-message.ts';
import { decodeSocketError } from '../../src/probe/socket-error.ts';
import { probeSequence } from '../../src/trace/run.ts';

const token = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

describe('the echo of a probe', () => {
  it('carries token, sequence and a pattern', () => {
    expect([...echoData(token, 0x01020304, 16)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 12, 13, 14, 15]);
    expect([...echoData(token, 1, 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0, 0]);
    expect(echoData(token, 1, 0)).toHaveLength(0);
  });

  it('has the checksum of RFC 1071', () => {
    // As ping sent it: type 8, identifier 0x1a2b, sequence 1, data 00 01 f2 03 f4 f5 f6 f7 of the RFC's example.
    const message = encodeEcho(8, 0, 0, Uint8Array.from([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), true);
    // 0xddf2 is the RFC's sum of the data; 0x0800 is the header.
    expect([message[2], message[3]]).toEqual([(~(0xddf2 + 0x0800) >> 8) & 0xff, ~(0xddf2 + 0x0800) & 0xff]);
    expect([...encodeEcho(128, 1, 2, new Uint8Array(), false)]).toEqual([128, 0, 0, 0, 0, 1, 0, 2]);
  });

  it('is read back as it was written, and sums to zero', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff),
        fc.integer({ min: 1, max: 0xffffffff }),
        fc.integer({ min: 12, max: 1500 }),
        (identifier, sequence, size) => {
          const message = encodeEcho(8, identifier, sequence, echoData(token, sequence, size), true);
          expect(message).toHaveLength(8 + size);
          const echo = decodeEcho(message);
          expect(echo).toMatchObject({ type: 8, code: 0, identifier, sequence: sequence & 0xffff });
          const data = echo?.data ?? new Uint8Array();
          expect(probeSequence({ token, identifier }, data, identifier, sequence & 0xffff)).toBe(sequence);
          let sum = 0;
          message.forEach((byte, index) => {
            sum += index % 2 === 0 ? byte << 8 : byte;
          });
          expect(sum % 0xffff).toBe(0);
        },
      ),
    );
  });

  it('is not read from fewer than 8 bytes', () => {
    expect(decodeEcho(new Uint8Array(7))).toBeUndefined();
    expect(decodeEcho(new Uint8Array(8))?.data).toHaveLength(0);
  });
});

describe('an entry of the error queue', () => {
  it('is read with the router that sent it', () => {
    const error = new Uint8Array(32);
    const view = new DataView(error.buffer);
    view.setUint32(0, 90, true);
    error.set([2, 3, 4], 4);
    view.setUint32(8, 1400, true);
    error.set([2, 0, 0, 0, 192, 0, 2, 1], 16);
    expect(decodeSocketError(error)).toEqual({
      errno: 'EMSGSIZE',
      origin: 'icmp',
      type: 3,
      code: 4,
      from: '192.0.2.1',
      mtu: 1400,
    });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeSocketError(bytes) === undefined).toBe(bytes.length < 16);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeArp, describeArp, encodeArp } from '../../src/wire/arp.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { anyIpv4, anyMac, anyU16, concat, dirty, ETHERNET_ROW, expectEveryCut, hex, whole } from './vectors.ts';

const ETHERNET = hex('ff ff ff ff ff ff 02 00 00 00 00 02 08 06');
const REQUEST = hex('0001 0800 06 04 0001', '02 00 00 00 00 02  0a 09 00 02', '00 00 00 00 00 00  0a 09 00 01');
const FRAME = concat(ETHERNET, REQUEST);
const request = {
  operation: 1,
  senderHardware: '02:00:00:00:00:02',
  senderProtocol: '10.9.0.2',
  targetHardware: '00:00:00:00:00:00',
  targetProtocol: '10.9.0.1',
};
const NONE = '00:00:00:00:00:00';

/** The request with some bytes changed. */
function changed(at: number, ...values: number[]): Uint8Array {
  const bytes = FRAME.slice();
  bytes.set(values, ETHERNET.length + at);
  return bytes;
}

describe('ARP', () => {
  it('a request', () => {
    expect(decodeFrame(FRAME, 42)).toMatchObject({ arp: request, payload: hex() });
    expect(decodeFrame(FRAME, 42).stop).toBeUndefined();
  });

  it('has no payload: what follows is padding', () => {
    const padded = concat(FRAME, new Uint8Array(18).fill(0xff));
    expect(decodeFrame(padded, 60)).toEqual(decodeFrame(FRAME, 42));
  });

  it('stops at every cut', () => {
    expectEveryCut(FRAME, [
      ETHERNET_ROW,
      { cutAt: 14, layer: 'arp', offset: 14, need: 8, claimedBy: 'arp header size' },
      { cutAt: 22, layer: 'arp', offset: 14, need: 28, claimedBy: 'arp address lengths' },
    ]);
  });

  it.each([
    ['arp hardware type', changed(0, 0, 7), 28],
    ['arp protocol type', changed(2, 0x86, 0xdd), 28],
    ['arp hardware address length', changed(4, 8), 32],
    ['arp protocol address length', changed(5, 16), 52],
  ])('of another kind is a stop: %s', (claimedBy, bytes, have) => {
    const packet = decodeFrame(bytes, 42);
    expect(packet.arp).toBeUndefined();
    expect(packet.stop).toEqual({ layer: 'arp', offset: 14, need: 28, have, claimedBy, reason: 'malformed' });
    expect(packet.payload).toHaveLength(28);
  });

  it('of hardware type IEEE 802 is Ethernet to the kernel', () => {
    expect(decodeFrame(changed(0, 0, 6), 42).arp).toEqual(request);
  });

  it('comes back from encoding', () => {
    expect(encodeArp(request, dirty(28))).toEqual(REQUEST);
    const anyArp = fc.record({
      operation: anyU16,
      senderHardware: anyMac,
      senderProtocol: anyIpv4,
      targetHardware: anyMac,
      targetProtocol: anyIpv4,
    });
    fc.assert(
      fc.property(anyArp, (arp) => {
        expect(decodeArp(whole(encodeArp(arp, dirty(28)))).header).toEqual(arp);
      }),
    );
  });

  it('refuses to encode what is no address', () => {
    expect(() => encodeArp({ ...request, senderProtocol: 'fe80::1' })).toThrow(RangeError);
  });

  it.each([
    [request, 'Request who-has 10.9.0.1 tell 10.9.0.2, length 28'],
    [
      { ...request, targetHardware: '02:00:00:00:00:09' },
      'Request who-has 10.9.0.1 (02:00:00:00:00:09) tell 10.9.0.2, length 28',
    ],
    [{ ...request, operation: 2 }, 'Reply 10.9.0.2 is-at 02:00:00:00:00:02, length 28'],
    [{ ...request, operation: 3 }, `Reverse Request who-is ${NONE} tell 02:00:00:00:00:02, length 28`],
    [{ ...request, operation: 4 }, `Reverse Reply ${NONE} at 10.9.0.1, length 28`],
    [{ ...request, operation: 9 }, 'operation 9, length 28'],
  ])('%o', (arp, text) => expect(describeArp(arp)).toBe(text));
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText, socketAddress, socketAddressText } from '../../src/linux/sockaddr.ts';

describe('socket addresses', () => {
  it('are laid out as struct sockaddr_in and sockaddr_in6', () => {
    const inet = addressBytes('192.0.2.1') ?? new Uint8Array();
    expect([...socketAddress(inet, 1025)]).toEqual([2, 0, 4, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    const inet6 = socketAddress(addressBytes('fe80::1') ?? new Uint8Array(), 0, 7);
    expect(inet6).toHaveLength(28);
    expect([...inet6.subarray(0, 10), ...inet6.subarray(22)]).toEqual([
      10, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 1, 7, 0, 0, 0,
    ]);
  });

  it.each(['1.2.3', '1.2.3.256', '1.2.3.4 ', 'host', '', ':::', 'fe80::1%eth0', '1.2.3.4\0'])(
    'does not take %j for an address',
    (text) => {
      expect(addressBytes(text)).toBeUndefined();
    },
  );

  it('print IPv6 as RFC 5952 wants it', () => {
    const text = (address: string) => addressText(addressBytes(address) ?? new Uint8Array());
    expect(text('2001:0DB8:0:0:0:0:0:1')).toBe('2001:db8::1');
    expect(text('::')).toBe('::');
  });

  it('come back as they were written', () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(address, fc.nat(65535), (bytes, port) => {
        expect(addressBytes(addressText(bytes))).toEqual(bytes);
        expect(socketAddressText(socketAddress(bytes, port))).toBe(addressText(bytes));
      }),
    );
  });

  it('hold none when cut short or of another family', () => {
    expect(socketAddressText(Uint8Array.from([2]))).toBeUndefined();
    expect(socketAddressText(Uint8Array.from([2, 0, 0, 0, 1, 2, 3]))).toBeUndefined();
    expect(socketAddressText(new Uint8Array(28))).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEthernet, encodeEthernet } from '../../src/wire/ethernet.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { encodeVlanTags } from '../../src/wire/vlan.ts';
import { anyData, anyMac, anyU16, concat, dirty, ETHERNET_ROW, expectEveryCut, hex, whole } from './vectors.ts';

const ADDRESSES = 'ff ff ff ff ff ff 02 00 5e 00 53 01';
const ethernet = { destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:5e:00:53:01' };

describe('Ethernet', () => {
  it('II: type and payload', () => {
    expect(decodeFrame(hex(ADDRESSES, '88 b5 01 02 03'), 17)).toEqual({
      ethernet: { ...ethernet, etherType: 0x88b5 },
      vlans: [],
      payload: hex('01 02 03'),
    });
  });

  it('802.3: the length field trims the padding, LLC is passed over', () => {
    const packet = decodeFrame(hex(ADDRESSES, '00 03 42 42 03 00 00 00'), 20);
    expect(packet).toEqual({ ethernet: { ...ethernet, etherType: 3 }, vlans: [], payload: hex('42 42 03') });
  });

  it('802.3: a length that is not there', () => {
    const stop = { layer: 'ethernet', offset: 14, need: 5, have: 3, claimedBy: '802.3 length' };
    const bytes = hex(ADDRESSES, '00 05 42 42 03');
    expect(decodeFrame(bytes, 19)).toMatchObject({ payload: hex('42 42 03'), stop: { ...stop, reason: 'truncated' } });
    expect(decodeFrame(bytes, 17).stop).toEqual({ ...stop, reason: 'malformed' });
  });

  it('takes 1500 for a length and 1536 for a type', () => {
    expect(decodeFrame(hex(ADDRESSES, '05 dc'), 14).stop?.claimedBy).toBe('802.3 length');
    expect(decodeFrame(hex(ADDRESSES, '06 00'), 14).stop).toBeUndefined();
  });
});

describe('VLAN tags', () => {
  it('802.1ad outside, 802.1Q inside', () => {
    const packet = decodeFrame(hex(ADDRESSES, '88 a8 70 05 81 00 0f ff 88 b5 01'), 23);
    expect(packet).toEqual({
      ethernet: { ...ethernet, etherType: 0x88b5 },
      vlans: [
        { tpid: 0x88a8, priority: 3, dropEligible: true, id: 5 },
        { tpid: 0x8100, priority: 0, dropEligible: false, id: 4095 },
      ],
      payload: hex('01'),
    });
  });

  it('the older outer tag', () => {
    expect(decodeFrame(hex(ADDRESSES, '91 00 00 07 88 b5'), 18).vlans).toMatchObject([{ tpid: 0x9100, id: 7 }]);
  });

  it('stop at every cut, the good tags kept', () => {
    const tag = { layer: 'vlan', need: 4, claimedBy: 'vlan tag size' };
    expectEveryCut(hex(ADDRESSES, '88 a8 70 05 81 00 0f ff 88 b5'), [
      ETHERNET_ROW,
      { cutAt: 14, offset: 14, ...tag },
      { cutAt: 18, offset: 18, ...tag },
    ]);
    const cut = decodeFrame(hex(ADDRESSES, '88 a8 70 05 81 00 0f'), 22);
    expect(cut.ethernet?.etherType).toBe(0x8100);
    expect(cut.vlans).toHaveLength(1);
    expect(cut.payload).toEqual(hex('0f'));
  });

  it('of a hostile frame are bounded', () => {
    const packet = decodeFrame(concat(hex(ADDRESSES), hex('8100 0001'.repeat(10_000))), 50_000);
    expect(packet.vlans).toHaveLength(8);
    expect(packet.ethernet?.etherType).toBe(0x8100);
    expect(packet.stop).toBeUndefined();
  });
});

describe('encoding', () => {
  const anyTag = fc.record({
    tpid: fc.constantFrom(0x8100, 0x88a8, 0x9100),
    priority: fc.nat(7),
    dropEligible: fc.boolean(),
    id: fc.nat(4095),
  });
  const anyType = anyU16.filter((type) => type > 1500 && ![0x8100, 0x88a8, 0x9100].includes(type));

  it('comes back', () => {
    const header = fc.record({ destination: anyMac, source: anyMac, etherType: anyType });
    fc.assert(
      fc.property(header, fc.array(anyTag, { maxLength: 8 }), anyData, (given, vlans, payload) => {
        const bytes = encodeEthernet(given, payload, vlans, dirty(14 + 4 * vlans.length + payload.length));
        const decoded = decodeEthernet(whole(bytes));
        expect(decoded).toMatchObject({ header: given, vlans });
        expect(decoded.body.view()).toEqual(payload);
      }),
    );
  });

  it('writes every byte of the tags', () => {
    expect(encodeVlanTags([{ tpid: 0x8100, priority: 7, dropEligible: true, id: 1 }], dirty(4))).toEqual(
      hex('8100 f001'),
    );
    expect(encodeVlanTags([])).toEqual(hex());
  });
});

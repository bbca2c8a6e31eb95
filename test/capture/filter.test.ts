import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchangeFilter, keepAll, keepInterfaces, probeFilter } from '../../src/capture/filter.ts';
import { executeFilter } from '../../src/linux/bpf-machine.ts';
import { droppedFrames, ethernet, icmp, ipv4, keptFrames, otherToken, token, vxlan } from './frames.ts';

const filter = probeFilter({ token, dataBytes: 56 });

describe('the kernel filter of a run', () => {
  it.each(Object.entries(keptFrames))('keeps %s', (_, frame) => {
    expect(executeFilter(filter, frame)).toBe(262144);
  });

  it.each(Object.entries(droppedFrames))('drops %s', (_, frame) => {
    expect(executeFilter(filter, frame)).toBe(0);
  });

  it('reads packets of devices without Ethernet header', () => {
    const tunnel = 768;
    expect(executeFilter(filter, ipv4(1, icmp(8, token)), tunnel)).toBeGreaterThan(0);
    expect(executeFilter(filter, ipv4(1, icmp(8, otherToken)), tunnel)).toBe(0);
    expect(executeFilter(filter, (keptFrames['neighbour solicitation'] ?? token).subarray(14), tunnel)).toBeGreaterThan(
      0,
    );
    expect(executeFilter(filter, Uint8Array.from([0x00]), tunnel)).toBe(0);
  });

  it('looks into VXLAN on further ports, as many as there may be', () => {
    const frame = (port: number) => ethernet(0x0800, ipv4(17, vxlan(ethernet(0x0800, ipv4(1, icmp(8, token))), port)));
    const ports = new Set(Array.from({ length: 60 }, (_, index) => 10_000 + index));
    const wider = probeFilter({ token, dataBytes: 56, vxlanPorts: ports });
    expect(executeFilter(filter, frame(10_000))).toBe(0);
    expect(executeFilter(wider, frame(10_000))).toBe(262144);
    expect(executeFilter(wider, frame(4789))).toBe(262144);
    expect(executeFilter(wider, frame(9_999))).toBe(0);
  });

  it('reads the loopback device as Ethernet', () => {
    expect(executeFilter(filter, ethernet(0x0800, ipv4(1, icmp(8, token))), 772)).toBeGreaterThan(0);
  });

  it('keeps every echo when the data is too short for the token, since NAT may rewrite the identifier', () => {
    const short = probeFilter({ token, dataBytes: 7 });
    expect(executeFilter(short, ethernet(0x0800, ipv4(1, icmp(8))))).toBeGreaterThan(0);
    expect(executeFilter(short, ethernet(0x0800, ipv4(1, icmp(0, otherToken))))).toBeGreaterThan(0);
    expect(executeFilter(short, ethernet(0x0800, ipv4(1, icmp(13))))).toBe(0);
  });

  it('cuts to the snap length', () => {
    expect(executeFilter(probeFilter({ token, dataBytes: 56, snapLength: 128 }), ethernet(0x0806, token))).toBe(128);
    expect(executeFilter(keepAll(96), new Uint8Array(0))).toBe(96);
  });

  it('refuses a token of another length', () => {
    expect(() => probeFilter({ token: token.subarray(1), dataBytes: 56 })).toThrow('a token has 8 bytes, not 7');
  });

  it('drops whatever is cut before the field that decides', () => {
    const frame = keptFrames['echo request'] ?? new Uint8Array();
    for (let length = 0; length < 14 + 20 + 8 + 8; length++)
      expect(executeFilter(filter, frame.subarray(0, length))).toBe(0);
    expect(executeFilter(filter, frame.subarray(0, 14 + 20 + 8 + 8))).toBeGreaterThan(0);
  });

  it('ends with a verdict on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(1000), (bytes, hardwareType) => {
        expect([0, 262144]).toContain(executeFilter(filter, bytes, hardwareType));
      }),
    );
  });
});

describe('the filter of a recording', () => {
  it('compares with every interface number, and keeps all of them where they are too many for one program', () => {
    const numbers = Array.from({ length: 250 }, (_, index) => index + 1);
    expect(keepInterfaces(numbers)).toHaveLength(253);
    expect(keepInterfaces([...numbers, 251], 96)).toEqual(keepAll(96));
  });
});

describe('the kernel filter of a live view', () => {
  const filter = exchangeFilter({ snapLength: 1600 });

  it.each(Object.entries(keptFrames))('keeps %s', (_, frame) => {
    expect(executeFilter(filter, frame)).toBe(1600);
  });

  it("keeps anybody's echoes, and no other traffic", () => {
    expect(executeFilter(filter, ethernet(0x0800, ipv4(1, icmp(8, otherToken))))).toBe(1600);
    expect(executeFilter(filter, ethernet(0x0800, ipv4(6, new Uint8Array(40))))).toBe(0);
    expect(executeFilter(filter, ethernet(0x0800, ipv4(17, new Uint8Array(40))))).toBe(0);
  });

  it('keeps those of all interfaces where they are too many for one program', () => {
    const interfaces = Array.from({ length: 400 }, (_, index) => index + 1);
    expect(executeFilter(exchangeFilter({ interfaces }), ethernet(0x0806, token))).toBe(262144);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRuleEvent } from '../../src/capture/rule-trace-event.ts';
import { attribute, joined, nest, numberAttribute, textAttribute } from '../../src/linux/netlink-message.ts';
import { netfilterHeader } from '../../src/linux/nfnetlink.ts';

const IP = 2;
const event = (...attributes: readonly Uint8Array[]) =>
  decodeRuleEvent({
    type: 0xa11,
    flags: 0,
    sequence: 0,
    payload: joined([
      netfilterHeader(IP),
      textAttribute(1, 'filter'),
      textAttribute(2, 'FORWARD'),
      numberAttribute(6, 77),
      ...attributes,
    ]),
  });
const verdict = (code: number, chain?: string) =>
  nest(5, numberAttribute(1, code), ...(chain === undefined ? [] : [textAttribute(2, chain)]));
const handle = (value: number) => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return attribute(3, bytes);
};
const [policy, rule] = [numberAttribute(4, 1), numberAttribute(4, 3)];
const at = { id: 77, family: 'ip', table: 'filter', chain: 'FORWARD' };

describe('NFT_MSG_TRACE', () => {
  it('tells what a rule did', () => {
    expect(event(rule, handle(9), verdict(0))).toEqual({ ...at, kind: 'rule', handle: 9, verdict: 'drop' });
    expect(event(rule, handle(9), verdict(-3, 'USERS'))).toEqual({
      ...at,
      kind: 'rule',
      handle: 9,
      verdict: 'jump',
      target: 'USERS',
    });
    // NF_QUEUE_NR(5), NF_DROP_ERR(-EPERM).
    expect(event(rule, handle(9), verdict((5 << 16) | 3))?.verdict).toBe('queue');
    expect(event(rule, handle(9), verdict(1 << 16))?.verdict).toBe('drop');
  });

  it('tells the policy, and the end of a chain', () => {
    expect(event(policy, numberAttribute(16, 0))).toEqual({ ...at, kind: 'policy', verdict: 'drop' });
    expect(event(policy, numberAttribute(16, 1))?.verdict).toBe('accept');
    expect(event(rule, verdict(-1))).toEqual({ ...at, kind: 'return', verdict: 'return' });
  });

  it('shows the packet where it is ICMP, and the interfaces', () => {
    const header = (first: number, offset: number, protocol: number) => {
      const bytes = new Uint8Array(40);
      bytes[0] = first;
      bytes[offset] = protocol;
      return attribute(8, bytes);
    };
    const echo = attribute(9, Uint8Array.of(8, 0, 0, 0, 1, 2, 0, 3));
    const interfaces = [numberAttribute(10, 4), numberAttribute(12, 5)];
    expect(event(rule, handle(1), verdict(1), header(0x45, 9, 1), echo, ...interfaces)).toMatchObject({
      protocol: 'icmp',
      transport: Uint8Array.of(8, 0, 0, 0, 1, 2, 0, 3),
      input: 4,
      output: 5,
    });
    expect(event(rule, handle(1), verdict(1), header(0x60, 6, 58), echo)?.protocol).toBe('icmpv6');
    expect(event(rule, handle(1), verdict(1), header(0x45, 9, 17), echo)).not.toHaveProperty('transport');
  });

  it('is nothing where it is not whole, or of a kind that is not known', () => {
    expect(event()).toBeUndefined();
    expect(event(numberAttribute(4, 9), verdict(1))).toBeUndefined();
    expect(event(rule, handle(1), verdict(-77))).toBeUndefined();
    expect(event(rule, handle(1))).toBeUndefined();
    expect(event(policy)).toBeUndefined();
  });

  it('is read without an error whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        decodeRuleEvent({ type: 0xa11, flags: 0, sequence: 0, payload });
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.uint8Array({ maxLength: 20 })), { maxLength: 16 }), (attributes) => {
        event(...attributes.map(([type, value]) => attribute(type, value)));
      }),
    );
  });
});

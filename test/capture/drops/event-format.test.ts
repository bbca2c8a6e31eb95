import { describe, expect, it } from 'vitest';
import { type EventRole, eventDecoder } from '../../../src/capture/drops/event-decode.ts';
import { type EventFormat, parseEventFormat, parsePageFormat } from '../../../src/capture/drops/event-format.ts';

const COMMON = `format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
`;
/** As Linux 6.18 has it, shortened. */
const KFREE = `name: kfree_skb
ID: 2310
${COMMON}
\tfield:void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;
\tfield:void * location;\toffset:16;\tsize:8;\tsigned:0;
\tfield:void * rx_sk;\toffset:24;\tsize:8;\tsigned:0;
\tfield:unsigned short protocol;\toffset:32;\tsize:2;\tsigned:0;
\tfield:enum skb_drop_reason reason;\toffset:36;\tsize:4;\tsigned:0;

print fmt: "skbaddr=%p reason: %s", REC->skbaddr, __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 0x10, "IP_RPFILTER" })
`;
const RECEIVE = `name: netif_receive_skb
ID: 2303
${COMMON}
\tfield:void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;
\tfield:unsigned int len;\toffset:16;\tsize:4;\tsigned:0;
\tfield:__data_loc char[] name;\toffset:20;\tsize:4;\tsigned:0;

print fmt: "dev=%s skbaddr=%p len=%u", __get_str(name), REC->skbaddr, REC->len
`;

function format(text: string): EventFormat {
  const parsed = parseEventFormat(text);
  if (!parsed) throw new Error('no format');
  return parsed;
}

const decode = eventDecoder(
  new Map<EventRole, EventFormat>([
    ['drop', format(KFREE)],
    ['in', format(RECEIVE)],
  ]),
);

/** @param flags 0x10: softirq */
function record(id: number, flags: number, write: (view: DataView) => void, length = 64) {
  const bytes = Buffer.alloc(length + 8, 0xa5);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(8, id, true);
  view.setUint8(10, flags);
  view.setInt32(12, 4711, true);
  write(new DataView(bytes.buffer, bytes.byteOffset + 8, length));
  return { bytes, view, offset: 8, end: 8 + length, at: 99, cpu: 1 };
}

describe('a format file', () => {
  it('says where the fields are and what numbers mean', () => {
    const { id, fields, symbols } = format(KFREE);
    expect(id).toBe(2310);
    expect(fields.get('reason')).toEqual({ offset: 36, sizeBytes: 4, elsewhere: false });
    expect(format(RECEIVE).fields.get('name')).toEqual({ offset: 20, sizeBytes: 4, elsewhere: true });
    expect([...symbols]).toEqual([
      [2, 'NOT_SPECIFIED'],
      [16, 'IP_RPFILTER'],
    ]);
    expect(parseEventFormat('name: nothing\n')).toBeUndefined();
  });

  it('tells the size of a page', () => {
    const text =
      '\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n';
    const data = '\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n';
    expect(parsePageFormat(text + data)).toEqual({ sizeBytes: 4096, dataOffset: 16, commitBytes: 8 });
    expect(parsePageFormat(text)).toBeUndefined();
  });
});

describe('a record', () => {
  const drop = (reason: number) =>
    record(2310, 0x10, (view) => {
      view.setBigUint64(8, 0xffff888107678e00n, true);
      view.setBigUint64(16, 0xffffffff82150190n, true);
      view.setUint16(32, 0x0800, true);
      view.setUint32(36, reason, true);
    });

  it('becomes a drop, its reason by the name this kernel has for it', () => {
    expect(decode(drop(16))).toEqual({
      kind: 'drop',
      packet: 0xff888107678e00,
      reason: 'IP_RPFILTER',
      location: 0xffffffff82150190n,
      protocol: 0x0800,
      at: 99,
      cpu: 1,
      thread: 4711,
      context: 'softirq',
    });
    expect(decode(drop(99))).toMatchObject({ reason: 'reason 99' });
    expect(decode(drop(0x30002))).toMatchObject({ reason: 'reason 0x30002' });
  });

  it('becomes a hop, its device from elsewhere in the record', () => {
    const hop = (where: number) =>
      record(2303, 0, (view) => {
        view.setBigUint64(8, 0xffff888107678e00n, true);
        view.setUint32(16, 84, true);
        view.setUint32(20, where, true);
        new Uint8Array(view.buffer, view.byteOffset + 24, 5).set(Buffer.from('veth\0'));
      });
    expect(decode(hop((5 << 16) | 24))).toMatchObject({
      kind: 'hop',
      way: 'in',
      device: 'veth',
      lengthBytes: 84,
      context: 'process',
    });
    // Text that would lie outside the record is none.
    expect(decode(hop((5 << 16) | 62))).toBeUndefined();
  });

  it('of another kind, or cut off, is none', () => {
    expect(decode({ ...drop(16), end: 40 })).toBeUndefined();
    expect(decode({ ...drop(16), end: 12 })).toBeUndefined();
    expect(decode(record(1, 0, () => undefined))).toBeUndefined();
  });
});

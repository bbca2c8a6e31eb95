/** Lines to packets: what each wording means, and what is not made up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { looksLikeTcpdumpText } from '../../src/capfile/text-convert.ts';
import { converted, readText, seen } from './text.ts';

const T = '12:00:00.000001';

async function only(text: string) {
  const { frames } = await readText(text);
  const [first, ...more] = frames;
  if (first === undefined || more.length > 0) throw new Error(`${frames.length} frames of ${text}`);
  return first;
}

describe('a line of ARP', () => {
  it('is a request, with the target’s hardware address where it was printed', async () => {
    const { packet, frame } = await only(
      `${T} ARP, Request who-has 10.0.0.2 (02:00:00:00:00:02) tell 10.0.0.1, length 46`,
    );
    expect(packet.arp).toEqual({
      operation: 1,
      senderHardware: '00:00:00:00:00:00',
      senderProtocol: '10.0.0.1',
      targetHardware: '02:00:00:00:00:02',
      targetProtocol: '10.0.0.2',
    });
    expect(frame.originalLength).toBe(60);
  });

  it('may be worded as with -v, without -n, by an old tcpdump, as a probe or an announcement', async () => {
    for (const [line, words] of [
      [
        'ARP, Ethernet (len 6), IPv4 (len 4), Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
        'who-has 10.0.0.2 tell 10.0.0.1',
      ],
      ['ARP, Request who-has 10.0.0.2 (Broadcast) tell 10.0.0.1, length 28', '(ff:ff:ff:ff:ff:ff) tell 10.0.0.1'],
      [
        'ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02 (oui Unknown), length 28',
        'Reply 10.0.0.2 is-at 02:00:00:00:00:02',
      ],
      ['arp who-has 10.0.0.2 tell 10.0.0.1', 'who-has 10.0.0.2 tell 10.0.0.1'],
      ['arp reply 10.0.0.2 is-at 02:00:00:00:00:02', 'Reply 10.0.0.2 is-at 02:00:00:00:00:02'],
      ['ARP, Announcement 10.0.0.2, length 28', 'who-has 10.0.0.2 tell 10.0.0.2'],
      ['ARP, Probe 10.0.0.2, length 28', 'who-has 10.0.0.2 tell 0.0.0.0'],
      [
        '02:00:00:00:00:01 (oui Unknown) > Broadcast, ethertype ARP (0x0806), length 42: Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
        'who-has',
      ],
      [
        '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, length 42: Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
        'who-has',
      ],
    ] as const)
      expect((await seen(`${T} ${line}`))[0], line).toContain(words);
  });

  it('with -e has its frame’s addresses, length and tags', async () => {
    const { packet, frame } = await only(
      `${T} 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 802.1Q-QinQ (0x88a8), length 64: vlan 200, p 3, DEI, ethertype 802.1Q (0x8100), vlan 7, p 0, ethertype ARP (0x0806), Request who-has 10.0.0.2 tell 10.0.0.1, length 42`,
    );
    expect(packet.ethernet).toMatchObject({ source: '02:00:00:00:00:01', destination: 'ff:ff:ff:ff:ff:ff' });
    expect(packet.vlans).toEqual([
      { tpid: 0x88a8, priority: 3, dropEligible: true, id: 200 },
      { tpid: 0x8100, priority: 0, dropEligible: false, id: 7 },
    ]);
    expect([packet.arp?.senderProtocol, frame.originalLength]).toEqual(['10.0.0.1', 64]);
  });
});

describe('who an ARP reply was for', () => {
  const reply = (mac = '02') => `ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:${mac}, length 28`;
  const ask = (by: string) => `ARP, Request who-has 10.0.0.2 tell 10.0.0.${by}, length 28`;
  const targets = async (...lines: string[]) =>
    (await readText(lines.join('\n'))).frames
      .filter(({ packet }) => packet.arp?.operation === 2)
      .map(({ packet, frame }) => [packet.arp?.targetProtocol, frame.comments[0]?.includes('taken from the request')]);

  it('is who asked, in the order of questions', async () => {
    expect(
      await targets(
        `${T} ${ask('1')}`,
        `${T} ${ask('3')}`,
        `${T} ${reply()}`,
        `${T} ${reply()}`,
        `${T} ${reply('09')}`,
      ),
    ).toEqual([
      ['10.0.0.1', true],
      ['10.0.0.3', true],
      ['10.0.0.3', true],
    ]);
  });

  it('is no longer who asked long ago', async () => {
    expect(
      await targets(`12:00:00.000000 ${ask('1')}`, `12:00:09.000000 ${ask('3')}`, `12:00:09.000001 ${reply()}`),
    ).toEqual([['10.0.0.3', true]]);
  });

  it('is found in another capture of the text, above or below', async () => {
    const br0 = ['listening on br0, link-type EN10MB (Ethernet)', `${T} ${reply()}`];
    const veth0 = ['listening on veth0, link-type EN10MB (Ethernet)', `${T} ${ask('1')}`];
    expect(await targets(...br0, ...veth0)).toEqual([['10.0.0.1', true]]);
    expect(await targets(...veth0, ...br0)).toEqual([['10.0.0.1', true]]);
    expect(await targets(...veth0, `${T} ${ask('3')}`, ...br0)).toEqual([['0.0.0.0', false]]);
  });

  it('is told by the frame’s destination where -e printed it', async () => {
    const link = (from: string, to: string) =>
      `${T} 02:00:00:00:00:0${from} > 02:00:00:00:00:0${to}, ethertype ARP (0x0806), length 42:`;
    const plain = (line: string) => line.replace('ARP, ', '');
    expect(
      await targets(
        `${link('1', '2')} ${plain(ask('1'))}`,
        `${link('3', '2')} ${plain(ask('3'))}`,
        `${link('2', '3')} ${plain(reply())}`,
        `${link('2', '1')} ${plain(reply())}`,
      ),
    ).toEqual([
      ['10.0.0.3', true],
      ['10.0.0.1', true],
    ]);
  });

  it('is not made up: nobody asked, or only later in the same capture', async () => {
    expect(await targets(`${T} ${reply()}`)).toEqual([['0.0.0.0', false]]);
    expect(await targets(`${T} ${reply()}`, `${T} ${ask('1')}`)).toEqual([['0.0.0.0', false]]);
  });
});

describe('a line of ICMP', () => {
  it('says the same when it is written out again', async () => {
    const lines = [
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 65535, length 64',
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id 7, seq 1, length 8',
      'IP 10.0.0.1 > 10.0.0.2: ICMP net 10.9.0.1 unreachable, length 92',
      'IP 10.0.0.1 > 10.0.0.2: ICMP host 10.9.0.1 unreachable, length 92',
      'IP 10.0.0.1 > 10.0.0.2: ICMP 10.9.0.1 udp port 33434 unreachable, length 36',
      'IP 10.0.0.1 > 10.0.0.2: ICMP 10.9.0.1 tcp port 80 unreachable, length 68',
      'IP 10.0.0.1 > 10.0.0.2: ICMP 10.9.0.1 protocol 99 unreachable, length 36',
      'IP 10.0.0.1 > 10.0.0.2: ICMP 10.9.0.1 unreachable - need to frag (mtu 1300), length 556',
      'IP 10.0.0.1 > 10.0.0.2: ICMP net 10.9.0.1 unreachable - unknown, length 36',
      'IP 10.0.0.1 > 10.0.0.2: ICMP host 10.9.0.1 unreachable - unknown, length 36',
      'IP 10.0.0.1 > 10.0.0.2: ICMP net 10.9.0.1 unreachable - admin prohibited, length 36',
      'IP 10.0.0.1 > 10.0.0.2: ICMP host 10.9.0.1 unreachable - admin prohibited, length 36',
      'IP 10.0.0.1 > 10.0.0.2: ICMP host 10.9.0.1 unreachable - admin prohibited filter, length 92',
      'IP 10.0.0.1 > 10.0.0.2: ICMP time exceeded in-transit, length 68',
      'IP 10.0.0.1 > 10.0.0.2: ICMP ip reassembly time exceeded, length 556',
      'IP 10.0.0.1 > 10.0.0.2: ICMP redirect 10.9.0.1 to host 10.0.0.9, length 92',
      'IP 10.0.0.1 > 10.0.0.2: ICMP redirect-tos 10.9.0.1 to net 10.0.0.9, length 92',
      'IP 10.0.0.1 > 10.0.0.2: ICMP source quench, length 36',
      'IP6 fe80::1 > fe80::2: ICMP6, echo request, id 7, seq 1, length 64',
      'IP6 fe80::1 > fe80::2: ICMP6, echo reply, id 7, seq 1, length 64',
      'IP6 fe80::1 > ff02::1:ff00:2: ICMP6, neighbor solicitation, who has fe80::2, length 32',
      'IP6 fe80::2 > fe80::1: ICMP6, neighbor advertisement, tgt is fe80::2, length 32',
      'IP6 fe80::1 > fe80::2: ICMP6, destination unreachable, unreachable route fd00::9, length 112',
      'IP6 fe80::1 > fe80::2: ICMP6, destination unreachable, unreachable prohibited fd00::9, length 112',
      'IP6 fe80::1 > fe80::2: ICMP6, destination unreachable, unreachable address fd00::9, length 112',
      'IP6 fe80::1 > fe80::2: ICMP6, destination unreachable, unreachable port, fd00::9 udp port 53, length 112',
      'IP6 fe80::1 > fe80::2: ICMP6, packet too big, mtu 1280, length 1240',
      'IP6 fe80::1 > fe80::2: ICMP6, time exceeded in-transit for fd00::9, length 112',
      'IP6 fe80::1 > ff02::2: ICMP6, router solicitation, length 16',
      'IP6 fe80::1 > ff02::1: ICMP6, router advertisement, length 56',
      'IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [S.], seq 7, ack 3, length 0',
      'IP 10.0.0.1.1234 > 10.0.0.2.53: UDP, length 12',
      'IP6 fe80::1.546 > ff02::1:2.547: UDP, length 12',
    ];
    const again = await seen(lines.map((line) => `${T} ${line}`).join('\n'));
    // What the capture did not keep stands behind: `[|ipv4]`.
    expect(again.map((line) => line.replace(/^interface 0 /, '').replace(/ \[\|\w+\]$/, ''))).toEqual(lines);
  });

  it('quotes with -v what it is about', async () => {
    for (const link of ['IP ', '02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 126: ']) {
      const { packet } = await only(
        [
          `${T} ${link}(tos 0xc0, ttl 63, id 6334, offset 0, flags [none], proto ICMP (1), length 112)`,
          '    10.77.0.1 > 10.77.0.2: ICMP net 203.0.113.9 unreachable, length 92',
          `\t${link.startsWith('IP') ? 'IP ' : ''}(tos 0x0, ttl 64, id 55501, offset 0, flags [DF], proto ICMP (1), length 84)`,
          '    10.77.0.2 > 203.0.113.9: ICMP echo request, id 27100, seq 3, length 64',
        ].join('\n'),
      );
      expect(packet.ip).toMatchObject({ ttl: 63, identification: 6334, totalLength: 112 });
      expect(packet.icmp?.quoted).toMatchObject({
        ip: { source: '10.77.0.2', destination: '203.0.113.9', identification: 55501, ttl: 64, dontFragment: true },
        icmp: { type: 8, identifier: 27100, sequence: 3 },
      });
    }
  });

  it('keeps header fields, options and fragments of -v', async () => {
    const [first, later] = (
      await readText(
        [
          `${T} IP (tos 0x0, ttl 9, id 43841, offset 0, flags [+], proto ICMP (1), length 1500, bad cksum 0 (->b861)!)`,
          '    10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 1480',
          `${T} IP (tos 0x0, ttl 9, id 43841, offset 1480, flags [none], proto ICMP (1), length 48)`,
          '    10.0.0.1 > 10.0.0.2: ip-proto-1',
        ].join('\n'),
      )
    ).frames;
    expect(first?.packet.ip).toMatchObject({ moreFragments: true, fragmentOffset: 0, identification: 43841, ttl: 9 });
    expect(later?.packet.ip).toMatchObject({ fragmentOffset: 1480, protocol: 1, totalLength: 48 });
    expect(later?.packet.icmp).toBeUndefined();
  });

  it('has the neighbour’s flags and address with -v', async () => {
    const { packet } = await only(
      [
        `${T} IP6 (class 0xc0, flowlabel 0x9aa45, hlim 255, next-header ICMPv6 (58) payload length: 32) fe80::2 > fe80::1: [icmp6 sum ok] ICMP6, neighbor advertisement, length 32, tgt is fe80::2, Flags [solicited, override]`,
        '\t  destination link-address option (2), length 8 (1): 02:00:00:00:00:02',
      ].join('\n'),
    );
    expect(packet.ip).toMatchObject({ hopLimit: 255, payloadLength: 32 });
    expect(packet.icmp).toMatchObject({
      target: 'fe80::2',
      neighbourFlags: 0x60,
      linkLayerAddress: '02:00:00:00:00:02',
    });
    expect(packet.icmp?.checksumValid).toBe(true);
  });

  it('takes the bytes of a hex dump, where they are the packet’s', async () => {
    const arp = ['0001 0800 0604 0001 0200 0000 0001 0a00', '0001 0000 0000 0000 0a00 0002'];
    const rows = (bytes: readonly string[]) =>
      bytes.map((row, index) => `\t0x${(index * 16).toString(16).padStart(4, '0')}:  ${row}`);
    const head = `${T} ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28`;
    expect((await only([head, ...rows(arp)].join('\n'))).packet.arp?.senderHardware).toBe('02:00:00:00:00:01');
    const framed = [
      'ffff ffff ffff 0200 0000 0001 0806 0001',
      '0800 0604 0001 0200 0000 0001 0a00 0001  ................',
      '0000 0000 0000 0a00 0002  ..........',
    ];
    expect((await only([head, ...rows(framed)].join('\n'))).packet.ethernet?.source).toBe('02:00:00:00:00:01');
    const other = arp.map((row) => row.replace('0a00 0002', '0a00 0003'));
    const told = (await only([head, ...rows(other)].join('\n'))).packet.arp;
    expect([told?.targetProtocol, told?.senderHardware]).toEqual(['10.0.0.2', '00:00:00:00:00:00']);
  });
});

describe('what was not printed', () => {
  it('is zero, and the frame is as long as it was', async () => {
    const { packet, frame } = await only(
      `${T} IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [P.], seq 1:1449, ack 1, win 502, length 1448`,
    );
    expect(packet.ethernet).toMatchObject({ source: '00:00:00:00:00:00', destination: '00:00:00:00:00:00' });
    expect(packet.ip).toMatchObject({ ttl: 0, identification: 0, totalLength: 1488 });
    expect([frame.bytes.length, frame.originalLength]).toEqual([54, 1502]);
  });

  it('by its address is not made up: names give no frame, unless the text says whose they are', async () => {
    const line = `${T} IP dev > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64`;
    expect((await readText(line)).tally).toEqual({ packets: 0, left: { names: 1, unclear: 0, other: 0 } });
    const ping = 'PING dev (10.0.0.1) 56(84) bytes of data.';
    for (const text of [`${ping}\n${line}`, `${line}\n${ping}`]) expect((await readText(text)).frames).toHaveLength(1);
  });

  it('of a later fragment leaves it out', async () => {
    expect((await readText(`${T} IP 10.0.0.1 > 10.0.0.2: ip-proto-1`)).tally.left.unclear).toBe(1);
  });

  it('of a protocol that is not read is counted apart', async () => {
    const others = [
      'STP 802.1d, Config',
      'IP 10.0.0.1 > 224.0.0.1: igmp query v2',
      'IP 10.0.0.1.5 > 10.0.0.2.6: sctp (1) [INIT]',
      'LLDP, length 90',
    ];
    expect((await readText(others.map((line) => `${T} ${line}`).join('\n'))).tally.left).toEqual({
      names: 0,
      unclear: 0,
      other: 4,
    });
  });

  it('lengths and numbers that cannot be are no packet', async () => {
    for (const line of [
      'ICMP echo request, id 70000, seq 1, length 64',
      'ICMP echo request, id 7, seq 1, length 99999',
      'ICMP echo request, id 7, seq 1, length 3',
      '[|icmp]',
    ])
      expect((await readText(`${T} IP 10.0.0.1 > 10.0.0.2: ${line}`)).tally, line).toMatchObject({
        packets: 0,
        left: { unclear: 1 },
      });
  });
});

describe('the whole', () => {
  it('is the same however the text comes in', async () => {
    const text = Buffer.from(
      [
        'listening on veth1 – é, link-type EN10MB (Ethernet)',
        `${T} ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28`,
        'veth0 ↓',
        `${T} ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28`,
      ].join('\r\n'),
    );
    const expected = Buffer.from(await converted([text]));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }), async (sizes) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(text.subarray(at, at + size));
          at += size;
        }
        expect(Buffer.from(await converted([...chunks, text.subarray(at)])).equals(expected)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is the same however a long text comes in, also past what is read ahead', async () => {
    const pair = `${T} ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28\n${T} ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28\n\n`;
    const text = Buffer.from(pair.repeat(4000));
    const expected = Buffer.from(await converted([text]));
    for (const size of [1000, 65536, 300_000]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += size) chunks.push(text.subarray(at, at + size));
      expect(Buffer.from(await converted(chunks)).equals(expected), `${size}`).toBe(true);
    }
  });

  it('of nothing is a capture without interfaces', async () => {
    expect((await readText('')).summary.interfaces).toEqual([]);
    expect((await readText('no packets here\n')).frames).toEqual([]);
  });
});

describe('a text is recognised', () => {
  const looks = (text: string) => looksLikeTcpdumpText(Buffer.from(text));

  it('by one line of a packet, or a listening line', () => {
    for (const text of [
      `${T} IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64`,
      'ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
      '> listening on veth1, link-type EN10MB (Ethernet), capture size 262144 bytes',
      'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64',
      `words first\n\n${T} ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28\r\n`,
    ])
      expect(looks(text), text).toBe(true);
    expect(looksLikeTcpdumpText(Buffer.from(`\ufeff${T} ARP, Request who-has 10.0.0.2 tell 10.0.0.1`, 'utf16le'))).toBe(
      true,
    );
  });

  it('and nothing else is', () => {
    for (const text of [
      '',
      'IP packets go from here to there: they are routed.',
      'ARP, the Address Resolution Protocol',
      '{"frames": ["12:00:00.000001 IP 10.0.0.1 > 10.0.0.2: ICMP echo request"]}',
      '12:00:00.000001 systemd[1]: started',
      '# tcpdump -ni veth0',
      '1 packet captured',
    ])
      expect(looks(text), text).toBe(false);
    const binary = Buffer.concat([
      Buffer.from('0a0d0d0a1c000000', 'hex'),
      Buffer.from(`\n${T} ARP, Request who-has 10.0.0.2 tell 10.0.0.1\n`),
    ]);
    expect(looksLikeTcpdumpText(binary)).toBe(false);
  });
});

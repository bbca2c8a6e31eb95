/** Which interface a line belongs to, in the ways people paste. */
import { describe, expect, it } from 'vitest';
import { readText, seen } from './text.ts';

const listening = (device: string) => `listening on ${device}, link-type EN10MB (Ethernet), capture size 262144 bytes`;
const REQUEST = '12:00:00.000001 ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28';
const ECHO = '12:00:00.000002 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64';

async function places(...lines: string[]): Promise<string[]> {
  const { frames } = await readText(lines.join('\n'));
  return frames.map(({ frame: { place } }) => (place.netns === '' ? place.name : `${place.name}@${place.netns}`));
}

async function interfaces(...lines: string[]): Promise<[string, number][]> {
  const { summary } = await readText(lines.join('\n'));
  return summary.interfaces.map(({ name, packets }) => [name, packets]);
}

describe('captures of a text', () => {
  it('are named by their listening lines, old and new', async () => {
    expect(await places(listening('veth1'), REQUEST, '', `tcpdump: ${listening('br0')}`, REQUEST)).toEqual([
      'veth1',
      'br0',
    ]);
  });

  it('are named by the command where the listening line is missing', async () => {
    for (const [command, place] of [
      ['root@h:~# tcpdump -nei veth0', 'veth0'],
      ['$ sudo tcpdump -l -n -i eth0 icmp', 'eth0'],
      ['[root@node ~]# tcpdump -ieth1 -c 5 arp', 'eth1'],
      ['# tcpdump --interface=br-12ab -n', 'br-12ab'],
      ['/ # /usr/sbin/tcpdump -i "eth0" | head', 'eth0'],
      ['$ ip netns exec ns1 tcpdump -l -i veth1 icmp', 'veth1@ns1'],
      ['$ sudo nsenter --net=/run/netns/blue tcpdump -ni veth1', 'veth1@blue'],
      ['$ nsenter -t 4711 -n tcpdump -ni eth0', 'eth0@4711'],
      ['$ docker exec -it web tcpdump -ni eth0', 'eth0@web'],
      ['$ kubectl exec -n kube-system coredns-1 -c dns -- tcpdump -ni eth0', 'eth0@coredns-1'],
    ] as const)
      expect(await places(command, REQUEST), command).toEqual([place]);
  });

  it('take the namespace from the command and the rest from the listening line', async () => {
    expect(
      await interfaces(
        '$ ip netns exec ns1 tcpdump -ni veth1',
        'tcpdump: verbose output suppressed',
        listening('veth1'),
        REQUEST,
      ),
    ).toEqual([['veth1@ns1', 1]]);
    expect(await interfaces('$ ip netns exec ns1 tcpdump -n', listening('eth0'), REQUEST)).toEqual([['eth0@ns1', 1]]);
  });

  it('of another machine are places elsewhere', async () => {
    expect(
      await places(
        'root@a:~# tcpdump -ni eth0',
        REQUEST,
        'root@b:~# tcpdump -ni eth0',
        REQUEST,
        'root@a:~# tcpdump -ni br0',
        REQUEST,
      ),
    ).toEqual(['eth0', 'eth0@b', 'br0']);
  });

  it('that saw nothing are interfaces without packets: an absence is proven there', async () => {
    expect(
      await interfaces(
        listening('veth0'),
        REQUEST,
        '1 packet captured',
        '',
        listening('br0'),
        '^C',
        '0 packets captured',
      ),
    ).toEqual([
      ['veth0', 1],
      ['br0', 0],
    ]);
    expect(await interfaces(listening('veth0'))).toEqual([['veth0', 0]]);
  });

  it('are not made of a command that was never seen to listen', async () => {
    expect(
      await interfaces('# tcpdump -ni veth9', 'tcpdump: veth9: No such device exists', listening('br0'), REQUEST),
    ).toEqual([['br0', 1]]);
    expect(await interfaces('# tcpdump -ni veth9 -w /tmp/x.pcap', REQUEST)).toEqual([['', 1]]);
  });

  it('have unnamed interfaces where nothing names them, one for each', async () => {
    expect(await interfaces(REQUEST, ECHO)).toEqual([['', 2]]);
    expect(await interfaces(listening('veth0'), REQUEST, '1 packet captured', ECHO)).toEqual([
      ['veth0', 1],
      ['', 1],
    ]);
  });

  it('may be named by a heading just above the packets', async () => {
    for (const heading of ['veth1:', '## on veth1', '=== veth1 ===', 'here is what veth1 saw', '其中veth1这边'])
      expect(await places(heading, '```', REQUEST), heading).toEqual(['veth1']);
    for (const no of [
      'veth0 and veth1',
      'see step1',
      '$ ip link set veth1 up',
      'PING 10.0.0.2 from 10.0.0.1 veth1: 56(84)',
      '4: veth1: <UP>',
    ])
      expect((await readText([no, REQUEST].join('\n'))).summary.interfaces[0]?.name, no).toBe('');
  });

  it('a heading chooses among several that were begun before', async () => {
    const { summary } = await readText(
      [
        listening('veth1'),
        listening('veth0'),
        listening('br0'),
        'veth1',
        REQUEST,
        ECHO,
        '',
        'br0',
        REQUEST,
        '',
        'veth0',
        ECHO,
      ].join('\n'),
    );
    expect(summary.interfaces.map(({ name, packets }) => [name, packets])).toEqual([
      ['veth1', 2],
      ['br0', 1],
      ['veth0', 1],
    ]);
  });

  it('packets behind other work, with several captures begun, are nobody’s in particular', async () => {
    expect(await places(listening('veth1'), '', listening('br0'), '', 'then I started the ping', REQUEST)).toEqual([
      'interface 0',
    ]);
    expect(await places(listening('br0'), '', 'then I started the ping', REQUEST)).toEqual(['br0']);
  });

  it('may have their counts in front, as a pipe leaves them', async () => {
    expect(
      await places(listening('veth1'), '2 packets captured', '2 packets received by filter', REQUEST, ECHO, ECHO),
    ).toEqual(['veth1', 'veth1', 'interface 1']);
  });

  it('hand on what tcpdump lost', async () => {
    const { summary } = await readText(
      [
        listening('veth0'),
        REQUEST,
        '1 packet captured',
        '9 packets received by filter',
        '8 packets dropped by kernel',
      ].join('\n'),
    );
    expect(summary.interfaces[0]).toMatchObject({ name: 'veth0', received: 9, dropped: 8 });
  });

  it('that lost lines here are lossy: what was left out is no absence', async () => {
    const { summary, tally } = await readText(
      [
        listening('veth0'),
        '12:00:00.000001 ARP, Request who-has _gateway tell dev, length 28',
        '12:00:00.000002 IP dev > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64',
        '12:00:00.000003 STP 802.1d, Config, Flags [none], bridge-id 8000.0, length 35',
        '0 packets dropped by kernel',
        listening('br0'),
        REQUEST,
      ].join('\n'),
    );
    expect(tally).toEqual({ packets: 1, left: { names: 2, unclear: 0, other: 1 } });
    expect(summary.interfaces.map(({ name, packets, dropped }) => [name, packets, dropped])).toEqual([
      ['veth0', 0, 2],
      ['br0', 1, undefined],
    ]);
  });

  it('of all interfaces name them line by line, with the direction', async () => {
    const { frames } = await readText(
      [
        'listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes',
        '12:00:00.1 noise',
        '12:00:00.000001 veth0 Out ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
        '12:00:00.000002 veth1 B   ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
        '12:00:00.000003 br0   P   ifindex 2 02:00:00:00:00:01 ethertype IPv4 (0x0800), length 104: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64',
        '12:00:00.000004 ?     M   ifindex 6 02:00:00:00:00:01 ethertype IPv6 (0x86dd), length 92: fe80::1 > ff02::1:ff00:2: ICMP6, neighbor solicitation, who has fe80::2, length 32',
        '12:00:00.000005 veth1 In  ifindex 7 02:00:00:00:00:01 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64',
      ].join('\n'),
    );
    expect(frames.map(({ frame: { place, direction, packetType } }) => [place.name, direction, packetType])).toEqual([
      ['veth0', 'out', 'outgoing'],
      ['veth1', 'in', 'broadcast'],
      ['br0', 'in', 'other-host'],
      ['interface 6', 'in', 'multicast'],
      ['veth1', 'in', 'host'],
    ]);
    expect(frames[2]?.packet.ethernet?.source).toBe('02:00:00:00:00:01');
    expect(frames[2]?.frame.originalLength).toBe(98);
  });

  it('of an older tcpdump on all interfaces have a direction and no name', async () => {
    const { frames } = await readText(
      `${listening('any')}\n12:00:00.000001   In 02:42:ac:11:00:02 ethertype IPv4 (0x0800), length 100: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64`,
    );
    expect(frames.map(({ frame }) => [frame.place.name, frame.direction])).toEqual([['any', 'in']]);
  });

  it('of a device without link layer have frames without one', async () => {
    const { frames } = await readText(
      `listening on tun0, link-type RAW (Raw IP), snapshot length 262144 bytes\n${ECHO}`,
    );
    expect(frames[0]?.frame).toMatchObject({ linkType: 'raw-ip', originalLength: 84 });
    expect(frames[0]?.packet.icmp?.sequence).toBe(1);
  });
});

describe('pasted lines', () => {
  it('may be quoted, indented, numbered, coloured, with any line ends', async () => {
    const plain = [
      listening('veth1'),
      REQUEST,
      '12:00:00.000003 ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28',
      ECHO,
    ];
    const expected = await seen(plain.join('\n'));
    expect(expected).toHaveLength(3);
    const decorated: ((line: string, index: number) => string)[] = [
      (line) => `> ${line}`,
      (line) => `> > ${line}`,
      (line) => `| ${line}`,
      (line) => `    ${line}`,
      (line) => `\t${line}   `,
      (line) => `\u001b[32m${line}\u001b[0m`,
      (line, index) => (index === 0 ? line : `${String(index).padStart(5)}  ${line}`),
    ];
    for (const decorate of decorated)
      for (const end of ['\n', '\r\n', '\r'])
        expect(await seen(plain.map(decorate).join(end)), decorate(plain[1] ?? '', 1)).toEqual(expected);
    const wide = Buffer.from(`\ufeff${plain.join('\r\n')}`, 'utf16le');
    expect((await readText(wide)).frames).toHaveLength(3);
  });

  it('between the packets are passed over', async () => {
    expect(
      await seen(
        [listening('veth1'), REQUEST, '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.1 ms', '', '^C', ECHO].join(
          '\n',
        ),
      ),
    ).toHaveLength(2);
  });
});

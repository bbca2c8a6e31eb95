/** Any text in: no throw, a readable capture out, and memory that does not depend on what the text claims. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { looksLikeTcpdumpText, tcpdumpTextToPcapng } from '../../src/capfile/text-convert.ts';
import { readText } from './text.ts';

const TRANSCRIPTS = fileURLToPath(new URL('../../fixtures/transcripts', import.meta.url));
const SEED = 20_240_501;

const words = [
  '12:00:00.000001 ',
  '1795219142.447874 ',
  ' 00:00:00.000000 ',
  '2026-11-20 23:59:02.447874 ',
  'veth0 In  ',
  '    1  ',
  'ARP, ',
  'IP ',
  'IP6 ',
  '(tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto ICMP (1), length 84)',
  'Request who-has ',
  'Reply ',
  ' is-at ',
  ' tell ',
  '10.0.0.1',
  '10.0.0.2.80',
  'fe80::1',
  '02:00:00:00:00:01',
  ' > ',
  ': ',
  ', length ',
  '28',
  '4294967296',
  'ICMP ',
  'ICMP6, ',
  'echo request, id 7, seq 1',
  'host 10.0.0.9 unreachable',
  'ethertype ARP (0x0806)',
  'vlan 5, p 0, ',
  '\t0x0000:  4500 0054',
  'listening on veth1, link-type EN10MB',
  '# tcpdump -ttt -ni veth0',
  '9 packets captured',
  '\n',
  '\n',
  '\r\n',
  '> ',
  'frag (0|1448) ',
  'neighbor solicitation, who has ',
  ', Flags [S], seq 1',
  '(',
  ')',
  '[',
  'é',
  '\u0000',
  '\u001b[31m',
];

describe('any text', () => {
  it('of any characters is converted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 400 }), async (text) => {
        looksLikeTcpdumpText(Buffer.from(text));
        await readText(text);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('of any bytes is converted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        looksLikeTcpdumpText(bytes);
        await readText(bytes);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('of tcpdump’s own words in any order is converted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...words), { maxLength: 60 }), async (parts) => {
        const { frames, tally } = await readText(parts.join(''));
        expect(frames).toHaveLength(tally.packets);
      }),
      { seed: SEED, numRuns: 1500 },
    );
  });

  it('cut, doubled and mixed up is converted', async () => {
    const texts = readdirSync(TRANSCRIPTS).map((name) => readFileSync(`${TRANSCRIPTS}/${name}`, 'utf8'));
    const edit = fc.record({ at: fc.nat(4000), remove: fc.nat(60), insert: fc.constantFrom(...words, '') });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), fc.array(edit, { maxLength: 8 }), async (text, edits) => {
        const mutated = edits.reduce(
          (now, { at, remove, insert }) => now.slice(0, at) + insert + now.slice(at + remove),
          text,
        );
        const { frames, tally } = await readText(mutated);
        expect(frames).toHaveLength(tally.packets);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});

describe('a hostile text', () => {
  const MIB = 1 << 20;

  async function largest(line: (index: number) => string, bytes: number): Promise<number> {
    async function* source(): AsyncGenerator<Uint8Array> {
      let index = 0;
      for (let sent = 0; sent < bytes; ) {
        let part = '';
        while (part.length < 65536) part += line(index++);
        sent += part.length;
        yield Buffer.from(part);
      }
    }
    let most = 0;
    for await (const part of tcpdumpTextToPcapng(source())) most = Math.max(most, part.length);
    return most;
  }

  it('makes no large pieces of large claims', async () => {
    const claim = 'IP 1.1.1.1 > 2.2.2.2: ICMP echo request, id 7, seq 1, length 65000\n';
    expect(await largest(() => claim, MIB / 16)).toBeLessThan(MIB / 4);
    expect(await largest((index) => `12:00:00.000001 eth${index} In  ${claim}`, MIB)).toBeLessThan(MIB);
    expect(await largest((index) => `listening on veth${index}, link-type EN10MB (Ethernet)\n`, MIB)).toBeLessThan(MIB);
  });

  it('without line ends, or all nested, is passed over', { timeout: 60_000 }, async () => {
    for (const line of [
      'x'.repeat(1000),
      `12:00:00.000001 IP ${'('.repeat(9000)} 1.1.1.1 > 2.2.2.2: ICMP\n`,
      `${'> '.repeat(4000)}a\n`,
      `# ${'tcpdump '.repeat(2000)}\n`,
      `${' '.repeat(9000)}x\n`,
    ])
      await largest(() => line, 4 * MIB);
  });
});

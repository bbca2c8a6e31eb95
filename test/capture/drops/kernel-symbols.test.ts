import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openKernelSymbols } from '../../../src/capture/drops/kernel-symbols.ts';

const directory = mkdtempSync(join(tmpdir(), 'vdiag-symbols-'));
afterAll(() => rmSync(directory, { recursive: true }));

function symbols(text: string) {
  const path = join(directory, `${Math.abs(text.length)}.txt`);
  writeFileSync(path, text);
  return openKernelSymbols(path);
}

describe('the names of kernel functions', () => {
  const list = symbols(`ffffffff81000000 T _text
ffffffff81000100 t ip_rcv_core.isra.0
ffffffff81000200 d some_data
ffffffff81000300 T ip_forward
ffffffffc0001000 t nft_do_chain\t[nf_tables]
ffffffffc0000000 t br_handle_frame\t[bridge]
`);

  it('are found by any address inside', () => {
    expect(list.nameOf(0xffffffff81000304n)).toBe('ip_forward');
    expect(list.nameOf(0xffffffff81000300n)).toBe('ip_forward');
    // Data is no code: the address lies in the function before it.
    expect(list.nameOf(0xffffffff81000210n)).toBe('ip_rcv_core');
  });

  it('lose what a compiler or a module adds, and need no order', () => {
    expect(list.nameOf(0xffffffffc0001010n)).toBe('nft_do_chain');
    expect(list.nameOf(0xffffffffc0000ff0n)).toBe('br_handle_frame');
  });

  it('are those that reading every line gives, for any list', () => {
    const line = fc.record({ gap: fc.nat(600), type: fc.constantFrom('T', 't', 'W', 'd', 'B') });
    const base = 0xffffffff81000000n;
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 40 }),
        fc.array(line, { maxLength: 10 }),
        fc.nat(30_000),
        (own, modules, offset) => {
          let at = base;
          const lines = [...own, ...modules].map(({ gap, type }, index) => {
            at += BigInt(gap);
            return { address: at, type, name: `f${index}`, module: index >= own.length ? '\t[m]' : '' };
          });
          const kernel = lines.slice(0, own.length);
          const text = [...kernel, ...lines.slice(own.length).reverse()]
            .map(({ address, type, name, module }) => `${address.toString(16)} ${type} ${name}${module}\n`)
            .join('');
          const wanted = base + BigInt(offset);
          const before = lines.filter(({ address, type }) => /[tTwW]/.test(type) && address <= wanted);
          const nearest = before.filter(({ address }) => address === before.at(-1)?.address).map(({ name }) => name);
          // Of several at one address any will do.
          expect(before.length === 0 ? [`0x${wanted.toString(16)}`] : nearest).toContain(symbols(text).nameOf(wanted));
        },
      ),
    );
  });

  it('are addresses where the kernel hides them, or nothing is known', () => {
    const hidden = symbols('0000000000000000 T ip_forward\n0000000000000000 T ip_rcv\n');
    expect(hidden.nameOf(0xffffffff81000304n)).toBe('0xffffffff81000304');
    expect(openKernelSymbols(join(directory, 'none')).nameOf(0x10n)).toBe('0x10');
    expect(list.nameOf(0x10n)).toBe('0x10');
  });
});

/** What a file is, by its first bytes. */
import { isPcapMagic } from './pcap-header.ts';
import { SECTION_HEADER } from './pcapng-format.ts';

const MAGIC_LENGTH = 4;
/** Bytes that are looked at. */
export const FIRST_LENGTH = 4096;

export type Contents = 'pcap' | 'pcapng' | 'gzip';

/** A format that is read, or undefined; text is recognised by its own reader. */
export function contentsOf(first: Uint8Array): Contents | undefined {
  if (startsWith(first, [0x1f, 0x8b])) return 'gzip';
  if (first.length < MAGIC_LENGTH) return undefined;
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  if (isPcapMagic(view, 0)) return 'pcap';
  return view.getUint32(0) === SECTION_HEADER ? 'pcapng' : undefined;
}

/** What a file that is no capture vdiag reads looks like, and what to do with it. */
export interface Look {
  readonly looks: string;
  readonly hint: string;
}

/** The next step for a file that is something else. */
export const GIVE_CAPTURE = 'give a pcap or pcapng file (gzip too), or the text that tcpdump printed';

interface Signature extends Look {
  readonly bytes: readonly number[];
  readonly at?: number;
}

const SIGNATURES: readonly Signature[] = [
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], looks: 'zstd', hint: 'unpack it first: zstd -dc FILE | vdiag … -' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], looks: 'xz', hint: 'unpack it first: xz -dc FILE | vdiag … -' },
  { bytes: [0x42, 0x5a, 0x68], looks: 'bzip2', hint: 'unpack it first: bzip2 -dc FILE | vdiag … -' },
  { bytes: [0x04, 0x22, 0x4d, 0x18], looks: 'lz4', hint: 'unpack it first: lz4 -dc FILE | vdiag … -' },
  { bytes: [0x50, 0x4b, 0x03, 0x04], looks: 'a zip archive', hint: 'unpack it first, and give the capture inside' },
  { bytes: ascii('ustar'), at: 257, looks: 'a tar archive', hint: 'unpack it first, and give the capture inside' },
  {
    bytes: ascii('snoop\0\0\0'),
    looks: 'a snoop capture',
    hint: 'convert it first: editcap -F pcapng FILE NEW.pcapng',
  },
  {
    bytes: ascii('RTSS'),
    looks: 'a Network Monitor capture',
    hint: 'convert it first: editcap -F pcapng FILE NEW.pcapng',
  },
  {
    bytes: ascii('GMBU'),
    looks: 'a Network Monitor capture',
    hint: 'convert it first: editcap -F pcapng FILE NEW.pcapng',
  },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], looks: 'a program', hint: GIVE_CAPTURE },
];

/** For the error message about a file that is none of the formats. */
export function lookOf(first: Uint8Array): Look {
  const known = SIGNATURES.find(({ bytes, at }) => startsWith(first, bytes, at));
  if (known !== undefined) return known;
  if (first.some((byte) => byte === 0)) return { looks: 'binary data of no known format', hint: GIVE_CAPTURE };
  const text = new TextDecoder().decode(first).trimStart();
  if (/^[[{]/.test(text)) return { looks: 'JSON', hint: GIVE_CAPTURE };
  if (/^<[?!a-z]/i.test(text)) return { looks: 'XML or HTML', hint: GIVE_CAPTURE };
  return { looks: "text, but not tcpdump's", hint: GIVE_CAPTURE };
}

function startsWith(bytes: Uint8Array, signature: readonly number[], at = 0): boolean {
  return signature.every((byte, index) => bytes[at + index] === byte);
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

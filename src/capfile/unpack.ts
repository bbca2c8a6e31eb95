/** From the bytes of a stream to those of a pcap or pcapng file: gzip is unpacked, tcpdump's text is made into frames. */
import { VdiagError } from '../linux/error.ts';
import type { CaptureFormat } from './capture-file.ts';
import { type Peeked, peek } from './chunks.ts';
import { type GunzipEnd, gunzip } from './gunzip.ts';
import { contentsOf, FIRST_LENGTH, GIVE_CAPTURE, lookOf } from './identify.ts';
import { looksLikeTcpdumpText, tcpdumpTextToPcapng } from './text-convert.ts';

export interface Unpacked {
  readonly format: CaptureFormat;
  readonly compressed: boolean;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** How the gzip data ended, once they have. */
  readonly ending: GunzipEnd;
}

/**
 * @param name of the capture, for errors
 * @throws VdiagError unreadable, for a stream that is empty or no capture
 */
export async function unpack(name: string, chunks: AsyncGenerator<Uint8Array>): Promise<Unpacked> {
  const ending: GunzipEnd = {};
  const outside = await peekAt(chunks);
  if (contentsOf(outside.first) !== 'gzip') return { ...asCapture(name, outside), compressed: false, ending };
  const inside = await peekAt(gunzip(outside.all, ending));
  if (inside.first.length === 0 && ending.failure !== undefined)
    throw new VdiagError('unreadable', `${name} is damaged gzip data: ${ending.failure}`, 'copy the file again');
  return { ...asCapture(`${name} (unpacked)`, inside), compressed: true, ending };
}

function peekAt(chunks: AsyncGenerator<Uint8Array>): Promise<Peeked> {
  return peek(chunks, (first) => contentsOf(first) !== undefined || looksLikeTcpdumpText(first), FIRST_LENGTH);
}

function asCapture(name: string, { first, all }: Peeked): Pick<Unpacked, 'format' | 'chunks'> {
  const contents = contentsOf(first);
  if (contents === 'pcap' || contents === 'pcapng') return { format: contents, chunks: all };
  if (contents === undefined && looksLikeTcpdumpText(first))
    return { format: 'tcpdump-text', chunks: tcpdumpTextToPcapng(all)[Symbol.asyncIterator]() };
  if (first.length === 0) throw new VdiagError('unreadable', `${name} is empty`, GIVE_CAPTURE);
  const { looks, hint } = contents === 'gzip' ? { looks: 'gzip again', hint: 'unpack it first' } : lookOf(first);
  throw new VdiagError('unreadable', `${name} is no capture that vdiag reads: it looks like ${looks}`, hint);
}

/** libc through koffi: loaded on first use, so that commands that need no system call run on any platform. */
import { createRequire } from 'node:module';
import { VdiagError } from './error.ts';

type Koffi = typeof import('koffi');
/** A loaded C function. Arguments and results are as koffi converts them. */
export type CFunction = ReturnType<ReturnType<Koffi['load']>['func']>;

let loaded: { koffi: Koffi; library: ReturnType<Koffi['load']> } | undefined;

/** koffi and libc; throws `unsupported-platform` where koffi has no binary or this is not Linux. */
export function libc(): { koffi: Koffi; library: ReturnType<Koffi['load']> } {
  if (loaded) return loaded;
  if (process.platform !== 'linux')
    throw new VdiagError(
      'unsupported-platform',
      `live capture needs Linux, this is ${process.platform}`,
      'captures can be analyzed here: vdiag analyze FILE',
    );
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    loaded = { koffi, library: koffi.load(null) };
    return loaded;
  } catch (cause) {
    throw new VdiagError(
      'unsupported-platform',
      `no koffi binary for ${process.platform}-${process.arch}`,
      'live capture needs koffi (npm rebuild koffi); captures can be analyzed here: vdiag analyze FILE',
      { cause },
    );
  }
}

/** A failure in two lines: what could not be done, and the next step. */
import { printable } from './printable.ts';

/**
 * `vdiag: MESSAGE` and, where the error has a hint (VdiagError), `  HINT`. One line each, inert, a newline at the end:
 * line breaks inside a message are escaped, and the stack of an unforeseen error is not shown.
 * @param unicode false: ASCII alone
 */
export function errorText(error: unknown, unicode = false): string {
  const message = (error instanceof Error ? error.message : String(error)).trim() || 'unknown error';
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint.trim() : '';
  const line = `vdiag: ${printable(message, unicode)}\n`;
  return hint === '' ? line : `${line}  ${printable(hint, unicode)}\n`;
}

/** Why vdiag could not do what was asked. The command line prints it as one line and one hint, and exits with `exitCode`. */

/** Stable names for callers of the library; each is one reason, described where it is thrown. */
export type ErrorCode =
  | 'usage'
  | 'no-such-interface'
  | 'no-such-namespace'
  | 'not-an-address'
  | 'own-address'
  | 'permission'
  | 'unsupported-platform'
  | 'missing-program'
  | 'missing-package'
  | 'unreadable'
  | 'unwritable'
  | 'lab'
  | 'interrupted'
  | 'system-call';

export class VdiagError extends Error {
  readonly code: ErrorCode;
  /** The next step, one line; empty where there is none. */
  readonly hint: string;
  /** As ping's: 2, vdiag could not do it. */
  readonly exitCode = 2;

  /**
   * @param message one line, lower case, with the names and values in it
   * @param hint what to do next
   */
  constructor(code: ErrorCode, message: string, hint = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'VdiagError';
    this.code = code;
    this.hint = hint;
  }
}

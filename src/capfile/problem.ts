/** What is wrong with a capture file, and where. */

export interface CaptureProblem {
  /** Of the record that is wrong, bytes from the start of the (uncompressed) file. */
  readonly offset: number;
  /** One line, lower case. Holds numbers of the file, never its text. */
  readonly message: string;
  /**
   * True: where the next record starts is not known, so nothing behind it was read.
   * False: only this record was left out.
   */
  readonly fatal: boolean;
}

/** A file can hold as many faults as records: this many are kept, the rest are counted. */
const KEPT = 32;

export class ProblemList {
  readonly first: CaptureProblem[] = [];
  count = 0;

  add(problem: CaptureProblem): void {
    this.count++;
    // The one that ended the reading is always kept, as the last.
    if (this.first.length >= KEPT && problem.fatal) this.first.pop();
    if (this.first.length < KEPT) this.first.push(problem);
  }
}

/** "at byte 1234: …", as it is shown behind the file's name. */
export function problemText(problem: CaptureProblem): string {
  return `at byte ${problem.offset}: ${problem.message}`;
}

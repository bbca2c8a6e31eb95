/** Rings of fixed records over typed arrays, addressed by running numbers modulo their capacity, a power of two. */

/** Moves the records from `first` up to `next` into a ring of another capacity, in whole runs. */
export function moveRing(from: Int32Array, to: Int32Array, recordWords: number, first: number, next: number): void {
  const fromCapacity = from.length / recordWords;
  const toCapacity = to.length / recordWords;
  for (let running = first; running < next; ) {
    const source = running & (fromCapacity - 1);
    const target = running & (toCapacity - 1);
    const run = Math.min(next - running, fromCapacity - source, toCapacity - target);
    to.set(from.subarray(source * recordWords, (source + run) * recordWords), target * recordWords);
    running += run;
  }
}

/** "Did you mean": the known names nearest to a mistyped one. */

/** Longest name compared: interface names have at most 15 bytes, a namespace's name is a file name. */
const maxLength = 64;

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each at cost 1. */
export function editDistance(from: string, to: string): number {
  const a = from.slice(0, maxLength);
  const b = to.slice(0, maxLength);
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/**
 * At most three of the candidates, nearest first, that could have been meant by `name`: a different case, a beginning of
 * each other, or no more than a third of the longer name (and at least one letter) mistyped.
 *
 * @example nearestNames('vth0', ['veth0', 'veth1', 'lo']) // ['veth0']
 */
export function nearestNames(name: string, candidates: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  const scored: { candidate: string; distance: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const known = candidate.toLowerCase();
    const longer = Math.max(wanted.length, known.length);
    const beginning = wanted.length >= 2 && (known.startsWith(wanted) || wanted.startsWith(known)) && known !== '';
    const distance = beginning ? Math.min(1, Math.abs(known.length - wanted.length)) : editDistance(wanted, known);
    if (beginning || distance <= Math.max(1, Math.floor(longer / 3))) {
      if (distance < longer) scored.push({ candidate, distance });
    }
  }
  scored.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, 3).map((entry) => entry.candidate);
}

/** Names shown where many are known. */
const mostShown = 12;

/** "lo, eth0, eth1"; "none"; the first of many, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length - mostShown;
  return `${names.slice(0, mostShown).join(', ') || 'none'}${more > 0 ? ` and ${more} more` : ''}`;
}

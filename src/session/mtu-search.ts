/** The search for the largest packet that passes: which sizes are tried, and when it is known. No packet is sent here. */

export interface Trial {
  /** An answer came. */
  readonly passes: boolean;
  /** The MTU an ICMP error told, bytes: its router passes on no more than that. */
  readonly told?: number;
}

export interface SearchResult {
  /** The longest packet that passed, bytes. */
  readonly passes: number;
  /** The shortest that is known not to pass; absent: all that the sender's device takes passes. */
  readonly fails?: number;
  /** Sizes that were tried. */
  readonly tried: number;
}

/** So many sizes decide between any two numbers of 16 bits, with some to spare for guesses that were wrong. */
const MOST_TRIALS = 40;

/**
 * Finds the boundary between lengths that pass and lengths that do not, if there is one.
 * @param least what certainly should pass; undefined is returned where it does not
 * @param most what the sender's device takes
 * @param guesses lengths at which the boundary may be: MTUs on the way
 */
export async function searchMtu(
  least: number,
  most: number,
  guesses: readonly number[],
  tryOut: (lengthBytes: number) => Promise<Trial>,
): Promise<SearchResult | undefined> {
  let tried = 0;
  const attempt = (length: number) => {
    tried++;
    return tryOut(length);
  };
  if (!(await attempt(least)).passes) return undefined;
  let low = least;
  let high = most + 1;
  let next = between(most, low, high);
  while (next !== undefined && tried < MOST_TRIALS) {
    const { passes, told } = await attempt(next);
    const guessed: boolean = guesses.includes(next);
    if (passes) {
      low = next;
      // A guess that passes is the boundary, mostly.
      next = guessed ? between(low + 1, low, high) : undefined;
    } else {
      high = next;
      // Whoever said so takes that much; whoever is behind may take less.
      next = told === undefined ? undefined : between(told, low, high);
      if (next !== undefined) high = Math.min(high, next + 1);
    }
    next ??= ahead(guesses, low, high) ?? between((low + high) >> 1, low, high);
  }
  return { passes: low, ...(high > most ? {} : { fails: high }), tried };
}

/** The length itself where it decides something: it is known neither to pass nor to fail. */
function between(length: number, low: number, high: number): number | undefined {
  return length > low && length < high ? length : undefined;
}

function ahead(guesses: readonly number[], low: number, high: number): number | undefined {
  const open = guesses.filter((guess) => guess > low && guess < high);
  return open.length === 0 ? undefined : Math.max(...open);
}

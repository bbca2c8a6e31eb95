/** Text made wrong: lines and words doubled, swapped, cut, and words of other texts in their place. */
import type { Random } from './random.ts';

const LONGEST = 1 << 15;

export function mutatedText(random: Random, text: string, other: string, words: readonly string[]): string {
  let changed = text;
  for (let left = 1 + random.below(random.once(4) ? 16 : 4); left > 0; left--)
    changed = changedOnce(random, changed.slice(0, LONGEST), other, words);
  return changed.slice(0, LONGEST);
}

function changedOnce(random: Random, text: string, other: string, words: readonly string[]): string {
  const at = random.below(text.length + 1);
  switch (random.below(8)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + random.below(60));
    case 2:
      return text.slice(0, at) + random.of(words) + text.slice(at + random.below(12));
    case 3: {
      const from = random.below(other.length);
      return text.slice(0, at) + other.slice(from, from + random.below(200)) + text.slice(at);
    }
    case 4: {
      const lines = text.split('\n');
      const one = random.below(lines.length);
      lines.splice(random.below(lines.length), random.below(2), lines[one] ?? '');
      return lines.join('\n');
    }
    case 5:
      return text.slice(0, at) + text.slice(at).replace(/\S+/, random.of(words));
    case 6:
      return (
        text.slice(0, at) + text.slice(at).replace(/\d+/, `${random.of([0, 1, 255, 65536, 4294967296, 1e21, -1])}`)
      );
    default:
      return text.slice(0, at) + String.fromCharCode(random.below(random.once(2) ? 128 : 65536)) + text.slice(at + 1);
  }
}

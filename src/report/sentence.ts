/** Sentences that stand by themselves. Findings say everything in lower case, as parts of longer ones. */
import type { Topology } from '../topology/model.ts';

/** A sentence that begins a paragraph: with a capital, unless it begins with a name, which keeps its case. */
export function capitalised(sentence: string, topology?: Topology): string {
  const word = (sentence.split(' ', 1)[0] ?? '').replace(/(?:[,:;]|'s)$/, '');
  if (!/^[a-z]+$/.test(word) || (topology !== undefined && isName(word, topology))) return sentence;
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function isName(word: string, { namespaces }: Topology): boolean {
  return namespaces.some(
    ({ links, names, containers = [] }) =>
      links.some(({ name }) => name === word) ||
      names.includes(word) ||
      containers.some(({ name, pod }) => name === word || pod === word),
  );
}

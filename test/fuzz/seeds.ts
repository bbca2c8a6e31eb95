/** What inputs are made from: the project's own recordings and transcripts, and other people's captures where they are at hand. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Longer files say nothing that shorter ones do not, and cost time at every input. */
const LONGEST = 48 * 1024;

export interface Recorded {
  /** Of the frames. */
  readonly capture: string;
  readonly text: string;
}

export interface Seeds {
  readonly captures: readonly Uint8Array[];
  readonly transcripts: readonly string[];
  readonly recordings: readonly Recorded[];
  /** Changes whenever the files do: the same seed then makes other inputs. */
  readonly digest: string;
  /** What is missing, for a person. */
  readonly gaps: readonly string[];
}

/** @param root of the project @param corpus a folder of captures, whatever its structure */
export function readSeeds(root: string, corpus: string): Seeds {
  const fixtures = filesIn(join(root, 'fixtures/captures'));
  const found = existsSync(corpus) ? [...filesIn(join(corpus, 'files')), ...filesIn(join(corpus, 'lab'))] : [];
  const isCapture = (path: string) => !/\.(json|tsv)$/.test(path);
  const paths = [...fixtures, ...filesIn(join(root, 'fixtures/analyze')), ...found].filter(isCapture);
  const captures = paths.map((path) => new Uint8Array(readFileSync(path))).filter(({ length }) => length <= LONGEST);
  const transcripts = filesIn(join(root, 'fixtures/transcripts')).map((path) => readFileSync(path, 'utf8'));
  const recordings = fixtures
    .filter((path) => path.endsWith('.recording.json'))
    .map((path) => ({ capture: path.replace('.recording.json', '.pcapng'), text: readFileSync(path, 'utf8') }));
  const hash = createHash('sha256');
  for (const part of [...captures, ...transcripts, ...recordings.map(({ text }) => text)]) hash.update(part);
  const gaps = found.length > 0 ? [] : [`no corpus at ${corpus}: the project's own captures alone are mutated`];
  return { captures, transcripts, recordings, digest: hash.digest('hex').slice(0, 12), gaps };
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** A lab: a small real network that shows one fault, or none. A bash script after a header of typed fields (DESIGN.md, Labs). */
import { readdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { basename, join } from 'node:path';
import { VdiagError } from '../linux/error.ts';
import { nearestNames } from '../linux/nearest.ts';
import { packageFile } from '../package-file.ts';
import { LAB_NEEDS, type LabNeed } from './needs.ts';

export interface Trace {
  readonly interface: string;
  readonly address: string;
}

export interface Lab {
  readonly name: string;
  /** The rule of the root cause, or `healthy`. */
  readonly expect: string;
  /** Rules that would stop the packet next. */
  readonly next: readonly string[];
  /** A note the report is to carry. */
  readonly note?: string;
  /** The named namespace the trace starts in; absent: the lab's own first one. */
  readonly netns?: string;
  readonly trace: Trace;
  /** Further arguments of ping and ping-trace, which share their letters. */
  readonly args: readonly string[];
  /** What the system's ping does. */
  readonly ping: 'ok' | 'fail' | 'partial';
  /** The remedies' commands make the ping work. */
  readonly cure: boolean;
  /** What is pinged after the cure: differs from `trace` where the address has moved. */
  readonly afterCure: Trace;
  /** What it needs beyond namespaces of its own: where that is lacking it cannot be built. */
  readonly needs: readonly LabNeed[];
  /** Between the build and the trace. */
  readonly settleMs: number;
  /** The drawing and the story under the header, without its comment signs. */
  readonly description: string;
  /** The lab's own cure, one command a line: proof that there is one. Empty where there is none. */
  readonly curedBy: readonly string[];
  /** The whole file. */
  readonly script: string;
}

const DEFAULT_SETTLE_MS = 700;
const FIELDS = [
  'expect',
  'then',
  'note',
  'netns',
  'trace',
  'args',
  'ping',
  'cure',
  'cure-trace',
  'needs',
  'settle',
] as const;
type Field = (typeof FIELDS)[number];

/**
 * Reads a lab.
 * @param name the file's name without `.sh`
 * @throws VdiagError `lab`: a field is unknown, missing, given twice or has a value it cannot have
 */
export function parseLab(name: string, script: string): Lab {
  const comment = leadingComment(script);
  const rows = comment.findIndex((line) => !/^[a-z-]+: /.test(line));
  const fields = headerFields(name, rows < 0 ? comment : comment.slice(0, rows));
  const text = rows < 0 ? [] : comment.slice(rows);
  const marker = text.indexOf('cured by:');
  const trace = traceField(name, 'trace', required(name, fields, 'trace'));
  const after = fields.get('cure-trace');
  const note = fields.get('note');
  const netns = fields.get('netns');
  return {
    name,
    expect: required(name, fields, 'expect'),
    next: words(fields.get('then')),
    ...(note === undefined ? {} : { note }),
    ...(netns === undefined ? {} : { netns }),
    trace,
    args: words(fields.get('args')),
    ping: oneOf(name, 'ping', required(name, fields, 'ping'), ['ok', 'fail', 'partial']),
    cure: oneOf(name, 'cure', fields.get('cure') ?? 'no', ['yes', 'no']) === 'yes',
    afterCure: after === undefined ? trace : traceField(name, 'cure-trace', after),
    needs: words(fields.get('needs')).map((need) => oneOf(name, 'needs', need, LAB_NEEDS)),
    settleMs: settleField(name, fields.get('settle')),
    description: (marker < 0 ? text : text.slice(0, marker)).join('\n').replace(/^\n+|\s+$/g, ''),
    curedBy: marker < 0 ? [] : text.slice(marker + 1).flatMap((line) => (line.trim() === '' ? [] : [line.trim()])),
    script,
  };
}

/** All labs of a directory, by name. */
export function listLabs(directory: string = labsDirectory()): Lab[] {
  return labNames(directory).map((name) => parseLab(name, readFileSync(join(directory, `${name}.sh`), 'utf8')));
}

/**
 * One lab by its name.
 * @throws VdiagError `lab`: there is none of that name; the hint has the nearest
 */
export function findLab(name: string, directory: string = labsDirectory()): Lab {
  const names = labNames(directory);
  if (!names.includes(name)) {
    const near = nearestNames(name, names);
    const hint =
      near.length > 0 ? `did you mean ${near.join(' or ')}? all: vdiag lab list` : 'all labs: vdiag lab list';
    throw new VdiagError('lab', `no lab called ${JSON.stringify(name)}`, hint);
  }
  return parseLab(name, readFileSync(join(directory, `${name}.sh`), 'utf8'));
}

/** Where the labs of this package are. */
export function labsDirectory(): string {
  return packageFile('fixtures/labs');
}

function labNames(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((file) => file.endsWith('.sh'))
      .map((file) => basename(file, '.sh'))
      .sort();
  } catch (cause) {
    throw new VdiagError('lab', `cannot read the labs in ${directory}`, 'the package is incomplete: install it again', {
      cause,
    });
  }
}

/** The lines of the first comment, `# ` taken off. */
function leadingComment(script: string): string[] {
  const lines = script.split('\n');
  const start = lines[0]?.startsWith('#!') ? 1 : 0;
  const end = lines.findIndex((line, index) => index >= start && !line.startsWith('#'));
  return lines.slice(start, end < 0 ? lines.length : end).map((line) => line.replace(/^# ?/, ''));
}

function headerFields(name: string, lines: readonly string[]): Map<Field, string> {
  const fields = new Map<Field, string>();
  for (const line of lines) {
    const colon = line.indexOf(': ');
    const key = FIELDS.find((field) => field === line.slice(0, colon));
    if (key === undefined)
      throw new VdiagError('lab', `lab ${name}: unknown field ${line.slice(0, colon)}`, `fields: ${FIELDS.join(', ')}`);
    if (fields.has(key)) throw new VdiagError('lab', `lab ${name}: field ${key} is given twice`);
    fields.set(key, line.slice(colon + 2).trim());
  }
  return fields;
}

function required(name: string, fields: ReadonlyMap<Field, string>, field: Field): string {
  const value = fields.get(field);
  if (!value)
    throw new VdiagError('lab', `lab ${name}: field ${field} is missing`, `add a line "# ${field}: …" at its head`);
  return value;
}

function oneOf<T extends string>(name: string, field: Field, value: string, allowed: readonly T[]): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined)
    throw new VdiagError('lab', `lab ${name}: ${field} is ${JSON.stringify(value)}`, `it can be ${allowed.join(', ')}`);
  return found;
}

function traceField(name: string, field: Field, value: string): Trace {
  const [device, address, ...more] = words(value);
  if (device === undefined || address === undefined || more.length > 0 || isIP(address) === 0)
    throw new VdiagError(
      'lab',
      `lab ${name}: ${field} is ${JSON.stringify(value)}`,
      'it is an interface and an IP address: veth0 1.2.3.102',
    );
  return { interface: device, address };
}

function settleField(name: string, value: string | undefined): number {
  if (value === undefined) return DEFAULT_SETTLE_MS;
  const seconds = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value) || seconds > 60)
    throw new VdiagError(
      'lab',
      `lab ${name}: settle is ${JSON.stringify(value)}`,
      'it is a number of seconds up to 60',
    );
  return Math.round(seconds * 1000);
}

function words(value: string | undefined): string[] {
  return (value ?? '').split(/[\s,]+/).filter((word) => word !== '');
}

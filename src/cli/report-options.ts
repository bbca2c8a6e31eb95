/** What commands that report have in common: the form of the report, and a file for others to read it. */
import { type Command, Option } from 'commander';
import { VdiagError } from '../linux/error.ts';
import { errorText } from '../report/error-text.ts';
import { FORMATS, type Format } from '../report/format.ts';

export interface ReportFlags {
  readonly json?: boolean;
  readonly format?: Format;
  readonly report?: string;
  readonly redact?: boolean;
}

/** --json, --format, --report and --redact. */
export function withReportOptions(command: Command): Command {
  return command
    .addOption(new Option('--json', 'one JSON document on standard output').conflicts('format'))
    .addOption(new Option('--format <form>', 'the form of the report on standard output').choices(FORMATS))
    .option('--report <file.html>', 'write the report as one HTML file, for a browser and for others')
    .option('--redact', 'replace addresses, hardware addresses and names by others, for a public issue');
}

/** What standard output gets. */
export function formatWanted({ json, format }: ReportFlags): Format {
  return json ? 'json' : (format ?? 'text');
}

/** A full disk must not cost the report: what could not be written is said behind it. */
export function failureOf(file: string | undefined, save: (file: string) => void): VdiagError | undefined {
  try {
    if (file !== undefined) save(file);
    return undefined;
  } catch (error) {
    if (error instanceof VdiagError) return error;
    throw error;
  }
}

/** One line on standard error each, and the exit status they ask for. */
export function complainOf(errors: readonly (VdiagError | undefined)[]): void {
  for (const error of errors)
    if (error) {
      process.stderr.write(errorText(error));
      process.exitCode = error.exitCode;
    }
}

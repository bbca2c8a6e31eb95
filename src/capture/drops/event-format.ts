/** Format files of trace events (Documentation/trace/events.rst): where each field of a record stands, and what numbers mean. */

export interface EventField {
  readonly offset: number;
  readonly sizeBytes: number;
  /** The field holds offset (low half) and length (high half) of text that stands elsewhere in the record. */
  readonly elsewhere: boolean;
}

export interface EventFormat {
  readonly id: number;
  readonly fields: ReadonlyMap<string, EventField>;
  /** Numbers and names of the first `__print_symbolic` in the print format. */
  readonly symbols: ReadonlyMap<number, string>;
}

/** Undefined for a text that is no format file. */
export function parseEventFormat(text: string): EventFormat | undefined {
  const id = /^ID: (\d{1,9})$/m.exec(text)?.[1];
  if (id === undefined) return undefined;
  const fields = new Map<string, EventField>();
  for (const [, declaration = '', offset, size] of text.matchAll(
    /^\tfield:([^;\n]+);\toffset:(\d{1,6});\tsize:(\d{1,6});/gm,
  )) {
    const name = /(\w+)(\[\w*\])?$/.exec(declaration)?.[1];
    if (name === undefined) continue;
    fields.set(name, {
      offset: Number(offset),
      sizeBytes: Number(size),
      elsewhere: declaration.startsWith('__data_loc'),
    });
  }
  return { id: Number(id), fields, symbols: symbolsOf(text) };
}

/** `{ 2, "NOT_SPECIFIED" }`; older kernels write some numbers in hexadecimal. */
function symbolsOf(text: string): Map<number, string> {
  const symbols = new Map<number, string>();
  const list = /__print_symbolic\(([\s\S]*?\})\s*\)/.exec(text)?.[1] ?? '';
  for (const [, number, name] of list.matchAll(/\{\s*(0x[0-9a-fA-F]+|\d+)U?L?\s*,\s*"([^"]*)"\s*\}/g))
    if (number !== undefined && name !== undefined) symbols.set(Number(number), name);
  return symbols;
}

/** Bytes of one sub-buffer and where its records begin, from `events/header_page`. */
export interface PageFormat {
  readonly sizeBytes: number;
  readonly dataOffset: number;
  /** 8 on 64-bit kernels. */
  readonly commitBytes: number;
}

export function parsePageFormat(text: string): PageFormat | undefined {
  const field = (name: string) => new RegExp(`field: \\w+ ${name};\\s*offset:(\\d+);\\s*size:(\\d+);`).exec(text);
  const data = field('data');
  const commit = field('commit');
  if (!data || !commit || Number(commit[1]) !== 8) return undefined;
  return { sizeBytes: Number(data[1]) + Number(data[2]), dataOffset: Number(data[1]), commitBytes: Number(commit[2]) };
}

/** HTML that is inert by construction: whatever is put into a template is text, unless a template made it. */
import { printable } from '../printable.ts';
import { NO_BREAK } from '../prose.ts';

export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type Content = Markup | string | number | undefined | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A tagged template: html`<b title="${name}">${name}</b>`. Attribute values must stand in quotes. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.map((part, index) => part + sourceOf(contents[index])).join(''));
}

/** Text as HTML has it, in an element or in a quoted attribute; control and direction characters are spelt out. */
export function escaped(text: string): string {
  return printable(text.replaceAll(NO_BREAK, ' '), true).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

function sourceOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Markup) return content.source;
  if (typeof content === 'string') return escaped(content);
  if (typeof content === 'number') return String(Math.round(content * 100) / 100);
  return content.map(sourceOf).join('');
}

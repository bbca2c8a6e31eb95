/** Parts of a page that every report has: the document around it, cures with their commands, evidence. */
import { createHash } from 'node:crypto';
import type { Evidence, Finding, Outcome, Remedy } from '../../diagnose/finding.ts';
import type { Topology } from '../../topology/model.ts';
import type { Place } from '../../trace/frame.ts';
import { offset } from '../figures.ts';
import { capitalised } from '../sentence.ts';
import { html, Markup } from './markup.ts';
import { SCRIPT, STYLE } from './style.ts';

export interface DocumentParts {
  readonly title: string;
  readonly header: Markup;
  readonly main: Markup;
  readonly footer: Markup;
}

/** A whole document, ending in a newline: nothing is loaded, and the policy lets only its own style and script through. */
export function htmlDocument({ title, header, main, footer }: DocumentParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${hashOf(STYLE)}'; script-src '${hashOf(SCRIPT)}'">
<title>${title} · vdiag</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>
${header}
</header>
<main>
${main}
</main>
<footer>
${footer}
</footer>
<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`.source;
}

/** What a policy lets through: this very text (Content Security Policy Level 3, section 2.3.1). */
function hashOf(text: string): Markup {
  return new Markup(`sha256-${createHash('sha256').update(text).digest('base64')}`);
}

const BADGES: Readonly<Record<Outcome, string>> = {
  fault: '✗ fault',
  healthy: '✓ healthy',
  inconclusive: '? inconclusive',
};

export function badge(outcome: Outcome): Markup {
  return html`<span class="badge ${outcome}">${BADGES[outcome]}</span>`;
}

export function ruleMarkup({ rule, confidence }: Finding): Markup {
  return html`<span class="rule"><code>${rule}</code>, ${confidence}</span>`;
}

export function section(title: string, content: Markup | undefined): Markup | undefined {
  return content && html`<section><h2>${title}</h2>${content}</section>`;
}

export function remedyMarkup({ why, commands, verify }: Remedy, index: number, topology?: Topology): Markup {
  return html`<section class="card cure"><h2>${index === 0 ? 'Cure' : 'Another way'}</h2><p>${capitalised(why, topology)}</p>${shell(commands)}
${verify === '' ? undefined : html`<p>Then: <code>${verify}</code></p>`}</section>`;
}

export function shell(commands: readonly string[]): Markup | undefined {
  if (commands.length === 0) return undefined;
  return html`<div class="shell"><pre>${commands.map((command, index) => [index === 0 ? '' : new Markup('\n'), command])}</pre></div>`;
}

/** @param nameOf a place as the reader calls it */
export function evidenceMarkup(
  finding: Pick<Finding, 'evidence'>,
  zeroNs: bigint,
  nameOf: (place: Place) => string,
): Markup | undefined {
  if (finding.evidence.length === 0) return undefined;
  const item = ({ kind, text, place, timeNs, look }: Evidence): Markup => {
    const where = place === undefined ? '' : nameOf(place);
    const prefix = [
      ...(timeNs === undefined ? [] : [offset(timeNs - zeroNs)]),
      ...(where === '' || text.includes(where) ? [] : [where]),
    ].join(' ');
    return html`<li><span class="kind">${kind}</span> <span>${prefix === '' ? '' : `${prefix}: `}${text}${look && html`<br><code>${look}</code>`}</span></li>`;
  };
  return html`<ul class="plain card">${finding.evidence.map(item)}</ul>`;
}

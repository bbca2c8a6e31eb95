/** An analysis of captures as one HTML file: its findings, what they may be, and the exchanges in tables. */
import type { CaptureAnalysis, CaptureFinding } from '../../diagnose/analysis.ts';
import { packetsOf } from '../analysis-findings.ts';
import { analysisHeadline, analysisRoot } from '../analysis-headline.ts';
import { readLines } from '../analysis-read.ts';
import { othersThan } from '../analysis-run.ts';
import { fate } from '../analysis-tables.ts';
import { createWriter, grouped } from '../analysis-writer.ts';
import { milliseconds } from '../figures.ts';
import type { Report } from '../report.ts';
import { capitalised } from '../sentence.ts';
import { html, type Markup } from './markup.ts';
import { reportHtml } from './page.ts';
import { badge, evidenceMarkup, htmlDocument, remedyMarkup, ruleMarkup, section, shell } from './parts.ts';

const PAPER = { width: 1000, color: false, unicode: true };
const MOST_ROWS = 500;
const MOST_STEPS = 60;

type Writer = ReturnType<typeof createWriter>;

/**
 * A whole document, ending in a newline.
 * @param version of vdiag
 * @param run of a recorded ping-trace: its report, and behind it what else its capture holds
 */
export function analysisHtml(analysis: CaptureAnalysis, version: string, run?: Report): string {
  const writer = createWriter(analysis, PAPER, false);
  const read = html`<ul class="plain card">${readLines(writer).map((line) => html`<li class="whole">${line}</li>`)}</ul>`;
  if (run) {
    const others = othersThan(analysis.findings, run);
    return reportHtml(
      run,
      html`${section('Also in this capture', others.length === 0 ? undefined : html`${others.map((each) => findingMarkup(analysis, each))}`)}
${section('Exchanges', pairsMarkup(writer))}${section('What was read', read)}`,
    );
  }
  const root = analysisRoot(analysis);
  const title = capitalised(analysisHeadline(analysis), analysis.topology);
  const others = analysis.findings.filter((finding) => finding !== root);
  return htmlDocument({
    title,
    header: html`<p>vdiag analyze: ${analysis.captures.map(({ name }) => name).join(', ')}</p>
<h1>${title}</h1>
<p>${badge(analysis.outcome)} ${root && ruleMarkup(root)}</p>`,
    main: html`${root && html`<p>${capitalised(root.summary, analysis.topology)}</p>`}
${root?.remedies.map((remedy, index) => remedyMarkup(remedy, index, analysis.topology))}
${root && candidatesMarkup(root)}
${section('Evidence', root && evidenceMarkup(root, root.trail?.[0]?.timeNs ?? writer.zeroNs, writer.place))}
${section('What was seen of one of them', root && trailMarkup(writer, root))}
${others.map((finding) => findingMarkup(analysis, finding))}
${section('Exchanges', pairsMarkup(writer))}
${section('Lost between places', lostMarkup(writer))}
${section('Limits', analysis.gaps.length === 0 ? undefined : html`<ul>${analysis.gaps.map((gap) => html`<li>${gap}</li>`)}</ul>`)}
${section('What was read', read)}`,
    footer: html`<p>vdiag ${version}, ${analysis.summary.frames} frames at ${analysis.summary.places.length} places.</p>`,
  });
}

function candidatesMarkup({ remedies, candidates }: CaptureFinding): Markup | undefined {
  if (remedies.length > 0 || candidates.length === 0) return undefined;
  const title = candidates.length === 1 ? 'To confirm it' : 'It may be, the most likely first';
  return html`<section class="card cure"><h2>${title}</h2>${candidates.map(
    ({ rule, why, look }) => html`<p><code>${rule}</code>: ${why}</p>${shell([look])}`,
  )}</section>`;
}

function findingMarkup({ topology }: CaptureAnalysis, finding: CaptureFinding): Markup {
  const word = finding.blocks === 'next' ? 'And then' : finding.severity === 'fault' ? 'Also' : finding.severity;
  return html`<section class="card"><h2>${capitalised(word)}: ${finding.title}</h2><p>${ruleMarkup(finding)}</p>
<p>${capitalised(finding.summary, topology)}</p>${finding.severity === 'note' ? undefined : shell(finding.remedies[0]?.commands ?? [])}</section>`;
}

function trailMarkup({ place: nameOf }: Writer, { trail = [] }: CaptureFinding): Markup | undefined {
  const zeroNs = trail[0]?.timeNs ?? 0n;
  const rows = packetsOf(trail, nameOf)
    .slice(0, MOST_STEPS)
    .map(({ timeNs, text, places }) => [milliseconds(timeNs - zeroNs), text, places.join(' → ')]);
  return table('Sightings', ['ms', 'packet', 'at'], rows);
}

function pairsMarkup(writer: Writer): Markup | undefined {
  const rows = writer.analysis.summary.pairs.slice(0, MOST_ROWS).map((pair) => {
    const { kind, source, target, answered, requests, rttNs } = pair;
    return [
      kind === 'arp' ? 'ARP' : kind,
      `${source} → ${target}`,
      `${grouped(answered)} of ${grouped(requests)}`,
      fate(writer, pair).join('; '),
      rttNs === undefined ? '' : milliseconds(BigInt(Math.round(rttNs.avg))),
    ];
  });
  return table('Exchanges', ['', 'who asks whom', 'answered', 'not answered', 'rtt ms'], rows);
}

function lostMarkup({ analysis, place: nameOf }: Writer): Markup | undefined {
  const rows = analysis.summary.lost.slice(0, MOST_ROWS).map(({ last, next, packets, kinds }) => [
    `${nameOf(last)} → ${nameOf(next)}`,
    grouped(packets),
    Object.entries(kinds)
      .map(([kind, count]) => `${grouped(count)} ${kind}`)
      .join(', '),
  ]);
  return table('Losses', ['between', 'packets', 'of these'], rows);
}

function table(name: string, head: readonly string[], rows: readonly (readonly string[])[]): Markup | undefined {
  if (rows.length === 0) return undefined;
  const cell = (text: string): Markup => (text === '' ? html`<td></td>` : html`<th scope="col">${text}</th>`);
  return html`<div class="scroll card" tabindex="0" role="group" aria-label="${name}, scrolls sideways"><table><thead><tr>${head.map(cell)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((text) => html`<td>${text}</td>`)}</tr>`)}</tbody></table></div>`;
}

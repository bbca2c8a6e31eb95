/** The report as one HTML file: nothing is loaded, no script is needed, and nothing from outside is markup. */
import { createHash } from 'node:crypto';
import { packetName } from '../../diagnose/evidence.ts';
import type { Evidence, Finding, Outcome, Remedy } from '../../diagnose/finding.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { offset, statistics } from '../figures.ts';
import { zeroOf } from '../ladder.ts';
import type { Report } from '../report.ts';
import { ladderDrawing } from './ladder-drawing.ts';
import { latencyDrawing } from './latency-drawing.ts';
import { html, Markup } from './markup.ts';
import { SCRIPT, STYLE } from './style.ts';
import { wayDrawing } from './way-drawing.ts';

const BADGES: Readonly<Record<Outcome, string>> = {
  fault: '✗ fault',
  healthy: '✓ healthy',
  inconclusive: '? inconclusive',
};

/** A whole document, ending in a newline. */
export function reportHtml(report: Report): string {
  const { diagnosis, target } = report;
  const title = headlineOf(report);
  const root = rootOf(report);
  const others = diagnosis.findings.filter((finding) => finding !== root);
  const page = html`<!doctype html>
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
<p>vdiag ${report.command}: ${target.interface} → ${target.address}</p>
<h1>${title}</h1>
<p><span class="badge ${diagnosis.outcome}">${BADGES[diagnosis.outcome]}</span> ${root && ruleMarkup(root)}</p>
</header>
<main>
${root && html`<p>${root.summary}</p>`}
${root?.remedies.map((remedy, index) => remedyMarkup(remedy, index))}
${section('Where it went', wayDrawing(report))}
${section('Packet by packet', ladderDrawing(report))}
${section('Times', latencyDrawing(report))}
${section('Evidence', root && evidenceMarkup(report, root))}
${others.filter(({ blocks }) => blocks !== undefined).map(furtherMarkup)}
${section('Also odd', asideMarkup(others.filter(({ blocks }) => blocks === undefined)))}
${section('What was not covered', uncoveredMarkup(report))}
${gatesMarkup(report)}
</main>
<footer>
${statistics(report.probes).map((line) => html`<p>${line}</p>`)}
<p>vdiag ${report.version}, Linux ${diagnosis.before.kernel}, ${diagnosis.coverage.framesCaptured} frames captured at ${diagnosis.coverage.places.length} places.</p>
</footer>
<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`;
  return page.source;
}

/** What a policy lets through: this very text (Content Security Policy Level 3, section 2.3.1). */
function hashOf(text: string): Markup {
  return new Markup(`sha256-${createHash('sha256').update(text).digest('base64')}`);
}

function rootOf(report: Report): Finding | undefined {
  const first = report.diagnosis.findings[0];
  return first?.severity === 'note' ? undefined : first;
}

function headlineOf(report: Report): string {
  const { target, diagnosis, probes } = report;
  const root = rootOf(report);
  if (root) return root.title;
  if (diagnosis.outcome === 'healthy')
    return `${target.address} answers ${target.interface}: ${probes.received} of ${probes.sent}`;
  return `${target.address} does not answer ${target.interface}`;
}

function ruleMarkup({ rule, confidence }: Finding): Markup {
  return html`<span class="rule"><code>${rule}</code>, ${confidence}</span>`;
}

function section(title: string, content: Markup | undefined): Markup | undefined {
  return content && html`<section><h2>${title}</h2>${content}</section>`;
}

function remedyMarkup({ why, commands, verify }: Remedy, index: number): Markup {
  return html`<section class="card cure"><h2>${index === 0 ? 'Cure' : 'Another way'}</h2><p>${why}</p>${shell(commands)}
${verify === '' ? undefined : html`<p>Then: <code>${verify}</code></p>`}</section>`;
}

function shell(commands: readonly string[]): Markup | undefined {
  if (commands.length === 0) return undefined;
  return html`<div class="shell"><pre>${commands.map((command, index) => [index === 0 ? '' : new Markup('\n'), command])}</pre></div>`;
}

function evidenceMarkup(report: Report, finding: Finding): Markup | undefined {
  if (finding.evidence.length === 0) return undefined;
  const zeroNs = zeroOf(report);
  const item = ({ kind, text, place, timeNs, look }: Evidence): Markup => {
    const where = place === undefined ? '' : placeName(report.diagnosis.before, place);
    const prefix = [
      ...(timeNs === undefined ? [] : [offset(timeNs - zeroNs)]),
      ...(where === '' || text.includes(where) ? [] : [where]),
    ].join(' ');
    return html`<li><span class="kind">${kind}</span> ${prefix === '' ? '' : `${prefix}: `}${text}${look && html`<br><code>${look}</code>`}</li>`;
  };
  return html`<ul class="plain card">${finding.evidence.map(item)}</ul>`;
}

function furtherMarkup(finding: Finding): Markup {
  return html`<section class="card"><h2>${finding.blocks === 'next' ? 'And then' : 'Also'}: ${finding.title}</h2><p>${ruleMarkup(finding)}</p>
<p>${finding.summary}</p>${shell(finding.remedies[0]?.commands ?? [])}</section>`;
}

function asideMarkup(findings: readonly Finding[]): Markup | undefined {
  if (findings.length === 0) return undefined;
  return html`<ul class="plain card">${findings.map(
    (finding) => html`<li><span class="kind">${finding.severity}</span> ${finding.title} <code>${finding.rule}</code>
${finding.severity === 'note' ? undefined : shell(finding.remedies[0]?.commands ?? [])}</li>`,
  )}</ul>`;
}

function uncoveredMarkup({ diagnosis }: Report): Markup | undefined {
  const { coverage, before } = diagnosis;
  const lines = [
    ...coverage.gaps.map((gap) => `not captured: ${gap}`),
    ...coverage.lost
      .filter(({ frames }) => frames > 0)
      .map(({ netns, frames }) => `${frames} frames lost in ${netnsName(before, netns)}: an absence there proves less`),
    ...before.gaps.map((gap) => `not read: ${gap}`),
  ];
  return lines.length === 0 ? undefined : html`<ul>${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

/** Every decision of the kernel on the way, for who wants to check. */
function gatesMarkup({ diagnosis }: Report): Markup | undefined {
  const rows = diagnosis.path.legs.flatMap((leg) =>
    leg.steps.flatMap((step) => {
      if (step.kind !== 'gate') return [];
      const { place, kind, verdict, facts } = step.gate;
      return [
        html`<tr><td>${packetName(leg.kind)}</td><td>${placeName(diagnosis.before, place)}</td><td>${kind}</td><td>${verdict === 'stop' ? html`<strong>stop</strong>` : verdict}</td>
<td>${facts.map(({ text, look }) => html`<div>${text}${look && html` <code>${look}</code>`}</div>`)}</td></tr>`,
      ];
    }),
  );
  if (rows.length === 0) return undefined;
  return html`<details><summary>What the kernel decides on the way: ${rows.length} gates</summary>
<div class="scroll" tabindex="0" role="group" aria-label="Gates, scrolls sideways"><table><thead><tr><th scope="col">packet</th><th scope="col">at</th><th scope="col">gate</th><th scope="col">verdict</th><th scope="col">because</th></tr></thead>
<tbody>${rows}</tbody></table></div></details>`;
}

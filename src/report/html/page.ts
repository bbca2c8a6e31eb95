/** The report as one HTML file: nothing is loaded, no script is needed, and nothing from outside is markup. */
import { packetName } from '../../diagnose/evidence.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Topology } from '../../topology/model.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import { statistics } from '../figures.ts';
import { zeroOf } from '../ladder.ts';
import type { Report } from '../report.ts';
import { capitalised } from '../sentence.ts';
import { ladderDrawing } from './ladder-drawing.ts';
import { latencyDrawing } from './latency-drawing.ts';
import { html, type Markup } from './markup.ts';
import { badge, evidenceMarkup, htmlDocument, remedyMarkup, ruleMarkup, section, shell } from './parts.ts';
import { isForeseen, wayDrawing } from './way-drawing.ts';

/**
 * A whole document, ending in a newline.
 * @param further what else there is to say, behind all of it
 */
export function reportHtml(report: Report, further?: Markup): string {
  const { diagnosis, target } = report;
  const title = capitalised(headlineOf(report), diagnosis.before);
  const root = rootOf(report);
  const others = diagnosis.findings.filter((finding) => finding !== root);
  return htmlDocument({
    title,
    header: html`<p>vdiag ${report.command}: ${target.interface} → ${target.address}</p>
<h1>${title}</h1>
<p>${badge(diagnosis.outcome)} ${root && ruleMarkup(root)}</p>`,
    main: html`${root && html`<p>${capitalised(root.summary, diagnosis.before)}</p>`}
${root?.remedies.map((remedy, index) => remedyMarkup(remedy, index, diagnosis.before))}
${section(isForeseen(report) ? 'The way it would take' : 'Where it went', wayDrawing(report))}
${section('Packet by packet', report.probes.sent === 0 ? undefined : ladderDrawing(report))}
${section('Times', latencyDrawing(report))}
${section('Evidence', root && evidenceMarkup(root, zeroOf(report), (place) => placeName(diagnosis.before, place)))}
${others.filter(({ blocks }) => blocks !== undefined).map((finding) => furtherMarkup(finding, diagnosis.before))}
${section('Also odd', asideMarkup(others.filter(({ blocks }) => blocks === undefined)))}
${section('What was not covered', uncoveredMarkup(report))}
${gatesMarkup(report)}
${further}`,
    footer: html`${statistics(report.probes).map((line) => html`<p>${line}</p>`)}
<p>vdiag ${report.version}, Linux ${diagnosis.before.kernel}, ${isForeseen(report) ? 'no packet sent' : `${diagnosis.coverage.framesCaptured} frames captured at ${diagnosis.coverage.places.length} places`}.</p>`,
  });
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
    return probes.sent === 0
      ? `nothing stops ${target.interface} → ${target.address}`
      : `${target.address} answers ${target.interface}: ${probes.received} of ${probes.sent}`;
  if (probes.sent === 0) return `not every gate from ${target.interface} to ${target.address} is decided`;
  return `${target.address} does not answer ${target.interface}`;
}

function furtherMarkup(finding: Finding, topology: Topology): Markup {
  return html`<section class="card"><h2>${finding.blocks === 'next' ? 'And then' : 'Also'}: ${finding.title}</h2><p>${ruleMarkup(finding)}</p>
<p>${capitalised(finding.summary, topology)}</p>${shell(finding.remedies[0]?.commands ?? [])}</section>`;
}

function asideMarkup(findings: readonly Finding[]): Markup | undefined {
  if (findings.length === 0) return undefined;
  return html`<ul class="plain card">${findings.map(
    (
      finding,
    ) => html`<li><span class="kind">${finding.severity}</span> <div>${finding.title} <code>${finding.rule}</code>
${finding.severity === 'note' ? undefined : shell(finding.remedies[0]?.commands ?? [])}</div></li>`,
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

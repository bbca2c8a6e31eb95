/**
 * vdiag as a library: everything the commands do, callable from a program. docs/library.md has an example of each.
 *
 * @example
 * import { pingTrace, reportText } from 'vdiag';
 * const report = await pingTrace({ interface: 'veth0', address: '1.2.3.102' });
 * console.log(report.diagnosis.findings[0]?.rule);
 *
 * @example
 * // Which veth is whose?
 * import { linkFinder, map } from 'vdiag';
 * const taken = await map();
 * const finder = linkFinder(taken);
 * for (const namespace of taken.namespaces)
 *   for (const link of namespace.links) {
 *     const other = finder.peer({ namespace, link });
 *     if (other) console.log(namespace.label, link.name, other.namespace.label, other.link.name);
 *   }
 */
export type { Container, PublishedPort, RuntimeNetwork } from './containers/container.ts';
export { type HostMap, type LinkFinder, linkFinder, type MapLink, type MapNamespace } from './containers/host-map.ts';
export { type Oddity, odditiesOf } from './containers/oddities.ts';
export type { Candidate, CaptureAnalysis, CaptureFinding, CaptureNote } from './diagnose/analysis.ts';
export { diagnose } from './diagnose/engine.ts';
export type { Diagnosis, Evidence, Finding, Outcome, Remedy } from './diagnose/finding.ts';
export { RULES } from './diagnose/registry.ts';
export type { Claim, Context, Rule, Situation } from './diagnose/rule.ts';
export { type ErrorCode, VdiagError } from './linux/error.ts';
export { expectPath } from './path/expect.ts';
export type { Gate } from './path/gate.ts';
export type { Leg, Path, Step } from './path/model.ts';
export { formattedAnalysis } from './report/analysis-format.ts';
export { analysisJson } from './report/analysis-json.ts';
export { analysisText } from './report/analysis-text.ts';
export { checkText } from './report/check-text.ts';
export { FORMATS, type Format, formatted } from './report/format.ts';
export { analysisHtml } from './report/html/analysis-page.ts';
export { reportHtml } from './report/html/page.ts';
export { reportJson } from './report/json.ts';
export { type MapDocument, mapJson } from './report/map-json.ts';
export { type MapTextOptions, mapText } from './report/map-text.ts';
export { reportMarkdown } from './report/markdown.ts';
export { reportMermaid } from './report/mermaid.ts';
export { type PeerAnswer, peerJson, peerText } from './report/peer-text.ts';
export type { Report } from './report/report.ts';
export { detectTerminal, type Terminal } from './report/terminal.ts';
export { reportText } from './report/text.ts';
export { type AnalyzeOptions, type AnalyzeProgress, type AnalyzeResult, analyze } from './session/analyze.ts';
export { type CheckOptions, check } from './session/check.ts';
export { loadRules } from './session/load-rules.ts';
export { takeMap as map } from './session/map.ts';
export { type Moment, parseMoment } from './session/moment.ts';
export { recordMtuTrace } from './session/mtu-trace.ts';
export { findPeers as peer } from './session/peer.ts';
export { type PingTraceOptions, type PingTraceRun, pingTrace, recordPingTrace } from './session/ping-trace.ts';
export { type RecordOptions, type RecordSummary, record } from './session/record.ts';
export { type Redacted, redactRun } from './session/redact.ts';
export type { CaptureInput } from './session/source-place.ts';
export { type WatchOptions, watch } from './session/watch.ts';
export { type WatchDropsOptions, type WatchedDrops, watchDrops } from './session/watch-drops.ts';
export type { Live } from './session/watch-live.ts';
export { writeRun } from './session/write-run.ts';
export type { SurveySummary } from './survey/summary.ts';
export { retakeTopology, takeTopology } from './topology/collect.ts';
export type { Topology } from './topology/model.ts';
export type { Drop } from './trace/drop.ts';
export type { ArpExchange, EchoExchange, Exchange, NeighbourExchange, ResolutionExchange } from './trace/exchange.ts';
export type { Coverage, Frame, Place } from './trace/frame.ts';
export { version } from './version.ts';

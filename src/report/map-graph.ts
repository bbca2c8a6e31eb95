/** The map as a graph for other programs to draw: Mermaid flowcharts (mermaid.js.org) and graphviz (dot(1)). */
import { type HostMap, type LinkFinder, linkFinder, type MapLink, type MapNamespace } from '../containers/host-map.ts';
import { addressWords, kindWords, stateWords } from '../containers/link-words.ts';
import { printable } from './printable.ts';

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: 'pair' | 'port' | 'on';
}

/** Names stand in entity codes where they could be read as anything but text. */
export function mapMermaid(map: HostMap): string {
  const { nodes, edges } = graphOf(map);
  const arrows = { pair: '---', port: '-.-', on: '-->' };
  return `${[
    'flowchart LR',
    ...map.namespaces.flatMap((namespace, at) => [
      `  subgraph n${at}["${mermaidText(titleOf(namespace, map))}"]`,
      ...nodes
        .filter(({ cluster }) => cluster === at)
        .map(({ id, lines }) => `    ${id}["${lines.map(mermaidText).join('<br/>')}"]`),
      '  end',
    ]),
    ...edges.map(({ from, to, kind }) => `  ${from} ${arrows[kind]} ${to}`),
  ].join('\n')}\n`;
}

/** Mermaid reads #35; as the character with this number; quotes and brackets would end the text. */
function mermaidText(text: string): string {
  return printable(text, true).replace(/[^\p{L}\p{N} ._:/,()@+=-]/gu, (character) => `#${character.codePointAt(0)};`);
}

/** Labels are quoted; the backslash, which dot reads as the beginning of an escape, is doubled. */
export function mapDot(map: HostMap): string {
  const { nodes, edges } = graphOf(map);
  const styles = { pair: '[dir=none, penwidth=2]', port: '[dir=none, style=dashed]', on: '[style=dotted]' };
  return `${[
    'digraph map {',
    '  rankdir=LR; node [shape=box, fontname="sans-serif"]; graph [fontname="sans-serif"];',
    ...map.namespaces.flatMap((namespace, at) => [
      `  subgraph cluster_n${at} {`,
      `    label=${dotText(titleOf(namespace, map))};`,
      ...nodes
        .filter(({ cluster }) => cluster === at)
        .map(({ id, lines }) => `    ${id} [label=${dotText(...lines)}];`),
      '  }',
    ]),
    ...edges.map(({ from, to, kind }) => `  ${from} -> ${to} ${styles[kind]};`),
    '}',
  ].join('\n')}\n`;
}

function dotText(...lines: readonly string[]): string {
  const quoted = lines.map((line) => printable(line, true).replace(/["\\]/g, (character) => `\\${character}`));
  return `"${quoted.join('\\n')}"`;
}

function titleOf({ label, tenants, id, names }: MapNamespace, { home }: HostMap): string {
  const [owner, ...others] = tenants;
  if (!owner) return id === home || names.length === 0 ? label : `namespace ${label}`;
  const with_ = others.length > 0 ? ` with ${others.map(({ name }) => name).join(', ')}` : '';
  return `${label} (${owner.runtime === 'unknown' ? 'container' : owner.runtime})${with_}`;
}

interface Node {
  readonly id: string;
  readonly cluster: number;
  readonly lines: readonly string[];
}

/** Every link but loopback, and each connection once. */
function graphOf(map: HostMap): { nodes: Node[]; edges: Edge[] } {
  const finder = linkFinder(map);
  const clusters = new Map(map.namespaces.map(({ id }, at) => [id, at]));
  const idOf = ({ namespace, link }: MapLink): string => `n${clusters.get(namespace.id) ?? 0}_${link.index}`;
  const all = map.namespaces.flatMap((namespace) =>
    namespace.links.filter(({ kind }) => kind !== 'loopback').map((link): MapLink => ({ namespace, link })),
  );
  return {
    nodes: all.map((at) => ({ id: idOf(at), cluster: clusters.get(at.namespace.id) ?? 0, lines: linesOf(at) })),
    edges: all.flatMap((at) => edgesOf(at, finder, idOf)),
  };
}

function linesOf({ link }: MapLink): string[] {
  return [
    link.name,
    [kindWords(link), ...stateWords(link)].filter((word) => word !== '').join(', '),
    ...addressWords(link),
  ].filter((line) => line !== '');
}

function edgesOf(at: MapLink, finder: LinkFinder, idOf: (at: MapLink) => string): Edge[] {
  const edges: Edge[] = [];
  const [peer, master, lower] = [finder.peer(at), finder.master(at), finder.lower(at)];
  const from = idOf(at);
  // Both ends tell of one pair.
  if (peer && from < idOf(peer)) edges.push({ from, to: idOf(peer), kind: 'pair' });
  if (master) edges.push({ from: idOf(master), to: from, kind: 'port' });
  if (lower) edges.push({ from, to: idOf(lower), kind: 'on' });
  return edges;
}

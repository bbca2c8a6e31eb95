/** The map as text: a tree for every namespace that is not already told by the ends of its pairs in another one's tree. */
import { type Container, labelOf, shortId } from '../containers/container.ts';
import {
  type HostMap,
  type LinkFinder,
  linkFinder,
  type MapLink,
  type MapNamespace,
  networkOf,
} from '../containers/host-map.ts';
import { addressWords, kindWords, stateWords } from '../containers/link-words.ts';
import { type Oddity, odditiesOf } from '../containers/oddities.ts';
import { portWords } from '../containers/ports.ts';
import { printable } from './printable.ts';
import { wrapped } from './prose.ts';
import { painted, type Terminal } from './terminal.ts';

export interface MapTextOptions {
  /** Every namespace with every link, hardware addresses, link-local addresses, processes. */
  readonly verbose?: boolean;
}

interface Branch {
  readonly text: string;
  readonly odd: readonly string[];
  readonly children: readonly Branch[];
}

interface Writer {
  readonly map: HostMap;
  readonly finder: LinkFinder;
  readonly terminal: Terminal;
  readonly verbose: boolean;
  readonly odd: ReadonlyMap<string, readonly Oddity[]>;
  readonly safe: (text: string) => string;
}

/** The whole map, ending in a newline. */
export function mapText(map: HostMap, terminal: Terminal, { verbose = false }: MapTextOptions = {}): string {
  const finder = linkFinder(map);
  const oddities = odditiesOf(map, finder);
  const odd = new Map<string, Oddity[]>();
  for (const oddity of oddities) {
    const key = keyOf(oddity.netns, oddity.interface);
    odd.set(key, [...(odd.get(key) ?? []), oddity]);
  }
  const safe = (text: string): string => printable(text, terminal.unicode);
  const writer: Writer = { map, finder, terminal, verbose, odd, safe };
  const trees = rootsOf(map, finder, verbose).map((namespace) => treeLines(writer, namespace));
  const sections = [...trees, elsewhere(writer), oddLines(writer, oddities), gapLines(writer)];
  return sections
    .filter((section) => section.length > 0)
    .map((section) => `${section.join('\n')}\n`)
    .join('\n');
}

/**
 * The namespaces that need a tree of their own: this one, then those with the most pairs to others, and at last those that no
 * tree before has told in full.
 */
function rootsOf(map: HostMap, finder: LinkFinder, verbose: boolean): MapNamespace[] {
  if (verbose) return [...map.namespaces];
  const [home, ...others] = map.namespaces;
  const weight = ({ links }: MapNamespace): number => links.filter(({ kind }) => kind !== 'loopback').length;
  const ranked = others
    .map((namespace) => ({ namespace, weight: weight(namespace) }))
    .sort((a, b) => b.weight - a.weight);
  const roots: MapNamespace[] = home ? [home] : [];
  const told = new Set(roots.map(({ id }) => id));
  const isTold = (namespace: MapNamespace): boolean => {
    const leading = namespace.links.filter(({ kind }) => kind !== 'loopback');
    return (
      leading.length > 0 &&
      leading.every((link) => {
        const here = { namespace, link };
        if (finder.ports(here).length > 0 || finder.uppers(here).length > 0) return false;
        const other = finder.peer(here) ?? finder.lower(here);
        return other !== undefined && other.namespace.id !== namespace.id && told.has(other.namespace.id);
      })
    );
  };
  for (const { namespace } of ranked) {
    if (isTold(namespace)) continue;
    roots.push(namespace);
    told.add(namespace.id);
  }
  return roots;
}

function treeLines(writer: Writer, namespace: MapNamespace): string[] {
  const { terminal, finder, verbose } = writer;
  const links = namespace.links.map((link): MapLink => ({ namespace, link }));
  const tops = links.filter((at) => {
    if (at.link.kind === 'loopback')
      return verbose || addressWords(at.link).some((text) => !/^(127\.|::1\/)/.test(text));
    return finder.master(at) === undefined && finder.lower(at)?.namespace.id !== namespace.id;
  });
  const marks = (writer.odd.get(keyOf(namespace.id)) ?? []).map(({ mark }) => mark);
  const head = wrapped(headOf(writer, namespace), terminal.width, '', '    ');
  return [
    ...head.map((line) => painted(terminal, 'head', line)),
    ...drawn(writer, [...tops.map((at) => branch(writer, at)), ...guests(writer, namespace), ...marks.map(remark)], ''),
  ];
}

function remark(text: string): Branch {
  return { text: '', odd: [text], children: [] };
}

/** "web (docker 57e18cf93d1f), busy:1 sleep 600, pid 155, shared with side" */
function headOf({ map, safe, verbose }: Writer, namespace: MapNamespace): string {
  const { tenants, id, label, names, processes, path, pids } = namespace;
  const [owner, ...others] = tenants;
  const started = owner && [owner.image, verbose ? owner.command : undefined].filter((part) => part).join(': ');
  const parts = [
    owner
      ? `${whose(owner)}${started ? `, ${started}` : ''}`
      : id === map.home
        ? label
        : names[0] === undefined
          ? label
          : `namespace ${label}`,
    ...(owner && names[0] !== undefined ? [`namespace ${names[0]}`] : []),
    ...(others.length > 0 ? [`with ${others.map(({ name }) => name).join(', ')}`] : []),
    ...(owner ? portWords(owner) : []),
    ...(processes === 0 ? (id === map.home ? [] : ['no process']) : verbose ? [processesText(processes, pids)] : []),
    ...(verbose && id !== map.home ? [path] : []),
  ];
  return safe(parts.join(', '));
}

/** "3 processes, pid 1234 the first" */
function processesText(count: number, [first]: readonly number[]): string {
  const many = `${count} ${count === 1 ? 'process' : 'processes'}`;
  return first === undefined ? many : `${many}, ${count === 1 ? `pid ${first}` : `pid ${first} the first`}`;
}

function whose(container: Container): string {
  const runtime = container.runtime === 'unknown' ? 'container' : container.runtime;
  const id = shortId(container.id);
  const label = labelOf(container);
  return `${container.pod ? 'pod ' : ''}${label} (${id === label ? runtime : `${runtime} ${id}`})`;
}

/** Containers that use this namespace as the host's network. */
function guests(writer: Writer, { guests: list }: MapNamespace): Branch[] {
  return list.map((container) => ({
    text: `${writer.safe(whose(container))} uses this network (host)`,
    odd: [],
    children: [],
  }));
}

function branch(writer: Writer, at: MapLink): Branch {
  const { finder, safe, verbose, map } = writer;
  const { link, namespace } = at;
  const network = networkOf(map, at, map.home);
  const peer = finder.peer(at);
  const lower = finder.lower(at);
  const words = [
    kindWords(link),
    lower ? `on ${placeOf(writer, lower, namespace)}` : '',
    network ? `${network.runtime} network ${network.name}${network.internal ? ' (internal)' : ''}` : '',
    ...stateWords(link),
    verbose ? link.mac : '',
    ...addressWords(link, verbose),
  ].filter((word) => word !== '');
  const arrow = writer.terminal.unicode ? '↔' : '<->';
  const other = peer ? ` ${arrow} ${otherEnd(writer, peer, namespace)}` : '';
  return {
    text: safe(`${link.name}${words.length > 0 ? ` ${words.join(', ')}` : ''}${other}`),
    odd: [...marksOf(writer, at), ...(peer && peer.namespace.id !== namespace.id ? marksOf(writer, peer) : [])],
    children: [
      ...finder.ports(at).map((port) => branch(writer, port)),
      // Those in other namespaces stand here too, since here is where their packets come out.
      ...finder
        .uppers(at)
        .map((upper) => (upper.namespace.id === namespace.id ? branch(writer, upper) : foreign(writer, upper))),
    ],
  };
}

/** A macvlan and the like, whose lower device is here and it itself elsewhere. */
function foreign(writer: Writer, at: MapLink): Branch {
  const words = [kindWords(at.link), ...stateWords(at.link), ...addressWords(at.link)].filter((word) => word !== '');
  return {
    text: writer.safe(`${at.link.name} of ${at.namespace.label}${tenantWords(at.namespace)} ${words.join(', ')}`),
    odd: marksOf(writer, at),
    children: [],
  };
}

/** "eth0 of web (docker), 172.17.0.2/16" */
function otherEnd(writer: Writer, peer: MapLink, from: MapNamespace): string {
  const { verbose, finder } = writer;
  const { link, namespace } = peer;
  const master = finder.master(peer);
  const words = [...stateWords(link), verbose ? link.mac : '', ...addressWords(link, verbose)];
  const port = master ? `port of ${placeOf(writer, master, namespace)}` : '';
  const tenants = namespace.id === from.id ? '' : tenantWords(namespace);
  return [`${placeOf(writer, peer, from)}${tenants}`, port, ...words].filter((word) => word !== '').join(', ');
}

/** " (docker, with side)", " (containerd: app, proxy)" for a pod; nothing where no container lives. */
function tenantWords({ tenants }: MapNamespace): string {
  const [owner, ...others] = tenants;
  if (!owner) return '';
  const runtime = owner.runtime === 'unknown' ? 'container' : owner.runtime;
  if (owner.pod) {
    const members = tenants.filter(({ pod }) => pod?.sandbox !== true).map(({ name }) => name);
    return ` (${[runtime + (members.length > 0 ? `: ${members.join(', ')}` : ''), ...portWords(owner)].join(', ')})`;
  }
  const shared = others.length > 0 ? [`with ${others.map(({ name }) => name).join(', ')}`] : [];
  return ` (${[runtime, ...shared, ...portWords(owner)].join(', ')})`;
}

function placeOf({ map }: Writer, { link, namespace }: MapLink, from: MapNamespace): string {
  if (namespace.id === from.id) return link.name;
  const where = namespace.id === map.home ? 'here' : `of ${namespace.label}`;
  return `${link.name} ${where}`;
}

function marksOf({ odd }: Writer, { namespace, link }: MapLink): string[] {
  return (odd.get(keyOf(namespace.id, link.name)) ?? []).map(({ mark }) => mark);
}

function keyOf(netns: string, name = ''): string {
  return JSON.stringify([netns, name]);
}

function drawn(writer: Writer, branches: readonly Branch[], indent: string): string[] {
  const { terminal, safe } = writer;
  const [tee, corner, line] = terminal.unicode ? ['├─ ', '└─ ', '│  '] : ['|- ', '`- ', '|  '];
  return branches.flatMap(({ text, odd, children }, at) => {
    const last = at === branches.length - 1;
    const further = indent + (last ? '   ' : line);
    const marks = [...new Set(odd)].map((mark) => `! ${safe(mark)}`).join('  ');
    const whole = [text, marks].filter((part) => part !== '').join('  ');
    const rest = `${further}${children.length > 0 ? line : '   '} `;
    const lines = wrapped(whole, terminal.width, indent + (last ? corner : tee), rest);
    return [...lines.map((each) => highlighted(terminal, each, marks)), ...drawn(writer, children, further)];
  });
}

/** The mark in its colour, where a line break has not torn it. */
function highlighted(terminal: Terminal, line: string, marks: string): string {
  if (marks === '' || !line.endsWith(marks)) return line;
  return line.slice(0, -marks.length) + painted(terminal, 'bad', marks);
}

function elsewhere({ map, safe, terminal }: Writer): string[] {
  if (map.elsewhere.length === 0) return [];
  const list = map.elsewhere.map((container) => `${whose(container)}, ${container.state}`).join('; ');
  return wrapped(`without a network now: ${safe(list)}`, terminal.width, '', '    ');
}

function oddLines({ terminal, safe }: Writer, oddities: readonly Oddity[]): string[] {
  // Both places of one address say the same.
  return [...new Set(oddities.map(({ text }) => text))].flatMap((text) => {
    const [first = '', ...rest] = wrapped(safe(text), terminal.width, '! ', '  ');
    return [painted(terminal, 'bad', first.slice(0, 1)) + first.slice(1), ...rest];
  });
}

function gapLines({ map, terminal, safe }: Writer): string[] {
  return map.gaps.flatMap((gap) => wrapped(safe(`not read: ${gap}`), terminal.width, '', '  '));
}

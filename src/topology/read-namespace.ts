/** Everything the kernel says about one namespace, for the model. */
import { existsSync, readFileSync } from 'node:fs';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { field, isObject } from './json.ts';
import type { FdbEntry, Filters, Link, Namespace, Neighbour, PolicyRule, Route } from './model.ts';
import { parseFdb } from './parse-fdb.ts';
import { type ParsedLink, parseLinks, parseVlans } from './parse-links.ts';
import { parseNeighbours } from './parse-neighbours.ts';
import { parseRoutes } from './parse-routes.ts';
import { parseRules } from './parse-rules.ts';
import { type Answer, ask, type Outcome, type RunProgram, readJson } from './program.ts';
import { readSysctls, type Sysctls } from './sysctls.ts';
import { readTrafficControl } from './traffic-control.ts';

/** Takes down what could not be read: "nft: not installed, filter rules of newns unknown". */
export type NoteGap = (gap: string) => void;

/** Links and addresses, or why there are none. */
export async function readLinks(
  run: RunProgram,
  at: NetnsHandle,
): Promise<ParsedLink[] | Exclude<Outcome, { kind: 'ok' }>> {
  const [answer] = await ask(run, at, 'ip', ['-j', '-d'], ['addr show']);
  if (answer === undefined) return { kind: 'failed', reason: 'no answer' };
  return 'json' in answer ? parseLinks(answer.json) : answer.failure;
}

/** A namespace off the path. */
export function linksOnly(at: NetnsHandle, links: readonly Link[]): Namespace {
  return {
    ...identity(at),
    detail: 'links',
    links,
    routes: [],
    rules: [],
    neighbours: [],
    fdb: [],
    sysctls: {},
    filters: {},
  };
}

/**
 * A namespace on the path, its programs all started at once.
 *
 * @param links its links, as soon as they are known
 * @param likely its links as they were when last seen, to know what is worth asking about
 */
export async function readInFull(
  run: RunProgram,
  at: NetnsHandle,
  links: Promise<readonly Link[]>,
  likely: readonly Link[],
  gap: NoteGap,
): Promise<Namespace> {
  const nothing = { routes: [], rules: [], neighbours: [] };
  const withIpv6 = existsSync('/proc/sys/net/ipv6');
  const switches = likely.some((link) => link.kind === 'bridge' || link.kind === 'vxlan');
  const filtersVlans = likely.some((link) => link.bridge?.vlanFiltering);
  const [ipv4, ipv6, fdb, vlans, filters, traffic, withSettings] = await Promise.all([
    readFamily(run, at, 4, gap),
    withIpv6 ? readFamily(run, at, 6, gap) : nothing,
    switches ? readFdb(run, at, gap) : [],
    filtersVlans ? readVlans(run, at, gap) : new Map(),
    readFilters(run, at, gap),
    readTrafficControl(run, at, gap),
    links.then((known) => ({ known, ...readSettings(at, known, gap) })),
  ]);
  return {
    ...identity(at),
    detail: 'full',
    links: withSettings.known.map((link) => {
      const own = withSettings.links.get(link.name);
      return {
        ...link,
        ipv4: own?.ipv4 ?? {},
        ipv6: own?.ipv6 ?? {},
        ...(traffic.has(link.name) && { data: { ...link.data, ...traffic.get(link.name) } }),
        ...(link.port && { port: { ...link.port, vlans: vlans.get(link.name) ?? [] } }),
        ...(link.bridge?.vlanFiltering && { bridge: { ...link.bridge, vlans: vlans.get(link.name) ?? [] } }),
      };
    }),
    routes: [...ipv4.routes, ...ipv6.routes],
    rules: [...ipv4.rules, ...ipv6.rules],
    neighbours: [...ipv4.neighbours, ...ipv6.neighbours],
    fdb,
    sysctls: withSettings.namespace,
    filters,
  };
}

function identity(at: NetnsHandle): Pick<Namespace, 'id' | 'inode' | 'names' | 'path' | 'pids'> {
  return { id: at.id, inode: at.inode, names: at.names, path: at.path, pids: at.pids };
}

interface FamilyState {
  readonly routes: Route[];
  readonly rules: PolicyRule[];
  readonly neighbours: Neighbour[];
}

const familyQuestions = ['route show table all', 'rule show', 'neigh show nud all', 'neigh show proxy'];

async function readFamily(run: RunProgram, at: NetnsHandle, family: 4 | 6, gap: NoteGap): Promise<FamilyState> {
  const answers = await ask(run, at, 'ip', [`-${family}`, '-j', '-d'], familyQuestions);
  const json = (question: number): unknown =>
    take(answers[question], (reason) => gap(`ip -${family} ${familyQuestions[question]} in ${at.id}: ${reason}`));
  const { routes, skipped } = parseRoutes(json(0), family);
  if (skipped > 0) gap(`${skipped} IPv${family} routes of ${at.id} have a TOS or a source prefix: left out`);
  const rules = parseRules(json(1), family);
  return { routes, rules, neighbours: [...parseNeighbours(json(2)), ...parseNeighbours(json(3))] };
}

async function readFdb(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<FdbEntry[]> {
  const [answer] = await ask(run, at, 'bridge', ['-j'], ['fdb show']);
  return parseFdb(take(answer, (reason) => gap(`bridge fdb: ${reason}, forwarding entries of ${at.id} unknown`)));
}

async function readVlans(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<ReturnType<typeof parseVlans>> {
  const [answer] = await ask(run, at, 'bridge', ['-j'], ['vlan show']);
  return parseVlans(take(answer, (reason) => gap(`bridge vlan: ${reason}, VLANs of the ports of ${at.id} unknown`)));
}

async function readFilters(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<Filters> {
  const unknown = (program: string) => (reason: string) =>
    gap(`${program}: ${reason}, filter rules of ${at.id} unknown`);
  const [nft, legacy] = await Promise.all([run(at, 'nft', ['-j', 'list', 'ruleset']), readLegacy(run, at, gap)]);
  const ruleset = take(readJson(nft), unknown('nft'));
  const nftables = isObject(ruleset) ? field(ruleset, 'nftables') : undefined;
  return {
    ...(Array.isArray(nftables) && { nftables, ...(await readOpaque(run, at, nftables, gap)) }),
    ...(legacy !== undefined && { iptablesLegacy: legacy }),
  };
}

/** What iptables-nft and ebtables-nft put into nftables and nft cannot print: their own listings have it. */
async function readOpaque(
  run: RunProgram,
  at: NetnsHandle,
  nftables: readonly unknown[],
  gap: NoteGap,
): Promise<Pick<Filters, 'iptablesNft' | 'ebtablesNft'>> {
  const opaque = nftables.flatMap((entry) => {
    const rule = isObject(entry) ? field(entry, 'rule') : undefined;
    const expressions = isObject(rule) ? field(rule, 'expr') : undefined;
    const hidden =
      Array.isArray(expressions) && expressions.some((one) => isObject(one) && field(one, 'xt') !== undefined);
    return hidden && isObject(rule) ? [field(rule, 'family')] : [];
  });
  const list = async (family: string, program: string): Promise<string | undefined> => {
    if (!opaque.includes(family)) return undefined;
    const saved = await run(at, program, []);
    if (saved.kind === 'ok') return saved.stdout;
    gap(`${program}: ${saved.reason}, some filter rules of ${at.id} are not decided`);
    return undefined;
  };
  const [iptablesNft, ebtablesNft] = await Promise.all([
    list('ip', 'iptables-nft-save'),
    list('bridge', 'ebtables-nft-save'),
  ]);
  return {
    ...(iptablesNft !== undefined && { iptablesNft }),
    ...(ebtablesNft !== undefined && { ebtablesNft }),
  };
}

/** Legacy tables exist only where a program loaded them. Asking iptables-legacy where there are none would load them. */
async function readLegacy(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<string | undefined> {
  if (tableNames(at, 'ip6_tables_names') !== '') gap(`legacy ip6tables rules of ${at.id} are not read`);
  if (tableNames(at, 'ip_tables_names') === '') return undefined;
  const saved = await run(at, 'iptables-legacy-save', ['-c']);
  if (saved.kind === 'ok') return saved.stdout;
  gap(`iptables-legacy-save: ${saved.reason}, legacy filter rules of ${at.id} unknown`);
  return undefined;
}

function tableNames(at: NetnsHandle, file: string): string {
  try {
    return insideNetns(at, () => readFileSync(`/proc/thread-self/net/${file}`, 'latin1')).trim();
  } catch {
    return '';
  }
}

function readSettings(at: NetnsHandle, links: readonly Link[], gap: NoteGap): Sysctls {
  try {
    return insideNetns(at, () => readSysctls(links.map((link) => link.name)));
  } catch (cause) {
    gap(`sysctls of ${at.id}: ${cause instanceof Error ? cause.message : String(cause)}`);
    return { namespace: {}, links: new Map() };
  }
}

/** An answer's JSON; where there is none, the reason is noted and an empty list stands for it. */
function take(answer: Answer | undefined, note: (reason: string) => void): unknown {
  if (answer && 'json' in answer) return answer.json;
  note(answer?.failure.reason ?? 'no answer');
  return [];
}

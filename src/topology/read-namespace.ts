/** Everything the kernel says about one namespace, for the model. */
import { existsSync } from 'node:fs';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { dumpLinksInFull } from './links-by-netlink.ts';
import type { FdbEntry, Link, Namespace } from './model.ts';
import { parseFdb } from './parse-fdb.ts';
import { type ParsedLink, parseLinks, parseVlans } from './parse-links.ts';
import { parseNeighbours } from './parse-neighbours.ts';
import { hasMtus, lockedAt, parsePathMtus } from './parse-path-mtus.ts';
import { parseRoutes } from './parse-routes.ts';
import { parseRules } from './parse-rules.ts';
import { type Answer, ask, type Outcome, type RunProgram, refuseUnfitIp } from './program.ts';
import { readFilters } from './read-filters.ts';
import { readSnooping, withSnooping } from './read-snooping.ts';
import { readSysctls, type Sysctls } from './sysctls.ts';
import { type FamilyTables, readTables, withTables } from './tables-by-netlink.ts';
import { readTrafficControl } from './traffic-control.ts';

/** Takes down what could not be read: "nft: not installed, filter rules of newns unknown". */
export type NoteGap = (gap: string) => void;

/** Links and addresses, or why there are none. Asks ip only of devices whose settings it alone knows. */
export async function readLinks(
  run: RunProgram,
  at: NetnsHandle,
): Promise<ParsedLink[] | Exclude<Outcome, { kind: 'ok' }>> {
  const dumped = withTables(at, dumpLinksInFull);
  if (dumped) return dumped;
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
 * A namespace on the path: what the kernel does not tell plainly is asked of programs, all started at once.
 *
 * @throws VdiagError `missing-program` where ip has to be asked and cannot be
 */
export async function readInFull(
  run: RunProgram,
  at: NetnsHandle,
  links: readonly Link[],
  gap: NoteGap,
): Promise<Namespace> {
  const nothing = { routes: [], skipped: 0, rules: [], neighbours: [], pathMtus: [] };
  const withIpv6 = existsSync('/proc/sys/net/ipv6');
  const switches = links.some((link) => link.kind === 'bridge' || link.kind === 'vxlan');
  const filtersVlans = links.some((link) => link.bridge?.vlanFiltering);
  const tables = readTables(at, new Map(links.map(({ index, name }) => [index, name])));
  const settings = readSettings(at, links, gap);
  const [ipv4, ipv6, fdb, vlans, snooping, filters, traffic] = await Promise.all([
    tables.ipv4 ?? askFamily(run, at, 4, gap),
    withIpv6 ? (tables.ipv6 ?? askFamily(run, at, 6, gap)) : nothing,
    switches ? (tables.fdb ?? readFdb(run, at, gap)) : [],
    filtersVlans ? readVlans(run, at, gap) : new Map(),
    readSnooping(run, at, links, tables.mdb, gap),
    readFilters(run, at, tables.hasNftables, gap),
    tables.hasTrafficControl ? readTrafficControl(run, at, gap) : new Map(),
  ]);
  for (const [family, { skipped }] of [[4, ipv4] as const, [6, ipv6] as const])
    if (skipped > 0) gap(`${skipped} IPv${family} routes of ${at.id} have a TOS or a source prefix: left out`);
  return {
    ...identity(at),
    detail: 'full',
    links: links.map((known) => {
      const link = withSnooping(known, snooping);
      const own = settings.links.get(link.name);
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
    pathMtus: [...ipv4.pathMtus, ...ipv6.pathMtus],
    fdb,
    sysctls: settings.namespace,
    filters,
  };
}

function identity(at: NetnsHandle): Pick<Namespace, 'id' | 'inode' | 'names' | 'path' | 'pids'> {
  return { id: at.id, inode: at.inode, names: at.names, path: at.path, pids: at.pids };
}

const familyQuestions = [
  'route show table all',
  'rule show',
  'neigh show nud all',
  'neigh show proxy',
  'route show cache',
] as const;

async function askFamily(run: RunProgram, at: NetnsHandle, family: 4 | 6, gap: NoteGap): Promise<FamilyTables> {
  const answers = await ask(run, at, 'ip', [`-${family}`, '-j', '-d'], familyQuestions);
  for (const answer of answers) if ('failure' in answer) refuseUnfitIp(answer.failure);
  const json = (question: number): unknown =>
    take(answers[question], (reason) => gap(`ip -${family} ${familyQuestions[question]} in ${at.id}: ${reason}`));
  const [listedRoutes, listedPaths] = [json(0), json(4)];
  const [lockedRoutes, lockedPaths] = await Promise.all([
    readLocked(run, at, family, familyQuestions[0], listedRoutes),
    readLocked(run, at, family, familyQuestions[4], listedPaths),
  ]);
  return {
    ...parseRoutes(listedRoutes, family, lockedRoutes),
    rules: parseRules(json(1), family),
    neighbours: [...parseNeighbours(json(2)), ...parseNeighbours(json(3))],
    pathMtus: parsePathMtus(listedPaths, family, lockedPaths),
  };
}

/** Only the text says which MTUs are locked: asked where there are any. */
async function readLocked(
  run: RunProgram,
  at: NetnsHandle,
  family: 4 | 6,
  question: string,
  listed: unknown,
): Promise<ReadonlySet<number>> {
  if (!hasMtus(listed)) return new Set();
  const answer = await run(at, 'ip', [`-${family}`, '-o', ...question.split(' ')]);
  return answer.kind === 'ok' ? lockedAt(answer.stdout) : new Set();
}

async function readFdb(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<FdbEntry[]> {
  const [answer] = await ask(run, at, 'bridge', ['-j'], ['fdb show']);
  return parseFdb(take(answer, (reason) => gap(`bridge fdb: ${reason}, forwarding entries of ${at.id} unknown`)));
}

async function readVlans(run: RunProgram, at: NetnsHandle, gap: NoteGap): Promise<ReturnType<typeof parseVlans>> {
  const [answer] = await ask(run, at, 'bridge', ['-j'], ['vlan show']);
  return parseVlans(take(answer, (reason) => gap(`bridge vlan: ${reason}, VLANs of the ports of ${at.id} unknown`)));
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

/**
 * Large captures with exact truth, made by the generator that lies beside the project: every packet that was lost, and where; every
 * exchange, and why it failed; the time of every hop, summed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JsonValue } from '../../src/capfile/json-value.ts';
import { analyze } from '../../src/session/analyze.ts';
import { CaptureSet } from '../../src/session/capture-set.ts';
import { Family } from '../../src/survey/kind.ts';
import type { FailureGroup, LostPacket, SurveySummary } from '../../src/survey/summary.ts';
import { Survey } from '../../src/survey/survey.ts';
import { CORPUS } from '../capfile/corpus.ts';

const SOURCE = join(CORPUS, 'gen/gen_big.c');
export const TINY = join(CORPUS, 'gen/tiny-256k-3if.pcapng');

/** Why the generator cannot be had; undefined where it can. */
export function whyNot(): string | undefined {
  if (!existsSync(SOURCE)) return '../shared/corpus is not there';
  return spawnSync('gcc', ['--version']).error === undefined ? undefined : 'gcc is not installed';
}

export function compileGenerator(folder: string): string {
  const program = join(folder, 'gen_big');
  const { status, stderr } = spawnSync('gcc', ['-O2', '-o', program, SOURCE], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`gcc: ${stderr}`);
  return program;
}

export function generate(program: string, path: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(program, ['--format', 'pcapng3', '--out', path, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`gen_big: ${stderr}`);
}

/** Where vdiag and the truth differ, line by line; nothing when it is exact. */
export async function differences(path: string): Promise<string[]> {
  const truth = new JsonValue(JSON.parse(readFileSync(`${path}.truth.json`, 'utf8')));
  const places = truth
    .field('interfaces')
    .items()
    .map((item) => item.field('name').text());
  const { analysis } = await analyze({ captures: [{ path }] });
  const { summary } = analysis;
  const facts: Facts = { truth, places, summary };
  const surveyed = await surveyOf(path);
  return [
    ...compare('frames', summary.frames, truth.field('frames').count()),
    ...compare('packets', summary.packets, truth.field('base_packets').count()),
    ...compare('closed early', summary.closedEarly, 0),
    ...lostDifferences(readFileSync(`${path}.truth.lost.tsv`, 'utf8'), facts),
    ...exchangeDifferences(facts, surveyed),
    ...roundTripDifferences(facts, surveyed),
    ...delayDifferences(facts, surveyed),
    ...ownerDifferences(facts),
  ];
}

interface Facts {
  readonly truth: JsonValue;
  readonly places: readonly string[];
  readonly summary: SurveySummary;
}

function compare(what: string, found: unknown, wanted: unknown): string[] {
  return found === wanted ? [] : [`${what}: found ${String(found)}, truth ${String(wanted)}`];
}

/** The same reading as `analyze` makes: for sums that its summary gives as averages, or of the largest pairs only. */
async function surveyOf(path: string): Promise<Surveyed> {
  const set = await CaptureSet.open([{ path }]);
  const survey = new Survey();
  await set.each(survey, async () => true);
  survey.finish();
  set.close();
  return { survey, numbers: new Map(set.places.map(({ name }, index) => [name, index])) };
}

interface Surveyed {
  readonly survey: Survey;
  /** Of the places, by name. */
  readonly numbers: ReadonlyMap<string, number>;
}

const KINDS: Readonly<Record<string, string>> = {
  arp_request: 'arp-request',
  arp_reply: 'arp-reply',
  icmp_echo_request: 'echo-request',
  icmp_echo_reply: 'echo-reply',
  icmp6_echo_request: 'echo-request',
  icmp6_echo_reply: 'echo-reply',
  icmp_3_3: 'icmp-error',
  icmp_11_0: 'icmp-error',
  icmp6_ns: 'neighbour-solicitation',
  icmp6_na: 'neighbour-advertisement',
  icmp6_ra: 'icmp',
};

/** Every lost packet, on one line each: as often on the one side as on the other. */
function lostDifferences(tsv: string, { places, summary }: Facts): string[] {
  const wanted = tsv
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => lostRow(line, places));
  const found = summary.lostPackets.map(lostLine);
  return [
    ...without(wanted, found).map((line) => `not found: ${line}`),
    ...without(found, wanted).map((line) => `invented: ${line}`),
  ];
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

function lostRow(line: string, places: readonly string[]): string {
  const [kind = '', direction, hop = '', , ns = '', source = '', target = '', , identifier = '', sequence = ''] =
    line.split('\t');
  const way = direction === 'out' ? places : [...places].reverse();
  const [last, next] = [way[Number(hop) - 2], way[Number(hop) - 1]];
  const ends = `${addressOf(source)} ${solicited(kind, addressOf(target))}`;
  return `${KINDS[kind] ?? 'other'} ${ends} ${identifier}/${sequence} ${last}>${next} at ${ns}`;
}

function lostLine({ kind, source, target, identifier, sequence, last, next, timeNs }: LostPacket): string {
  const ends = `${source} ${solicited(kind, target)}`;
  return `${kind} ${ends} ${identifier ?? ''}/${sequence ?? ''} ${last.name}>${next.name} at ${timeNs}`;
}

/** Of the address a solicitation asks for, the truth names the multicast group only: its last 24 bits (RFC 4291). */
function solicited(kind: string, target: string): string {
  if (kind !== 'icmp6_ns' && kind !== 'neighbour-solicitation') return target;
  const [high = 0, low = 0] = target
    .split(':')
    .slice(-2)
    .map((group) => Number.parseInt(group, 16));
  return `solicited ${(high & 0xff) * 0x10000 + low}`;
}

/** IPv6 addresses stand there as 32 digits. */
function addressOf(text: string): string {
  if (!/^[0-9a-f]{32}$/.test(text)) return text;
  const groups = text.match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Exchanges by kind: `why` of the generator against the failures of the pairs. */
function exchangeDifferences({ truth, places, summary }: Facts, { survey }: Surveyed): string[] {
  const lines: string[] = [];
  const exchanges = truth.field('exchanges');
  for (const { name, kind, family, version } of EXCHANGES) {
    const wanted = exchanges.field(name);
    const { requests, answered } = asked(survey, family, version);
    lines.push(
      ...compare(`${name} requests`, requests, wanted.field('requests').count()),
      ...compare(`${name} answered`, answered, wanted.field('answered_at_asker').count()),
    );
    const groups = summary.pairs
      .filter((pair) => pair.kind === kind && pair.source.includes(':') === (version === 6))
      .flatMap(({ failures }) => failures);
    const failed = (failure: FailureGroup['failure'], next?: string) =>
      groups
        .filter((group) => group.failure === failure && (next === undefined || group.next?.name === next))
        .reduce((sum, group) => sum + group.requests, 0);
    const why = wanted.field('why');
    for (const [reason, count] of [
      ['request_lost_at_hop2', failed('request-lost', places[1])],
      ['request_lost_at_hop3', failed('request-lost', places[2])],
      ['target_silent', failed('unanswered')],
      ['reply_lost_at_hop2', failed('reply-lost', places[1])],
      ['reply_lost_at_hop3', failed('reply-lost', places[0])],
    ] as const)
      lines.push(...compare(`${name} ${reason}`, count, why.field(reason).count()));
  }
  return lines;
}

const EXCHANGES = [
  { name: 'arp', kind: 'arp', family: Family.arp, version: 4 },
  { name: 'icmp_echo', kind: 'echo', family: Family.echo, version: 4 },
  { name: 'nd', kind: 'neighbour', family: Family.neighbour, version: 6 },
  { name: 'icmp6_echo', kind: 'echo', family: Family.echo, version: 6 },
] as const;

/** Of all flows: the summary names the largest pairs only. */
function asked({ flows, addresses }: Survey, family: number, version: 4 | 6) {
  const sum: { requests: number; answered: number } = { requests: 0, answered: 0 };
  for (let id = 0; id < flows.size; id++) {
    const flow = flows.get(id);
    if (flow.family !== family || addresses.isV4(flow.source) !== (version === 4)) continue;
    sum.requests += flow.requests;
    sum.answered += flow.answered;
  }
  return sum;
}

/** By family, as the survey keeps them: ARP, echo of both versions, neighbour discovery. */
function roundTripDifferences({ truth }: Facts, { survey: { roundTrips } }: Surveyed): string[] {
  const exchanges = truth.field('exchanges');
  const sum = (name: string) => Number(exchanges.field(name).field('rtt_at_asker_sum_ns').bigint());
  return [
    ...compare('arp round trips', roundTrips[0]?.sumNs ?? 0, sum('arp')),
    ...compare('echo round trips', roundTrips[1]?.sumNs ?? 0, sum('icmp_echo') + sum('icmp6_echo')),
    ...compare('nd round trips', roundTrips[3]?.sumNs ?? 0, sum('nd')),
  ];
}

/** From the first place on: by direction, how many came to the second and the third, and how long that took them together. */
function delayDifferences({ truth, places }: Facts, { survey: { ways }, numbers }: Surveyed): string[] {
  const lines: string[] = [];
  for (const direction of ['out', 'in'] as const) {
    const names = direction === 'out' ? places : [...places].reverse();
    const [first = -1, second = -1, third = -1] = names.map((name) => numbers.get(name) ?? -1);
    const hops = truth.field('paths').field(direction).field('hop_latency_ns');
    const found = { second: 0, secondNs: 0, third: 0, thirdNs: 0 };
    for (const way of ways.ways) {
      if (way.first !== first || way.id === 0 || !way.places.includes(second)) continue;
      const toSecond = ways.delay(way.id, second);
      found.second += toSecond.packets;
      found.secondNs += toSecond.sum;
      if (!way.places.includes(third)) continue;
      found.third += toSecond.packets;
      found.thirdNs += ways.delay(way.id, third).sum - toSecond.sum;
    }
    const [near, far] = [hops.field('1_to_2'), hops.field('2_to_3')];
    lines.push(
      ...compare(`${direction}: at the second place`, found.second, near.field('n').count()),
      ...compare(`${direction}: to it, ns`, found.secondNs, near.field('sum').value),
      ...compare(`${direction}: at the third place`, found.third, far.field('n').count()),
      ...compare(`${direction}: to it, ns`, found.thirdNs, far.field('sum').value),
    );
  }
  return lines;
}

/** Those whose second owner said a word are contested, and no others. */
function ownerDifferences({ truth, summary }: Facts): string[] {
  const sent = truth.field('duplicate_ip').field('second_owner_replies_sent').count();
  const second = summary.contests.flatMap(({ claimants }) =>
    claimants.filter(({ mac }) => mac.startsWith('02:42:0a:01:50:')),
  );
  const strange = summary.contests.filter(({ address }) => !['10.0.128.9', '10.0.128.79'].includes(address));
  return [
    ...strange.map(({ address }) => `contested: ${address}`),
    ...compare('mismatches', summary.mismatches.length, 0),
    ...compare(
      'second owner',
      second.reduce((sum, { packets }) => sum + packets, 0),
      // One that never came into a contest spoke alone.
      summary.contests.length === 0 ? 0 : sent,
    ),
  ];
}

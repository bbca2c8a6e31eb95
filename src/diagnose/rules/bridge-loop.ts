import type { Gate } from '../../path/gate.ts';
import { type Cable, cables, loopThrough } from '../../path/loop.ts';
import { placeOf } from '../../path/world.ts';
import { familyOf } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import type { Topology } from '../../topology/model.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf, ownersOf } from '../../topology/query.ts';
import { isAnswered, type ResolutionExchange } from '../../trace/exchange.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Confidence, Evidence } from '../finding.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { isCovered } from '../walk.ts';

export const bridgeLoop: Rule = {
  id: 'bridge-loop',
  severity: 'fault',
  title: 'the bridges form a loop, and broadcasts go round in it',
  explain: {
    what: `Two ways between the same bridges, and no spanning tree protocol that closes one: a broadcast goes round for ever, and
comes out of every port each time. With every round the bridges learn the sender on another port, so that answers go
astray. An Ethernet frame has no time to live: it ends only when something is full.`,
    wire: `The same ARP request many times on one interface, although it was sent once; the sender hears its own broadcast come
back.`,
    confirm: `  bridge link                         two ports that lead to the same other bridge
  tcpdump -n -e -i PORT arp           the same request, again and again
  bridge monitor fdb                  addresses that move to and fro`,
    cure: `  ip link set PORT down               of one of the two ways
  ip link set BRIDGE type bridge fdb_flush       what was learnt in the loop is wrong, and lives for five minutes
or let the bridges find the loop themselves, all of them: ip link set BRIDGE type bridge stp_state 1
(half a minute without traffic follows).`,
    otherwise: `A request that is repeated about once a second is sent again because nobody answers: that is no loop.`,
  },
  evaluate(context) {
    const { situation, example } = context;
    // With the addresses on the wrong ports, the table that sends an answer astray is a consequence.
    const astray =
      situation.kind === 'lost' ||
      (situation.kind === 'stopped' && isOfTable(situation.gate) && situation.blocks === 'now');
    const healthy = situation.kind === 'overall' && example !== undefined && isAnswered(example);
    return astray || healthy ? claim(context) : undefined;
  },
};

/** It stops where the table has the target behind a port that it is not behind: another one, or the one it came in by. */
function isOfTable(gate: Gate): boolean {
  return gate.kind === 'fdb' || (gate.kind === 'port-flag' && gate.flag === 'hairpin');
}

/** A storm that a loop makes drowns the capture: this many frames of a network with three probes in it. */
const DROWNED_FRAMES = 1000;

function claim({ topology, exchanges, coverage, situation }: Context): Claim | undefined {
  const open = cables(topology).filter(({ from, to }) =>
    [from, to].every(({ link }) => link.port?.state === 'forwarding'),
  );
  const requests = exchanges.filter((exchange): exchange is ResolutionExchange => exchange.kind !== 'echo');
  for (const cable of open) {
    const loop = loopThrough(open, cable.bridges[0]).filter((other) => isJoined(open, cable, other));
    if (!loop.includes(cable)) continue;
    const ports = loop.flatMap(({ from, to }) => [placeOf(from), placeOf(to)]);
    const round = roundOf(requests, {
      ports,
      isPort: (at) => linkOf(topology, at)?.master !== undefined,
      isHeard: (address) =>
        ownersOf(topology, address).some(({ namespace, link }) =>
          isCovered(coverage, { netns: namespace.id, name: link.name }),
        ),
    });
    if (round) return looped(topology, loop, cameRound(topology, round));
    const inLoop = new Set(ports.map(({ netns }) => netns));
    const drowned = coverage.lost.filter(({ netns }) => inLoop.has(netns)).reduce((sum, { frames }) => sum + frames, 0);
    const unproven = situation.kind === 'stopped' || (situation.kind === 'lost' && !situation.covered);
    if (unproven && drowned >= DROWNED_FRAMES) return looped(topology, loop, storm(drowned));
  }
  return undefined;
}

/** Both are part of a loop, and the one is no longer when the other is cut. */
function isJoined(open: readonly Cable[], cable: Cable, other: Cable): boolean {
  const rest = open.filter((candidate) => candidate !== other);
  return cable === other || !loopThrough(rest, cable.bridges[0]).includes(cable);
}

interface Round {
  readonly target: string;
  readonly sent: number;
  readonly came: number;
  readonly place: Place;
}

/** What was sent before the capture began may still come in once or twice; one that comes as often as this goes round. */
const ROUNDS_OF_OLD = 8;

interface Surroundings {
  /** Of the loop. */
  readonly ports: readonly Place[];
  /** The device is a port of a bridge. */
  readonly isPort: (place: Place) => boolean;
  /** Whatever is sent with this address is sighted where it is sent. */
  readonly isHeard: (address: string) => boolean;
}

/** A request that came to the loop's own ports more often than it was sent, or back to who sent it: flooding alone does neither. */
function roundOf(requests: readonly ResolutionExchange[], { ports, isPort, isHeard }: Surroundings): Round | undefined {
  for (const { senderProtocol, targetProtocol: target } of requests) {
    const frames = requests
      .filter((other) => other.senderProtocol === senderProtocol && other.targetProtocol === target)
      .flatMap(({ request }) => request.sightings.map(({ frame }) => frame));
    const leaving = frames.filter(({ direction, place }) => direction === 'out' && !isPort(place));
    const sent = leaving.length;
    const askers = leaving.slice(0, 1).map(({ place }) => place);
    const counts = [...ports, ...askers].map((place) => ({
      place,
      came: frames.filter((frame) => frame.direction === 'in' && placeKey(frame.place) === placeKey(place)).length,
    }));
    const most = counts.toSorted((a, b) => b.came - a.came)[0];
    const returned = counts.some(({ place, came }) => askers.includes(place) && came > 0);
    if (sent > 0 && most && (most.came > sent || returned)) return { target, sent, ...most };
    if (sent === 0 && most && most.came >= ROUNDS_OF_OLD && isHeard(senderProtocol)) return { target, sent, ...most };
  }
  return undefined;
}

/** What shows that frames go round. */
interface Sign {
  readonly sentence: string;
  readonly evidence: Evidence;
  readonly confidence?: Confidence;
}

function cameRound(topology: Topology, { target, sent, came, place }: Round): Sign {
  const at = placeName(topology, place);
  const question = familyOf(target) === 6 ? 'neighbour solicitation' : 'ARP request';
  return {
    sentence: `the ${question} for ${target} was sent ${sent === 0 ? 'before the capture began,' : sent === 1 ? 'once' : `${sent} times`} and came to ${at} ${came} times.`,
    evidence: { kind: 'sighting', text: `the ${question} for ${target} came in by ${at} ${came} times`, place },
  };
}

/** Nobody can keep up with it, so the probe's own frames are not found in it. */
function storm(frames: number): Sign {
  return {
    sentence: `There is so much traffic there that the capture lost ${frames} frames of it.`,
    evidence: { kind: 'sighting', text: `the capture could not keep up where the loop is: ${frames} frames were lost` },
    confidence: 'likely',
  };
}

function looped(
  topology: Topology,
  loop: readonly Cable[],
  { sentence, evidence, confidence }: Sign,
): Claim | undefined {
  const ends = loop.map(({ from, to }) => [from, to].map((end) => placeName(topology, placeOf(end))).join('-'));
  const bridges = new Map(loop.flatMap(({ bridges: both }) => both).map((bridge) => [placeKey(bridge), bridge]));
  const names = [...bridges.values()].map((bridge) => placeName(topology, bridge));
  const last = loop.at(-1)?.from;
  if (!last) return undefined;
  const at = placeOf(last);
  const cut = placeName(topology, at);
  return {
    title: `${names.join(' and ')} form a loop (${ends.join(', ')}): broadcasts go round in it`,
    summary: `${sentence} There is more than one way between these bridges, all are open, and with every round the sender is learnt on another port: answers can go astray.`,
    where: at,
    ...(confidence === undefined ? {} : { confidence }),
    cure: {
      why: `cut one of the ways, ${cut}, and forget what was learnt in the loop`,
      changes: [
        { kind: 'link-down', at },
        ...[...bridges.values()].map((bridge): Change => ({ kind: 'fdb-flush', at: bridge })),
      ],
    },
    evidence: [
      evidence,
      { kind: 'state', text: `these veth pairs join ${names.join(' and ')}: ${ends.join(', ')}`, look: 'bridge link' },
    ],
  };
}

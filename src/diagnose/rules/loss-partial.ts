import { placeName } from '../../topology/naming.ts';
import { type EchoExchange, isAnswered } from '../../trace/exchange.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { Evidence } from '../finding.ts';
import type { Milestone } from '../hops.ts';
import { droppedHow, droppedPacket } from '../kernel-word.ts';
import { lossClaim, unlessChanged } from '../loss.ts';
import { type PartialLoss, patternText, waitsFor } from '../partial-loss.ts';
import type { Claim, Context, Rule, Situation } from '../rule.ts';
import { isCovered } from '../walk.ts';

export const lossPartial: Rule = {
  id: 'loss-partial',
  severity: 'fault',
  title: 'some packets were lost on the way, while others like them arrived',
  explain: {
    what: `Most packets pass, some do not. That is no wrong setting, which would stop all of them: it is a queue that
overflows, a rule with a rate or a chance in it, a link with errors, a way that comes and goes, a table that is full at
times, or two owners of one address. Where a state explains it, vdiag names that rule instead, and says how many it took.`,
    wire: `Packets end at one place, although others that come that far go on to the next; or a few requests have no
reply, and their neighbours in time have one. With ten probes or more (-c 10) vdiag prints how many came to each place.`,
    confirm: `  vdiag ping-trace DEV ADDRESS -c 50 -i 0.1                 where the count falls
  tc -s qdisc show dev DEV; ip -s -s link show dev DEV      drops and errors that grow
  nft list ruleset; iptables-save -c                        rules with limit, numgen, statistic, and their counters
  ethtool -S DEV                                            what the driver and the card count
  vdiag drops --for 30                                      what the kernel drops meanwhile, and why
and look at when they were lost: all at one moment is an interruption, evenly spread is a queue or an error rate.`,
    cure: `Follows from the counter that grows. A longer queue only delays the loss if more comes in than goes out.`,
    otherwise: `A capture that lost frames itself looks the same: "packets dropped by kernel" in tcpdump's last lines, and
vdiag names what the file says about it. The first ping to a host that has to ask ARP itself is sometimes
lost: once is no fault, and vdiag makes a note of it.`,
  },
  evaluate(context) {
    const { situation, partial } = context;
    if (situation.kind !== 'lost' || !partial) return undefined;
    return askedMeanwhile(context, partial) ?? claim(context, situation, partial);
  },
};

function claim(context: Context, situation: Extract<Situation, { kind: 'lost' }>, partial: PartialLoss): Claim {
  const { topology, coverage, query, drop } = context;
  const { lost, here, sent, last, next } = partial;
  const name = ({ place, direction }: Milestone) =>
    direction === 'socket' ? 'the probing socket' : placeName(topology, place);
  const stray = strayOf(situation, context);
  // What comes next there is the reply: of what lies behind, nothing was listened to, or it is the target itself.
  const turns = last !== undefined && next !== undefined && placeKey(last.place) === placeKey(next.place);
  const between = stray
    ? `at ${placeName(topology, stray)}, on another way`
    : last
      ? next && !turns
        ? `between ${name(last)} and ${name(next)}`
        : `${last.direction === 'in' ? 'at' : 'behind'} ${name(last)}`
      : next
        ? `before they came out of ${name(next)}`
        : 'before they were sighted anywhere';
  const what = (last ?? next)?.packet === 'echo-reply' ? 'replies' : 'requests';
  const some = here.length < lost.length ? `${here.length} of them` : `The ${what}`;
  const word = drop ? ` The kernel says that it dropped the ${droppedPacket(drop)}: ${droppedHow(drop)}.` : '';
  const others = stray
    ? `at ${placeName(topology, stray)}, where the others never came: they were sent another way`
    : undefined;
  const watched = next === undefined ? false : next.direction === 'socket' || isCovered(coverage, next.place);
  const { evidence = [] } = lossClaim(context, situation);
  return {
    title: `${lost.length} of ${sent} probes lost: ${here.length < lost.length ? `${here.length} ${what}` : what} end ${between}`,
    summary: `${patternText(partial)} ${some} were last sighted ${others ?? (last ? `at ${name(last)}` : 'nowhere')}${
      next && last && !stray
        ? turns
          ? ', and no reply came by there, while the others were answered'
          : ` and never came to ${name(next)}, while the others did`
        : ''
    }.${word || (situation.undecided.length > 0 ? ' Something there that vdiag does not decide takes some and lets others pass: see the evidence.' : ` No state that vdiag reads explains it${unlessChanged(context)}.`)}`,
    where: drop?.place ?? stray ?? (last ?? next)?.place ?? query.start,
    confidence: watched || drop ? 'proven' : 'likely',
    evidence: [...counts(context, partial), ...evidence],
  };
}

/** Where they were sighted last, if no other probe came by there. */
function strayOf({ last }: Extract<Situation, { kind: 'lost' }>, { figures }: Context): Place | undefined {
  if (last?.kind !== 'place' || !figures) return undefined;
  const key = placeKey(last.place);
  return figures.milestones.some(({ place }) => placeKey(place) === key) ? undefined : last.place;
}

/** How many came to the last place, and how many to the next. */
function counts({ topology, figures }: Context, { last, next }: PartialLoss): Evidence[] {
  return [last, next].flatMap((milestone): Evidence[] => {
    const index = figures && milestone ? figures.milestones.indexOf(milestone) : -1;
    if (!figures || !milestone || index < 0 || milestone.direction === 'socket') return [];
    const came = figures.passages.filter(({ times }) => times[index] !== undefined).length;
    const way = milestone.direction === 'in' ? 'in by' : 'out of';
    return [
      {
        kind: 'sighting',
        text: `${came} of ${figures.passages.length} ${milestone.packet === 'echo-reply' ? 'echo replies' : 'echo requests'} were sighted ${way} ${placeName(topology, milestone.place)}`,
        place: milestone.place,
      },
    ];
  });
}

/** The first ones, lost while somebody asked for a hardware address: the queue for it is short. */
function askedMeanwhile(context: Context, partial: PartialLoss): Claim | undefined {
  const { exchanges, query, topology } = context;
  const { lost, answered, last, next, sent } = partial;
  const firstAnswered = answered[0]?.sequence ?? 0;
  if (!lost.every(({ sequence }) => sequence < firstAnswered)) return undefined;
  const asked = waitsFor(exchanges, lost, last?.place.netns ?? query.start.netns);
  // Behind this machine nobody can be seen asking: of one probe, the first, it is the likely reason.
  const beyond = lost.length === 1 && isFirst(lost[0], context) && last?.direction === 'out' && isBeyond(last, next);
  if (!asked && !beyond) return undefined;
  const at = last?.place ?? query.start;
  return {
    title: `the first ${lost.length === 1 ? 'probe' : `${lost.length} probes`} of ${sent} got lost ${
      asked
        ? `while ${placeName(topology, asked.asker)} asked for ${asked.target}`
        : `behind ${placeName(topology, at)}, and all others were answered`
    }`,
    summary: `a packet that waits for a hardware address waits in a short queue, and some routers do not keep it at all. From then on every probe was answered.`,
    where: at,
    severity: 'note',
    confidence: asked ? 'likely' : 'possible',
  };
}

function isFirst(lost: EchoExchange | undefined, { exchanges }: Context): boolean {
  return lost !== undefined && exchanges.find(({ kind }) => kind === 'echo') === lost && !isAnswered(lost);
}

/** The request goes out, and what comes next is the reply coming in. */
function isBeyond(last: Milestone, next: Milestone | undefined): boolean {
  return last.packet === 'echo-request' && (next === undefined || next.packet === 'echo-reply');
}

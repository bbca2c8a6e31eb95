import { commandIn, netnsName, placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import { queueOf } from '../../topology/traffic-control.ts';
import { type Delay, delayOf } from '../delay.ts';
import type { Evidence } from '../finding.ts';
import type { Milestone } from '../hops.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const replySlow: Rule = {
  id: 'reply-slow',
  severity: 'warning',
  title: 'the replies come late, and the time is lost at one hop',
  explain: {
    what: `Every probe is answered, but a round trip inside one machine that should take well below a millisecond takes
ten or more, and most of that goes at one hop. A queueing discipline that limits the rate makes packets wait (tbf, htb,
netem with delay), a program that forwards them does not keep up (a VPN, a tunnel in user space), or a processor is
too busy to.`,
    wire: `The gap between two neighbouring sightings: before the packet leaves a device it waits in that device's queue; between
two ends of one pair, or inside a namespace, something else holds it. vdiag takes the median of all probes, so that
one late reply, or the time that the first one waits for ARP, is no slowness.`,
    confirm: `  vdiag ping-trace DEV ADDRESS -c 20          latency to each hop, in percentiles
  tc -s qdisc show dev DEV                    backlog and overlimits that grow
  top -H; cat /proc/net/softnet_stat          ksoftirqd busy; third column: out of time`,
    cure: `  tc qdisc del dev DEV root
gives the interface its ordinary queue back. Where the limit is wanted, the waiting is its price: let less come in, or
give interactive traffic a class of its own.`,
    otherwise: `Behind the uplink the way may be long: what is lost there is a note. If only the first reply is late, it has waited for
ARP; if some are late now and then, the machine is busy.`,
  },
  evaluate(context) {
    const { situation, figures, topology } = context;
    if (situation.kind !== 'overall' || !figures) return undefined;
    const delay = delayOf(figures, (to) => queueAt(context, to) !== undefined);
    if (!delay || (delay.beyond && delay.medianMs < FAR_MS)) return undefined;
    const place = delay.beyond ? (delay.from?.place ?? delay.to.place) : delay.to.place;
    const took = milliseconds(delay.medianMs);
    const whole = `the round trip takes ${milliseconds(delay.roundTripMs)}`;
    if (delay.beyond)
      return {
        title: `the reply comes ${took} after the request has left by ${placeName(topology, place)}: the time is lost behind it`,
        summary: `${whole}, and ${took} of that lie behind ${placeName(topology, place)}, where vdiag cannot see.`,
        where: place,
        severity: 'note',
        confidence: 'proven',
      };
    const queue = queueAt(context, delay.to);
    const packet = delay.to.packet === 'echo-reply' ? 'echo reply' : 'echo request';
    return {
      title: `the ${packet} ${queue ? `waits ${took} in the queueing discipline of ${placeName(topology, place)} (${queue})` : `takes ${took} ${hopText(context, delay)}`}; ${whole}`,
      summary: `${delay.slow} of ${delay.probes} probes lost their time there: ${took} in the middle, ${milliseconds(delay.mostMs)} at most. ${
        queue
          ? `What ${placeName(topology, place)} sends goes through ${queue} first, which lets no more pass than it is set to.`
          : 'No queueing discipline is there that would hold it: a program that forwards it, or a busy processor, does.'
      } All other hops together are faster.`,
      where: place,
      confidence: queue ? 'proven' : 'likely',
      evidence: evidence(context, delay),
      ...(queue ? cure(context, delay.to) : {}),
    };
  },
};

/** What takes longer to answer than this is worth a note wherever it is. */
const FAR_MS = 200;

/** The queueing discipline that a packet waits in before it can be sighted leaving. */
function queueAt({ topology }: Context, { place, direction }: Milestone): string | undefined {
  const link = direction === 'out' ? linkOf(topology, place) : undefined;
  return link && queueOf(link)?.kind;
}

function cure({ topology }: Context, { place }: Milestone): Pick<Claim, 'cure'> {
  return {
    cure: {
      why: `give ${placeName(topology, place)} its ordinary queue back`,
      changes: [{ kind: 'queue-del', at: place }],
    },
  };
}

function hopText({ topology }: Context, { from, to }: Delay): string {
  if (!from) return `until it comes out of ${placeName(topology, to.place)}`;
  if (from.packet !== to.packet) return `to be answered in ${netnsName(topology, to.place.netns)}`;
  return `from ${placeName(topology, from.place)} to ${placeName(topology, to.place)}`;
}

/** The two sightings of one probe between which it waited. */
function evidence({ topology, figures }: Context, { from, to, example }: Delay): Evidence[] {
  const link = linkOf(topology, to.place);
  const sightings = [from, to].flatMap((milestone): Evidence[] => {
    const timeNs = milestone && figures ? example.times[figures.milestones.indexOf(milestone)] : undefined;
    if (!milestone || timeNs === undefined) return [];
    const packet = milestone.packet === 'echo-reply' ? 'reply' : 'request';
    const way = milestone.direction === 'in' ? 'in by' : 'out of';
    return [
      {
        kind: 'sighting',
        text: `the ${packet} of probe ${example.exchange.sequence} was sighted ${way} ${placeName(topology, milestone.place)}`,
        place: milestone.place,
        timeNs,
      },
    ];
  });
  const queue = to.direction === 'out' && link ? queueOf(link) : undefined;
  if (!queue) return sightings;
  const look = commandIn(topology, to.place.netns, ['tc', '-s', 'qdisc', 'show', 'dev', to.place.name]);
  const name = placeName(topology, to.place);
  return [
    ...sightings,
    { kind: 'state', text: `the queueing discipline of ${name} is ${queue.kind}`, place: to.place, look },
  ];
}

/** "88 ms", below ten "8.8 ms". */
function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

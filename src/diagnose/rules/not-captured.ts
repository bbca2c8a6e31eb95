import { placeName } from '../../topology/naming.ts';
import { packetName } from '../evidence.ts';
import { lossPlaces } from '../loss.ts';
import type { Rule } from '../rule.ts';

export const notCaptured: Rule = {
  id: 'not-captured',
  severity: 'warning',
  title: 'the place where it vanished was not captured, or the capture lost frames: nothing is proven',
  explain: {
    what: `The packet was sighted up to one place. The next place could not be listened to (another machine, a namespace without
access), or the capture lost frames there. So its absence is no evidence, and vdiag names no cause.`,
    wire: `Sighted at the last place named; nothing is known of what lies behind it.`,
    confirm: `  vdiag ping-trace ... --probe IFACE@NETNS     listen there too
  tcpdump -n -i DEV arp or icmp                on the other machine`,
    cure: 'Capture where the packet goes next, and look again: recordings of several machines can be analyzed together.',
    otherwise: 'If the place is covered and nothing was lost there, vdiag says request-lost or reply-lost instead.',
  },
  evaluate(context) {
    const { situation, topology, query } = context;
    if (situation.kind !== 'lost' || situation.covered) return undefined;
    const { last, missing } = lossPlaces(situation);
    const packet = packetName(situation.leg.kind);
    return {
      title: last
        ? `the ${packet} was last sighted at ${placeName(topology, last)}; what lies behind it was not captured`
        : `the ${packet} was sighted nowhere, and not every place was captured`,
      summary: missing
        ? `it should have come to ${placeName(topology, missing)} next, and that place was not listened to, or frames were lost there.`
        : `the path leaves this machine there. No reply came back from ${query.destination}: the target, or something on the way, does not answer.`,
      where: last ?? query.start,
      confidence: 'possible',
    };
  },
};

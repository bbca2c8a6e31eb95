import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import { isAnswered } from '../../trace/exchange.ts';
import type { Rule } from '../rule.ts';

export const replyViaLoopback: Rule = {
  id: 'reply-via-loopback',
  severity: 'note',
  title: 'both addresses are local: the echo reply travels over lo and is seen on no veth',
  explain: {
    what: `Sender and target are addresses of one namespace. The request was bound to an interface and really crossed the wire;
the reply is not bound to anything, so the kernel delivers it the short way, over lo.`,
    wire: `The echo request on both ends of the veth pair; the echo reply on lo alone.`,
    confirm: `  tcpdump -n -i lo icmp       shows the replies`,
    cure: 'Nothing is wrong. Put the two ends into different namespaces if the reply is to cross the wire too.',
    otherwise: 'If the addresses are in different namespaces, a reply on lo would be odd.',
  },
  evaluate({ situation, topology, example, query }) {
    if (situation.kind !== 'overall' || !example || !isAnswered(example)) return undefined;
    if (linkOf(topology, query.start)?.kind === 'loopback') return undefined;
    const over = example.replies
      .flatMap(({ sightings }) => sightings)
      .find(
        ({ frame }) => frame.place.netns === query.start.netns && linkOf(topology, frame.place)?.kind === 'loopback',
      );
    if (!over) return undefined;
    const { place, timeNs } = over.frame;
    return {
      title: `the replies come over ${placeName(topology, place)}: both addresses are in one namespace`,
      summary: `${example.destination} and ${example.source} are both addresses of the same namespace, so its echo replies take the short way over lo and are seen on no other interface.`,
      where: place,
      evidence: [
        { kind: 'sighting', text: `an echo reply was sighted on ${placeName(topology, place)}`, place, timeNs },
      ],
    };
  },
};

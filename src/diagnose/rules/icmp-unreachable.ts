import { familyOf } from '../../topology/address.ts';
import { placeName } from '../../topology/naming.ts';
import { ownersOf } from '../../topology/query.ts';
import { errorMessage } from '../../trace/exchange.ts';
import type { Journey } from '../../trace/journey.ts';
import { icmpName } from '../../wire/icmp-name.ts';
import { errorEvidence, speaker } from '../error-news.ts';
import type { Context, Rule } from '../rule.ts';
import { codeMeaning } from '../unreachable-code.ts';

export const icmpUnreachable: Rule = {
  id: 'icmp-unreachable',
  severity: 'fault',
  title: 'a router or host answers with an ICMP error, and nothing on this machine explains it',
  explain: {
    what: `Somebody on the way refuses the packet and says so with an ICMP error. Where that is a namespace of this
machine, its state names the cause, and another rule says it. This is the error of somebody else, or of a
namespace whose state could not be read: all there is to know is who sent it, and what its type and code say.`,
    wire: `The request leaves this machine, or goes into a namespace that vdiag does not see into, and in place of a reply
an ICMP error comes back. It quotes the packet it is about.`,
    confirm: `  ping -I DEV TARGET                "From ROUTER: Destination Host Unreachable" and its like
  tcpdump -v -n -i DEV icmp         who sends it, with type and code
  traceroute -n TARGET              how far packets come
At the router that sends it, what its code says:
  network unreachable, no route     ip route get TARGET: no route
  host or address unreachable       ip neigh: FAILED or INCOMPLETE; the target is off, or not on that link
  prohibited                        nft list ruleset, and routes of type prohibit
  port or protocol unreachable      a filter rule that rejects
  time exceeded                     routers send it in a circle
  fragment reassembly time exceeded a filter or a second path takes some of the fragments`,
    cure: 'At the machine the error comes from: what its code says. From here, another route around it.',
    otherwise: `If the router is a namespace of this machine that vdiag can read, the cause has a rule of its own:
route-missing, gateway-unreachable, address-missing, filter-rejected, route-blackhole, ttl-expired,
fragmentation-needed.`,
  },
  evaluate(context) {
    const { situation, example, topology, query } = context;
    if (situation.kind !== 'lost' || !example) return undefined;
    const family = familyOf(query.destination);
    const heard = heardBy(context);
    if (!heard) return undefined;
    const { type, code, from, journey } = heard;
    const meaning = codeMeaning(family, type, code);
    if (!meaning) return undefined;
    const who = speaker(topology, from);
    const last = journey?.sightings.at(-1)?.frame.place;
    const packet = situation.leg.kind === 'echo-reply' ? 'echo reply' : 'echo request';
    return {
      title: `${who} refuses the ${packet}: ${icmpName(family, type, code)}`,
      summary: `in place of a reply an ICMP error came back from ${who}: type ${type}, code ${code}, ${icmpName(family, type, code)}. It says that ${meaning.says}. ${
        isHere(topology, from)
          ? 'Nothing that vdiag reads there explains it further.'
          : 'That machine is none that vdiag sees into.'
      } Look there at ${meaning.look.replace('DESTINATION', query.destination)}.`,
      where: last ?? query.start,
      confidence: heard.told ? 'proven' : 'likely',
      evidence: [
        ...(journey ? errorEvidence(context, journey) : []),
        ...(heard.told
          ? [
              {
                kind: 'probe' as const,
                text: `the probing socket on ${placeName(topology, query.start)} was told`,
                place: query.start,
              },
            ]
          : []),
      ],
    };
  },
};

interface Heard {
  readonly type: number;
  readonly code: number;
  readonly from: string;
  readonly journey?: Journey;
  /** The probing socket got it. */
  readonly told: boolean;
}

/** The error about this exchange: as the socket was told, else as it was sighted. */
function heardBy({ example, query }: Context): Heard | undefined {
  const family = familyOf(query.destination);
  const errors = (example?.errors ?? []).flatMap((journey) => {
    const message = errorMessage(journey);
    const from = journey.sightings[0]?.packet.ip?.source;
    if (!message || from === undefined || !codeMeaning(family, message.type, message.code)) return [];
    return [{ type: message.type, code: message.code, from, journey }];
  });
  const icmp = example?.probe?.error?.icmp;
  if (icmp) {
    const sighted = errors.find(({ type, code }) => type === icmp.type && code === icmp.code);
    return {
      type: icmp.type,
      code: icmp.code,
      from: icmp.from,
      told: true,
      ...(sighted && { journey: sighted.journey }),
    };
  }
  const [first] = errors;
  return first && { ...first, told: false };
}

function isHere(topology: Context['topology'], address: string): boolean {
  return ownersOf(topology, address).length > 0;
}

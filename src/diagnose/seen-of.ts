/** What the sightings of an exchange decide of the path that is expected. */
import type { Ends } from '../path/connection.ts';
import type { EchoQuery } from '../path/expect.ts';
import type { NetnsId } from '../topology/model.ts';
import { type EchoExchange, resolvedMac } from '../trace/exchange.ts';
import { placeKey } from '../trace/frame.ts';
import type { Journey } from '../trace/journey.ts';

/** Which devices it left by, which next hops answered first, and what became of the request's addresses. */
export function seenOf(example: EchoExchange | undefined): Pick<EchoQuery, 'sightedAs' | 'leftBy' | 'answered'> {
  if (!example) return {};
  const journeys = [
    ...(example.request ? [example.request] : []),
    ...example.replies,
    ...example.resolutions.map(({ request }) => request),
  ];
  const left = journeys.flatMap(({ sightings }) => sightings).filter(({ frame }) => frame.direction === 'out');
  return {
    leftBy: new Set(left.map(({ frame }) => placeKey(frame.place))),
    answered: firstAnswers(example),
    sightedAs: leavingAs(example.request),
  };
}

/** The address pairs a request was sighted with on its ways out of each namespace. */
function leavingAs(request: Journey | undefined): Map<NetnsId, Ends[]> {
  const pairs = new Map<NetnsId, Ends[]>();
  for (const { frame, packet } of request?.sightings ?? []) {
    if (frame.direction !== 'out' || !packet.ip) continue;
    const { source, destination } = packet.ip;
    pairs.set(frame.place.netns, [...(pairs.get(frame.place.netns) ?? []), { source, destination }]);
  }
  return pairs;
}

function firstAnswers({ resolutions }: EchoExchange): Map<string, string> {
  const answered = new Map<string, string>();
  for (const { targetProtocol, replies } of resolutions) {
    const mac = resolvedMac(replies[0]);
    if (mac !== undefined && !answered.has(targetProtocol)) answered.set(targetProtocol, mac);
  }
  return answered;
}

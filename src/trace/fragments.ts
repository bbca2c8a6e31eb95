/** Fragments of a packet at one place: did all of it come by (RFC 791 section 3.2, RFC 8200 section 4.5)? */
import { placeKey } from './frame.ts';
import type { Journey } from './journey.ts';
import type { Sighting } from './sighting.ts';

/** Bytes of the extension header of a fragment over IPv6. */
const FRAGMENT_HEADER_BYTES = 8;

interface Piece {
  /** Bytes of the whole packet's payload: where this piece begins and ends. */
  readonly from: number;
  readonly to: number;
  readonly last: boolean;
}

/**
 * True when the first fragment of a packet was sighted, and the others at the same place do not make it whole.
 * A packet in a tunnel is left alone: its fragments may be the tunnel's. Whoever cuts a packet up sends no more of it
 * once the device has refused a piece (ip_do_fragment() in net/ipv4/ip_output.c): where it ends at a device on the way
 * out, and none of it was sighted behind, nothing was lost before that device.
 */
export function lacksFragments({ fragments, sightings }: Journey, first: Sighting): boolean {
  const { ip } = first.packet;
  if (!ip?.moreFragments || first.outer !== undefined) return false;
  const place = placeKey(first.frame.place);
  const { direction } = first.frame;
  const here = fragments.filter(
    ({ frame, packet }) =>
      placeKey(frame.place) === place &&
      frame.direction === direction &&
      packet.ip?.identification === ip.identification &&
      packet.ip.source === ip.source,
  );
  let reached = 0;
  for (const piece of [first, ...here].flatMap(pieceOf).sort((a, b) => a.from - b.from)) {
    if (piece.from > reached) return true;
    reached = Math.max(reached, piece.to);
    if (piece.last) return false;
  }
  return direction !== 'out' || sightings.at(-1) !== first;
}

function pieceOf({ packet: { ip } }: Sighting): Piece[] {
  if (!ip) return [];
  const carried =
    ip.version === 4 ? ip.totalLength - ip.headerLength : Math.max(0, ip.payloadLength - FRAGMENT_HEADER_BYTES);
  return [{ from: ip.fragmentOffset, to: ip.fragmentOffset + carried, last: !ip.moreFragments }];
}

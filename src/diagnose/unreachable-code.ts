/** What the code of an ICMP error says of its cause, and where to look (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3). */
import type { Family } from '../topology/address.ts';

export interface CodeMeaning {
  /** What is wrong where the error comes from, as the end of a sentence. */
  readonly says: string;
  /** What to look at there. */
  readonly look: string;
}

const NO_ROUTE: CodeMeaning = {
  says: 'it has no route to the destination',
  look: 'its routing table (ip route get DESTINATION there)',
};
const NO_NEIGHBOUR: CodeMeaning = {
  says: 'nobody on the link the destination should be on answers its ARP or neighbour solicitation, or a route of type unreachable refuses the packet',
  look: 'whether the destination is up, has that address, and is on that link, and at its routes of type unreachable',
};
const FORBIDDEN: CodeMeaning = {
  says: 'a packet filter there, or a route of type prohibit, refuses the packet',
  look: 'its filter rules (nft list ruleset) and its routes of type prohibit',
};
const NO_LISTENER: CodeMeaning = {
  says: 'it has the destination address and refuses this kind of packet, as a filter rule "reject" does',
  look: 'its filter rules (nft list ruleset)',
};
const EXPIRED: CodeMeaning = {
  says: 'the time to live ran out there: routers send the packet in a circle, or it started too small',
  look: 'the routes of the routers around it (traceroute shows the circle)',
};
const FRAGMENTS: CodeMeaning = {
  says: 'some fragments of the packet arrived there, and not all of them',
  look: 'what drops fragments on the way: a filter that wants ports or whole headers, a second path, loss',
};
const REFUSED_SOURCE: CodeMeaning = {
  says: 'it refuses the source address of the packet',
  look: 'which source address is right on that link, and its source validation',
};
const MALFORMED: CodeMeaning = {
  says: 'it finds a field of the packet that it does not understand',
  look: 'what rewrites the packet on its way',
};
const TYPE_OF_SERVICE: CodeMeaning = {
  says: 'it does not pass on packets of this type of service',
  look: 'its routes and policies by TOS or DSCP',
};

/** Destination unreachable, RFC 792 and RFC 1812. */
const UNREACHABLE_V4: readonly CodeMeaning[] = [
  NO_ROUTE,
  NO_NEIGHBOUR,
  NO_LISTENER,
  NO_LISTENER,
  { says: 'the packet is too long for its way on', look: 'vdiag ping-trace --mtu' },
  { says: 'the route that the packet itself asks for does not work', look: 'the source route option of the sender' },
  NO_ROUTE,
  NO_NEIGHBOUR,
  REFUSED_SOURCE,
  FORBIDDEN,
  FORBIDDEN,
  TYPE_OF_SERVICE,
  TYPE_OF_SERVICE,
  FORBIDDEN,
  TYPE_OF_SERVICE,
  TYPE_OF_SERVICE,
];

/** Destination unreachable, RFC 4443. */
const UNREACHABLE_V6: readonly CodeMeaning[] = [
  NO_ROUTE,
  FORBIDDEN,
  { says: 'the source address is valid on its own link alone', look: 'which address the sender takes (ip -6 addr)' },
  NO_NEIGHBOUR,
  NO_LISTENER,
  REFUSED_SOURCE,
  FORBIDDEN,
  MALFORMED,
];

/** Undefined for what is no answer to a packet that was refused (redirect, source quench), and for codes nobody defined. */
export function codeMeaning(family: Family, type: number, code: number): CodeMeaning | undefined {
  if (family === 4 && type === 3) return UNREACHABLE_V4[code];
  if (family === 6 && type === 1) return UNREACHABLE_V6[code];
  if (type === (family === 4 ? 11 : 3)) return code === 0 ? EXPIRED : code === 1 ? FRAGMENTS : undefined;
  return type === (family === 4 ? 12 : 4) ? MALFORMED : undefined;
}

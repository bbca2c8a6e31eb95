/** What ICMP calls its types and codes: IANA "ICMP Parameters" and "ICMPv6 Parameters", in words for a reader. */
import type { Icmp } from './packet.ts';

/** A type's name; with codes, where the code says more. */
interface TypeName {
  readonly name: string;
  readonly codes?: readonly string[];
}

const NAMES_V4: ReadonlyMap<number, TypeName> = new Map<number, TypeName>([
  [0, { name: 'echo reply' }],
  [
    3,
    {
      name: 'destination unreachable',
      codes: [
        'network unreachable',
        'host unreachable',
        'protocol unreachable',
        'port unreachable',
        'fragmentation needed',
        'source route failed',
        'destination network unknown',
        'destination host unknown',
        'source host isolated',
        'network administratively prohibited',
        'host administratively prohibited',
        'network unreachable for type of service',
        'host unreachable for type of service',
        'communication administratively prohibited',
        'host precedence violation',
        'precedence cutoff in effect',
      ],
    },
  ],
  [4, { name: 'source quench' }],
  [
    5,
    {
      name: 'redirect',
      codes: [
        'redirect for network',
        'redirect for host',
        'redirect for type of service and network',
        'redirect for type of service and host',
      ],
    },
  ],
  [8, { name: 'echo request' }],
  [9, { name: 'router advertisement' }],
  [10, { name: 'router solicitation' }],
  [11, { name: 'time exceeded', codes: ['time to live exceeded in transit', 'fragment reassembly time exceeded'] }],
  [
    12,
    {
      name: 'parameter problem',
      codes: ['parameter problem', 'required option missing', 'bad length'],
    },
  ],
  [13, { name: 'timestamp request' }],
  [14, { name: 'timestamp reply' }],
  [17, { name: 'address mask request' }],
  [18, { name: 'address mask reply' }],
  [42, { name: 'extended echo request' }],
  [43, { name: 'extended echo reply' }],
]);

const NAMES_V6: ReadonlyMap<number, TypeName> = new Map<number, TypeName>([
  [
    1,
    {
      name: 'destination unreachable',
      codes: [
        'no route to destination',
        'communication administratively prohibited',
        'beyond scope of source address',
        'address unreachable',
        'port unreachable',
        'source address failed policy',
        'route to destination rejected',
        'error in source routing header',
      ],
    },
  ],
  [2, { name: 'packet too big' }],
  [3, { name: 'time exceeded', codes: ['hop limit exceeded in transit', 'fragment reassembly time exceeded'] }],
  [
    4,
    {
      name: 'parameter problem',
      codes: ['erroneous header field', 'unrecognized next header type', 'unrecognized ipv6 option'],
    },
  ],
  [128, { name: 'echo request' }],
  [129, { name: 'echo reply' }],
  [130, { name: 'multicast listener query' }],
  [131, { name: 'multicast listener report' }],
  [132, { name: 'multicast listener done' }],
  [133, { name: 'router solicitation' }],
  [134, { name: 'router advertisement' }],
  [135, { name: 'neighbour solicitation' }],
  [136, { name: 'neighbour advertisement' }],
  [137, { name: 'redirect' }],
  [143, { name: 'multicast listener report, version 2' }],
  [160, { name: 'extended echo request' }],
  [161, { name: 'extended echo reply' }],
]);

/**
 * The name of an ICMP message, lower case: `icmpName(4, 3, 1)` is `host unreachable`.
 * A code without a name is given as a number behind the type's name; so is a type without one.
 */
export function icmpName(version: Icmp['version'], type: number, code: number): string {
  const known = (version === 4 ? NAMES_V4 : NAMES_V6).get(type);
  if (known === undefined) return `type ${type} code ${code}`;
  const { name, codes } = known;
  if (codes !== undefined) return codes[code] ?? `${name}, code ${code}`;
  return code === 0 ? name : `${name}, code ${code}`;
}

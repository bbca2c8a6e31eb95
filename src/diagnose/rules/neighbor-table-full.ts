import { neighbourEntries, neighbourLimit, neighbourSetting } from '../../path/neighbour-table.ts';
import { familyOf } from '../../topology/address.ts';
import { placeName } from '../../topology/naming.ts';
import type { Evidence } from '../finding.ts';
import type { Context, Cure, Rule } from '../rule.ts';
import { culprit } from '../suspect.ts';

/** Room for this many times what is there now: what filled it is seldom at its end. */
const GROWTH = 4;

export const neighborTableFull: Rule = {
  id: 'neighbor-table-full',
  severity: 'fault',
  title: 'the table of neighbours is full: nobody new can be asked for',
  explain: {
    what: `The kernel keeps the hardware addresses it has learnt in one table for all namespaces together, and the table has a
limit: net.ipv4.neigh.default.gc_thresh3, 1024 unless somebody has raised it. IPv6 has a table and a limit of its own
(net.ipv6.neigh.default.gc_thresh3). A host with many containers, a big flat
subnet or a scan of one fills it. Then no new entry can be made, and what needs one cannot even be asked for. Neighbours
that are in the table already work on, so only some destinations fail, and each time others.`,
    wire: `Nothing, not even the ARP request: the packet ends before anybody is asked. ping says "No buffer space available", the
log of the kernel "neighbour: arp_cache: neighbor table overflow!".`,
    confirm: `On the machine itself, not in a container:
  sysctl net.ipv4.neigh.default.gc_thresh3            the limit
  ip -4 neigh show nud all | wc -l                    entries of this namespace; add those of all the others
  dmesg | grep 'table overflow'
  vdiag drops --for 10                                NEIGH_CREATEFAIL`,
    cure: `  sysctl -w net.ipv4.neigh.default.gc_thresh3=8192
on the machine itself: a container does not have this setting. It costs about half a kilobyte of memory for each entry.
Raise gc_thresh2 (half of it) and gc_thresh1 (a quarter) as well, or the table is swept more often than it needs, and
write them to /etc/sysctl.d/ to keep them. Then look for what fills it.`,
    otherwise: `"No buffer space available" also comes from a queueing discipline: link-qdisc-drop. If an ARP request is seen and not
answered, the table had room for it. This rule is proven on a built capture and topology: the limit belongs to
the whole machine, and a lab may not fill it.`,
  },
  evaluate(context) {
    const { situation, topology, drop, example } = context;
    if (situation.kind !== 'lost') return undefined;
    const said = drop?.reason === 'NEIGH_CREATEFAIL' ? drop : undefined;
    const error = example?.probe?.error;
    const refused = error?.at === 'send' && error.errno === 'ENOBUFS';
    const gate = culprit(context, 'neighbour-table')?.gate;
    const where = said?.place ?? (refused ? gate?.place : undefined);
    if (!where) return undefined;
    const name = placeName(topology, where);
    const family = familyOf(context.query.destination);
    const bound = neighbourLimit(topology, family);
    return {
      title: `the neighbour table is full${bound ? ` (gc_thresh3 ${bound.limit})` : ''}: ${name} cannot ask for anybody new`,
      summary: `before ${name} can ask for a hardware address it needs an entry in the kernel's neighbour table, and there is no room for one: the packet ends there, and no request is sent. The table is one for all namespaces of the machine, and so is its limit, net.${neighbourSetting(family)}${bound ? '' : ', which can be read and set in the initial namespace only'}.`,
      where,
      confidence: said ? 'proven' : 'likely',
      evidence: gate ? gate.facts.map((fact): Evidence => ({ kind: 'state', place: where, ...fact })) : [],
      ...cureFor(context),
    };
  },
};

/** In the namespace that has the setting, where it was read. */
function cureFor({ topology, query }: Context): { readonly cure?: Cure } {
  const family = familyOf(query.destination);
  const bound = neighbourLimit(topology, family);
  if (!bound) return {};
  const wanted = GROWTH * Math.max(bound.limit, neighbourEntries(topology, family));
  const value = 2 ** Math.ceil(Math.log2(wanted));
  return {
    cure: {
      why: `make room for ${value} neighbours`,
      changes: [{ kind: 'namespace-sysctl', netns: bound.netns, setting: neighbourSetting(family), value }],
    },
  };
}

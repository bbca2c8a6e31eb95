import { commandIn, placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import { queueOf } from '../../topology/traffic-control.ts';
import type { Place } from '../../trace/frame.ts';
import type { Context, Rule } from '../rule.ts';
import { culprit } from '../suspect.ts';

export const linkQdiscDrop: Rule = {
  id: 'link-qdisc-drop',
  severity: 'fault',
  title: 'the queueing discipline of an interface drops what it should send',
  explain: {
    what: `Whatever an interface sends goes through its queueing discipline first (tc qdisc). Some drop on purpose: netem with
loss, tbf that allows no burst as long as the packet, a queue without room, blackhole. They are left over from a test, or
shape traffic more narrowly than was meant. Plugins that limit bandwidth set tbf on the host end of a container's veth.`,
    wire: `The packet is not seen on any wire, not even on the interface that should send it: a capture listens behind the
queue. ping says nothing, or "No buffer space available".`,
    confirm: `  tc -s qdisc show dev DEV            "dropped" grows with every packet
  ip -s link show dev DEV             "dropped" in the TX line`,
    cure: `  tc qdisc del dev DEV root
gives the interface its ordinary queue back. Where the limit is wanted, set its burst and its queue to fit:
  tc qdisc replace dev DEV root tbf rate 10mbit burst 32k latency 400ms`,
    otherwise: `If the packet is seen leaving the interface, it is not its queue. A filter at egress looks the same from outside:
link-tc-drop.`,
  },
  evaluate(context) {
    const found = culprit(context, 'queue');
    if (!found) return undefined;
    const { place, queue } = found.gate;
    // A queue may also only delay: without the kernel's word, or a count that has grown, nobody knows.
    const grown = dropsDuring(context, place);
    if (!found.certain && grown === 0) return undefined;
    const name = placeName(context.topology, place);
    return {
      title: `the queueing discipline of ${name} (${queue}) drops what ${name} should send`,
      summary: `the packet is handed to ${name}, and its queueing discipline, ${queue}, drops it before it leaves: it is not seen on any wire. Somebody has put ${queue} there in place of the ordinary queue.`,
      where: place,
      evidence:
        grown === 0
          ? []
          : [
              {
                kind: 'state',
                text: `the queueing discipline of ${name} has dropped ${grown} packets during the trace`,
                place,
                look: commandIn(context.topology, place.netns, ['tc', '-s', 'qdisc', 'show', 'dev', place.name]),
              },
            ],
      cure: { why: `give ${name} its ordinary queue back`, changes: [{ kind: 'queue-del', at: place }] },
    };
  },
};

/** Packets that the queue has dropped between the two states; 0 where they do not tell. */
function dropsDuring({ topology, after }: Context, place: Place): number {
  const [was, is] = [topology, after].map((state) => {
    const link = state && linkOf(state, place);
    return link && queueOf(link)?.drops;
  });
  return was === undefined || is === undefined ? 0 : Math.max(0, is - was);
}

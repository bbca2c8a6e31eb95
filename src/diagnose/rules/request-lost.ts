import { isAsk } from '../../path/model.ts';
import { lossClaim } from '../loss.ts';
import type { Rule } from '../rule.ts';

export const requestLost: Rule = {
  id: 'request-lost',
  severity: 'fault',
  title: 'the request was last seen at one place and never came to the next; nothing known explains it',
  explain: {
    what: `Every state that vdiag reads says the request should have passed, and it did not. Something it does not model takes
it: a packet filter, a traffic-control or XDP program, a driver, a device of another kind.`,
    wire: `Sighted at the first place named, absent at the second, which was listened to.`,
    confirm: `  nft list ruleset; iptables-save -c      counters that move
  tc -s qdisc show dev DEV; tc filter show dev DEV ingress
  ip -d link show DEV                     xdp programs
  vdiag drops --for 10                    what the kernel drops meanwhile, and why`,
    cure: 'Look between the two places: the cause is there.',
    otherwise: `If a place in between was not listened to, add it with --probe and run again.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind !== 'lost' || !situation.covered) return undefined;
    if (!isAsk(situation.leg.kind) && situation.leg.kind !== 'echo-request') return undefined;
    return lossClaim(context, situation);
  },
};

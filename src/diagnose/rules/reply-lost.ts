import { isAnswer } from '../../path/model.ts';
import { lossClaim } from '../loss.ts';
import type { Rule } from '../rule.ts';

export const replyLost: Rule = {
  id: 'reply-lost',
  severity: 'fault',
  title: 'the reply was last seen at one place and never came to the next; nothing known explains it',
  explain: {
    what: `The request was answered, and the answer is lost on its way back, where every state that vdiag reads says it should
have passed. Something it does not model takes it: a packet filter, a traffic-control or XDP program, a driver.`,
    wire: `The reply is sighted at the first place named and absent at the second, which was listened to.`,
    confirm: `  nft list ruleset; iptables-save -c      counters that move
  tc -s qdisc show dev DEV; tc filter show dev DEV ingress
  ip -d link show DEV                     xdp programs
  vdiag drops --for 10                    what the kernel drops meanwhile, and why`,
    cure: 'Look between the two places: the cause is there.',
    otherwise: `If no reply was sighted anywhere, the request's target did not answer: request-lost.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind !== 'lost' || !situation.covered) return undefined;
    if (!isAnswer(situation.leg.kind) && situation.leg.kind !== 'echo-reply') return undefined;
    return lossClaim(context, situation);
  },
};

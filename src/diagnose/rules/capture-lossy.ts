import { netnsName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const captureLossy: Rule = {
  id: 'capture-lossy',
  severity: 'note',
  title: 'the kernel dropped frames from the capture: absences are weaker evidence',
  explain: {
    what: `The capture ring was full when frames came, and the kernel could not hand them over. What was sighted stands; that
something was not sighted proves less.`,
    wire: 'Gaps in the capture, at any place of that namespace.',
    confirm: 'The report says "capture lost N frames in NAMESPACE"; in --json it is framesLost, under coverage.',
    cure: 'Run again when the machine is less busy, or narrow what is captured.',
    otherwise: 'A frame lost in the network is a fault; one lost in the capture is not.',
  },
  evaluate({ situation, topology, coverage, query }) {
    const lossy = coverage.lost.filter(({ frames }) => frames > 0);
    if (situation.kind !== 'overall' || lossy.length === 0) return undefined;
    const total = lossy.reduce((sum, { frames }) => sum + frames, 0);
    return {
      title: `the capture lost ${total} frames`,
      summary: `the kernel could not hand over ${lossy.map(({ netns, frames }) => `${frames} frames in ${netnsName(topology, netns)}`).join(', ')}: what was not sighted there may still have passed.`,
      where: query.start,
    };
  },
};

import { placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const checksumOffloaded: Rule = {
  id: 'checksum-offloaded',
  severity: 'note',
  title: 'checksums are unfinished where the frames were tapped, as they should be',
  explain: {
    what: `A sender leaves the transport checksum to the network device (offload). On a veth pair nobody ever computes it: the
frame is handed over in memory, marked as good. A capture shows such frames with a checksum that looks wrong.`,
    wire: `"incorrect" checksums in tcpdump -v, on frames this machine sends, and only there.`,
    confirm: `  ethtool -k DEV | grep checksum
  ethtool -K DEV tx off       for a test: the checksums are complete then`,
    cure: 'Nothing is wrong, and nothing needs to be changed.',
    otherwise: 'A wrong checksum on a frame that came in from outside is real corruption.',
  },
  evaluate({ situation, topology, coverage }) {
    const [first, ...others] = coverage.unfinishedChecksums ?? [];
    if (situation.kind !== 'overall' || !first) return undefined;
    const frames = [first, ...others].reduce((sum, { frames: count }) => sum + count, 0);
    const names = [first, ...others].map(({ place }) => placeName(topology, place)).join(', ');
    return {
      title: `${frames} frames carry unfinished checksums (offload), as they should`,
      summary: `on ${names} the sender has left the transport checksum to the device. That is no corruption.`,
      where: first.place,
    };
  },
};

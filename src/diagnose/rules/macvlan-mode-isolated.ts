import type { MacvlanGate } from '../../path/gate.ts';
import type { Change } from '../../topology/change.ts';
import { placeName } from '../../topology/naming.ts';
import { linkOf } from '../../topology/query.ts';
import type { Place } from '../../trace/frame.ts';
import type { Claim, Context, Rule } from '../rule.ts';

export const macvlanModeIsolated: Rule = {
  id: 'macvlan-mode-isolated',
  severity: 'fault',
  title: 'the mode of a macvlan keeps the packet from it',
  explain: {
    what: `What macvlans on one lower interface get of each other, and of the wire, is a matter of their modes. bridge: they reach
each other inside the driver. private: never, whatever the switch does. vepa: frames between them go out to the switch,
and only one that sends them back (hairpin) brings them to the other. source: only frames from listed senders come in.
passthru: the one macvlan takes all that comes in, and the interface below it gets no packet of its own any more.`,
    wire: `The packet leaves by the lower interface, and never comes to the other macvlan. Others on the wire are reached, and
with mode source even their answers do not come in.`,
    confirm: `  ip -d link show DEV        "macvlan mode private", in both namespaces; mode source also lists its senders`,
    cure: `  ip link set dev DEV type macvlan mode bridge        in the namespaces of both
A network of a container runtime has the mode among its options (macvlan_mode of Docker): set it there too. Mode source:
  ip link set dev DEV type macvlan macaddr add SENDER`,
    otherwise: `Private macvlans may be private on purpose: tenants that must not reach each other. If the switch should send back and
does not, that is bridge-hairpin-off. A macvlan and its own lower interface are macvlan-parent-isolated.`,
  },
  evaluate(context) {
    const { situation } = context;
    if (situation.kind === 'overall') return undefined;
    const gate =
      situation.kind === 'stopped' ? situation.gate : situation.undecided.find(({ kind }) => kind === 'macvlan');
    if (gate?.kind !== 'macvlan' || gate.by === 'parent') return undefined;
    const claim = claimOf(context, gate);
    return situation.kind === 'lost' ? { ...claim, confidence: 'likely' } : claim;
  },
};

function claimOf(context: Context, gate: MacvlanGate): Claim {
  const { topology } = context;
  const [from, to, lower] = [gate.from, gate.to, gate.lower].map((place) => placeName(topology, place));
  const modes = `${from} (${modeAt(context, gate.from)}) and ${to} (${modeAt(context, gate.to)})`;
  const where = gate.to;
  switch (gate.by) {
    case 'source':
      return {
        title: `${to} is a macvlan of mode source, and ${gate.mac} is not among the senders it takes frames from`,
        summary: `the packet comes in by ${lower}, and the driver hands ${to} only what comes from a hardware address on its list. ${gate.mac} is not on it.`,
        where,
        cure: {
          why: `let ${to} take frames from ${gate.mac}`,
          changes: [{ kind: 'macvlan-allow', at: gate.to, mac: gate.mac }],
        },
      };
    case 'passthru':
      return {
        title: `${to} is a macvlan of mode passthru: it takes all that comes in by ${lower}`,
        summary: `the packet comes in by ${lower} for that interface itself, and the macvlan ${to} gets it instead: in mode passthru it stands in the place of the interface below it.`,
        where,
      };
    default: {
      const cure = bothToBridge(context, gate);
      return {
        title: `the macvlans ${modes} are kept apart by their modes`,
        summary:
          gate.by === 'private'
            ? `both sit on ${lower}. A macvlan of mode private gets nothing that its siblings send, and gives them nothing.`
            : `both sit on ${lower}, and leave it to the switch to send frames between them back. The packet leaves by ${lower} and does not come back.`,
        where,
        ...(cure === undefined ? {} : { cure }),
      };
    }
  }
}

function modeAt({ topology }: Context, place: Place): string {
  const mode = linkOf(topology, place)?.data.mode;
  return typeof mode === 'string' ? `mode ${mode}` : 'mode unknown';
}

function bothToBridge(context: Context, gate: MacvlanGate) {
  const changes = [gate.from, gate.to]
    .filter((at) => linkOf(context.topology, at)?.data.mode !== 'bridge')
    .map((at): Change => ({ kind: 'macvlan-mode', at, mode: 'bridge' }));
  return context.situation.kind === 'lost' || context.passes(changes)
    ? { why: 'let them reach each other inside the driver', changes }
    : undefined;
}

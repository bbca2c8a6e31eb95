/** Multicast snooping on the recorded network: what of its state lets a solicitation through, and what keeps it. */
import { describe, expect, it } from 'vitest';
import { predict } from '../../src/diagnose/predict.ts';
import type { Link, Topology } from '../../src/topology/model.ts';
import { recorded } from './recordings.ts';

//   u:eth0 ─── u0 ┬ lan3 ┬ w0 ─── w:eth0 fd0f:1::3, whose reports are filtered
const { recording } = recorded('bridge-snooping-drops-nd');
const GROUP = 'ff02::1:ff00:3';

type Snooping = NonNullable<NonNullable<Link['bridge']>['snooping']>;

/** Rules named, and the verdict, with the bridge edited. */
function checked(edit: (bridge: Link) => Link) {
  const namespaces = recording.before.namespaces.map((namespace) => ({
    ...namespace,
    links: namespace.links.map((link) => (link.name === 'lan3' ? edit(link) : link)),
  }));
  const before: Topology = { ...recording.before, namespaces };
  const { outcome, findings } = predict(recording.query, before);
  return { outcome, rules: findings.map(({ rule }) => rule), commands: findings[0]?.remedies[0]?.commands };
}

const heard =
  (edit: (snooping: Snooping) => Snooping, data: Readonly<Record<string, unknown>> = {}) =>
  (link: Link): Link => {
    const { bridge } = link;
    if (!bridge?.snooping) throw new Error('nothing was read');
    return { ...link, data: { ...link.data, ...data }, bridge: { ...bridge, snooping: edit(bridge.snooping) } };
  };
const asItIs = (snooping: Snooping): Snooping => snooping;

describe('a bridge that snoops', () => {
  it('keeps a solicitation from the port where nobody has reported', () => {
    const { rules, commands } = checked(heard(asItIs));
    expect(rules).toEqual(['bridge-snooping-drops-nd']);
    expect(commands).toEqual(['ip link set dev lan3 type bridge mcast_snooping 0']);
  });

  it('does so with a querier beside it as well', () => {
    const other = heard((snooping) => ({ ...snooping, otherQuerier: { port: 'u0' } }), { mcast_querier: 0 });
    expect(checked(other).rules).toEqual(['bridge-snooping-drops-nd']);
  });

  it.each([
    [
      'an entry for the group there',
      heard((own) => ({ ...own, groups: [...own.groups, { group: GROUP, port: 'w0' }] })),
    ],
    ['a router at the port', heard((own) => ({ ...own, routers: ['w0'] }))],
    ['no querier', heard(asItIs, { mcast_querier: 0 })],
    ['no address to ask from', (link: Link): Link => ({ ...heard(asItIs)(link), addresses: [] })],
    ['nothing read', ({ bridge, ...link }: Link): Link => ({ ...link, ...(bridge && { bridge: without(bridge) }) })],
  ])('lets it through with %s', (_, edit) => {
    expect(checked(edit).rules).not.toContain('bridge-snooping-drops-nd');
  });

  it('goes by the entry of the very group and port', () => {
    const others = [
      { group: GROUP, port: 'u0' },
      { group: 'ff02::1:ff00:4', port: 'w0' },
      { group: GROUP, port: 'w0', source: 'fd0f:1::99' },
    ];
    expect(checked(heard((own) => ({ ...own, groups: others }))).rules).toEqual(['bridge-snooping-drops-nd']);
  });
});

function without({ snooping: _, ...bridge }: NonNullable<Link['bridge']>): NonNullable<Link['bridge']> {
  return bridge;
}

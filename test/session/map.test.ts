/** The map as a program takes it, of a machine of the test's own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkFinder, map, mapJson, odditiesOf, peer } from '../../src/index.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';
import { schemaOf } from '../schema.ts';

/*
 *   blue:eth0 10.8.0.2 --- v0 br0 10.8.0.1    red:eth0 10.8.0.3 --- v1 br0    red:to-blue --- blue:to-red
 *   green: lo alone
 */
const script = `
ip link add br0 type bridge
ip addr add 10.8.0.1/24 dev br0
ip link set br0 up
n=1
for name in blue red; do
  n=$((n + 1))
  ip netns add $name
  ip link add v$n type veth peer name eth0 netns $name
  ip link set v$n master br0 up
  ip -n $name addr add 10.8.0.$n/24 dev eth0
  ip -n $name link set eth0 up
done
ip -n red link add to-blue type veth peer name to-red netns blue
ip netns add green`;

// Every namespace of the machine is read, whatever else runs there.
describe.skipIf(!mayMakeNamespaces)('the map of a machine', { timeout: 60_000 }, () => {
  let machine: OwnMachine;
  beforeAll(() => {
    machine = ownMachine();
    machine.run(script);
  });
  afterAll(() => machine?.close());

  test('every pair is told by both its ends, also where neither is here', async () => {
    const taken = await map();
    const finder = linkFinder(taken);
    const names = new Set(['this namespace', 'blue', 'red', 'green']);
    const own = new Set(taken.namespaces.filter(({ label }) => names.has(label)).map(({ id }) => id));
    expect(own.size).toBe(4);
    const pairs = taken.namespaces
      .filter(({ id }) => own.has(id))
      .flatMap((namespace) =>
        namespace.links.flatMap((link) => {
          const other = finder.peer({ namespace, link });
          return other ? [`${namespace.label} ${link.name} - ${other.namespace.label} ${other.link.name}`] : [];
        }),
      );
    expect(pairs.sort()).toEqual([
      'blue eth0 - this namespace v2',
      'blue to-red - red to-blue',
      'red eth0 - this namespace v3',
      'red to-blue - blue to-red',
      'this namespace v2 - blue eth0',
      'this namespace v3 - red eth0',
    ]);
    expect(odditiesOf(taken, finder).filter(({ netns }) => own.has(netns))).toEqual([]);
    const valid = schemaOf('map');
    expect(valid(JSON.parse(JSON.stringify(mapJson(taken)))), JSON.stringify(valid.errors)).toBe(true);
  });

  test('peer: by the interface, by the namespace, and where there is no other end', async () => {
    const names = async (word: string) => {
      const { map: taken, ends } = await peer(word);
      const finder = linkFinder(taken);
      return ends.map((end) => `${end.link.name} ${finder.peer(end)?.link.name ?? '-'}`);
    };
    expect(await names('eth0@red')).toEqual(['eth0 v3']);
    expect((await names('blue')).sort()).toEqual(['eth0 v2', 'to-red to-blue']);
    expect(await names('green')).toEqual(['lo -']);
    await expect(peer('v9')).rejects.toMatchObject({ code: 'no-such-interface' });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveNetns } from '../../src/linux/netns.ts';
import { takeTopology } from '../../src/topology/collect.ts';
import { loadTopology, saveTopology } from '../../src/topology/file.ts';
import type { Topology } from '../../src/topology/model.ts';
import { parseFdb } from '../../src/topology/parse-fdb.ts';
import { linkOf, namespaceOf } from '../../src/topology/query.ts';
import { deviceCalled, socketNamespace, unusualVxlanPorts, vxlanSettings } from '../../src/topology/vxlan.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

/*
 *   here: up0 192.0.2.1, plain (VNI 5, port 4789), and the socket of
 *         overlay (VNI 4097, port 9999, answers ARP itself) :inside
 *         mcast (VNI 6, in 239.1.1.1 on up0) :inside
 */
const script = `
  ip netns add inside
  ip link add up0 type veth peer name up1; ip link set up0 up; ip addr add 192.0.2.1/24 dev up0
  ip link add plain type vxlan id 5 dstport 4789 local 192.0.2.1 remote 192.0.2.2 dev up0 df inherit
  ip link add overlay type vxlan id 4097 dstport 9999 proxy nolearning
  ip link set overlay netns inside
  ip link add mcast type vxlan id 6 group 239.1.1.1 dev up0
  ip link set mcast netns inside
  bridge -n inside fdb append 02:00:00:00:00:09 dev overlay dst 192.0.2.9 port 4790 vni 77
`;

describe.skipIf(!mayMakeNamespaces)('the VXLAN devices of a machine', () => {
  let machine: OwnMachine;
  let topology: Topology;
  beforeAll(async () => {
    machine = ownMachine();
    machine.run(script);
    topology = await takeTopology({ start: resolveNetns(String(process.pid)) });
  });
  afterAll(() => machine?.close());

  const settings = (netns: string, name: string) => {
    const link = linkOf(topology, { netns, name });
    return link && vxlanSettings(link);
  };

  it('are read with what they are set to', () => {
    expect(settings(topology.start, 'plain')).toEqual({
      vni: 5,
      port: 4789,
      local: '192.0.2.1',
      device: 'up0',
      learning: true,
      proxy: false,
      df: 'inherit',
      external: false,
    });
    expect(settings('inside', 'overlay')).toMatchObject({ vni: 4097, port: 9999, proxy: true, learning: false });
    expect(settings('inside', 'mcast')).toMatchObject({ group: '239.1.1.1' });
    expect(settings(topology.start, 'up0')).toBeUndefined();
  });

  it('know the namespace of their socket, and the device there', () => {
    const [plain, overlay] = [
      linkOf(topology, { netns: topology.start, name: 'plain' }),
      linkOf(topology, { netns: 'inside', name: 'overlay' }),
    ];
    expect(plain && socketNamespace(topology.start, plain)).toBe(topology.start);
    expect(overlay && socketNamespace('inside', overlay)).toBe(topology.start);
    const here = namespaceOf(topology, topology.start);
    const device = settings('inside', 'mcast')?.device;
    expect(device).toMatch(/^if\d+$/);
    expect(here && device && deviceCalled(here, device)?.name).toBe('up0');
  });

  it('have entries with another port and identifier', () => {
    expect(namespaceOf(topology, 'inside')?.fdb).toContainEqual(
      expect.objectContaining({ device: 'overlay', remote: '192.0.2.9', port: 4790, vni: 77 }),
    );
    expect(namespaceOf(topology, 'inside')?.fdb).toContainEqual(
      expect.objectContaining({ device: 'mcast', mac: '00:00:00:00:00:00', remote: '239.1.1.1' }),
    );
  });

  it('tell which ports carry VXLAN beside the usual ones', () => {
    expect([...unusualVxlanPorts(topology)]).toEqual([9999]);
  });

  it('are the same out of a file', () => {
    expect(loadTopology(saveTopology(topology))).toEqual(topology);
  });
});

describe('an entry of a VXLAN device', () => {
  it('may name the device it goes out by, or a nexthop object', () => {
    const json = [
      { mac: '02:00:00:00:00:01', ifname: 'vx', dst: '192.0.2.1', viaIf: 'eth0', flags: ['self'], state: 'permanent' },
      { mac: '02:00:00:00:00:02', ifname: 'vx', dst: '192.0.2.1', viaIfIndex: 7, flags: ['self'], state: 'permanent' },
      { mac: '02:00:00:00:00:03', ifname: 'vx', nhid: 6, flags: ['self'], state: 'permanent' },
    ];
    expect(parseFdb(json).map(({ via, nexthop }) => via ?? nexthop)).toEqual(['eth0', 'if7', 6]);
  });
});

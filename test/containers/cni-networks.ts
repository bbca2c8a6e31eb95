/** Networks as they lie in /etc/cni/net.d of a node. */
import type { Conflist } from './cni-host.ts';

/** host-local keeps what it has given away below /var/lib/cni, which is the machine's. */
export function ipam(subnet: string, range: object = {}) {
  const routes = [{ dst: '0.0.0.0/0' }];
  return { type: 'host-local', dataDir: '/run/cni-networks', ranges: [[{ subnet, ...range }]], routes };
}

const bridge = {
  type: 'bridge',
  bridge: 'cni0',
  isGateway: true,
  ipMasq: true,
  hairpinMode: true,
  ipam: ipam('10.244.1.0/24'),
};
const portmap = { type: 'portmap', capabilities: { portMappings: true } };
export const cbr0 = (words: object = {}, ...more: Conflist['plugins']): Conflist => ({
  name: 'cbr0',
  plugins: [{ type: 'loopback' }, { ...bridge, ...words }, portmap, ...more],
});
export const ptp: Conflist = { name: 'routed', plugins: [{ type: 'ptp', ipMasq: true, ipam: ipam('10.244.2.0/24') }] };
export const lan: Conflist = {
  name: 'lan',
  plugins: [
    {
      type: 'macvlan',
      master: 'up0',
      ipam: ipam('198.51.100.0/24', { rangeStart: '198.51.100.50', gateway: '198.51.100.2' }),
    },
  ],
};

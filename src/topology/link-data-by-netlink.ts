/** What a kind of device has of its own in RTM_NEWLINK (include/uapi/linux/if_link.h, IFLA_INFO_DATA). */
import { type Attributes, u8, u16, u32 } from '../linux/rtnetlink.ts';
import { addressIn } from './addresses-by-netlink.ts';

const macvlanModes: Readonly<Record<number, string>> = {
  1: 'private',
  2: 'vepa',
  4: 'bridge',
  8: 'passthru',
  16: 'source',
};
const ipvlanModes = ['l2', 'l3', 'l3s'];

/** The leading settings, under the names that iproute2's JSON has; nothing of kinds that are not known here. @param data IFLA_INFO_DATA */
export function kindData(kind: string, data: Attributes): Record<string, unknown> {
  switch (kind) {
    case 'macvlan':
    case 'macvtap':
      return defined({ mode: macvlanModes[u32(data.get(1)) ?? 0] });
    case 'ipvlan':
    case 'ipvtap':
      return defined({ mode: ipvlanModes[u16(data.get(1)) ?? -1] });
    case 'vlan':
      return defined({ id: u16(data.get(1)) });
    case 'vxlan': {
      const port = data.get(15);
      const remote = addressIn(data.get(2) ?? data.get(16));
      const group = remote !== undefined && /^(22[4-9]|23\d)\.|^ff/i.test(remote);
      return defined({
        id: u32(data.get(1)),
        [group ? 'group' : 'remote']: remote,
        local: addressIn(data.get(4) ?? data.get(17)),
        // In network byte order, unlike everything else here.
        port: port && port.length >= 2 ? (port[0] ?? 0) * 256 + (port[1] ?? 0) : undefined,
        linkIndex: u32(data.get(3)),
      });
    }
    case 'tun':
      return defined({ type: [undefined, 'tun', 'tap'][u8(data.get(3)) ?? 0] });
    default:
      return {};
  }
}

/** Without the fields that are not there. */
export function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** With colons; empty for what has less than six bytes. */
export function macText(bytes: Uint8Array | undefined): string {
  if (!bytes || bytes.length < 6) return '';
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

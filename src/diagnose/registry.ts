/** All rules, the most specific first: the first that claims a situation names it. */
import type { Rule } from './rule.ts';
import { addressDuplicate } from './rules/address-duplicate.ts';
import { addressMissing } from './rules/address-missing.ts';
import { addressPrefixWrong } from './rules/address-prefix-wrong.ts';
import { addressTentative } from './rules/address-tentative.ts';
import { arpFiltered } from './rules/arp-filtered.ts';
import { arpIgnored } from './rules/arp-ignored.ts';
import { arpProxyMissing } from './rules/arp-proxy-missing.ts';
import { bridgeBroadcastFloodOff } from './rules/bridge-broadcast-flood-off.ts';
import { bridgeDown } from './rules/bridge-down.ts';
import { bridgeFdbWrongPort } from './rules/bridge-fdb-wrong-port.ts';
import { bridgeFilterDrop } from './rules/bridge-filter-drop.ts';
import { bridgeHairpinOff } from './rules/bridge-hairpin-off.ts';
import { bridgeLoop } from './rules/bridge-loop.ts';
import { bridgeMacChanged } from './rules/bridge-mac-changed.ts';
import { bridgeMulticastFloodOff } from './rules/bridge-multicast-flood-off.ts';
import { bridgeNetfilterDrop } from './rules/bridge-netfilter-drop.ts';
import { bridgePortDetached } from './rules/bridge-port-detached.ts';
import { bridgePortIsolated } from './rules/bridge-port-isolated.ts';
import { bridgePortLocked } from './rules/bridge-port-locked.ts';
import { bridgePortNotForwarding } from './rules/bridge-port-not-forwarding.ts';
import { bridgePortOwnsIp } from './rules/bridge-port-owns-ip.ts';
import { bridgeSnoopingDropsNd } from './rules/bridge-snooping-drops-nd.ts';
import { bridgeUnicastFloodOff } from './rules/bridge-unicast-flood-off.ts';
import { bridgeVlanMismatch } from './rules/bridge-vlan-mismatch.ts';
import { captureLossy } from './rules/capture-lossy.ts';
import { checksumOffloaded } from './rules/checksum-offloaded.ts';
import { conntrackFull } from './rules/conntrack-full.ts';
import { containerNoNetwork } from './rules/container-no-network.ts';
import { echoIgnored } from './rules/echo-ignored.ts';
import { filterForwardDrop } from './rules/filter-forward-drop.ts';
import { filterInputDrop } from './rules/filter-input-drop.ts';
import { filterOutputDrop } from './rules/filter-output-drop.ts';
import { filterPreroutingDrop } from './rules/filter-prerouting-drop.ts';
import { filterRejected } from './rules/filter-rejected.ts';
import { forwardingOff } from './rules/forwarding-off.ts';
import { fragmentationNeeded } from './rules/fragmentation-needed.ts';
import { gatewayUnreachable } from './rules/gateway-unreachable.ts';
import { icmpUnreachable } from './rules/icmp-unreachable.ts';
import { ipv6Disabled } from './rules/ipv6-disabled.ts';
import { linkArpOff } from './rules/link-arp-off.ts';
import { linkDown } from './rules/link-down.ts';
import { linkMacDuplicate } from './rules/link-mac-duplicate.ts';
import { linkMtuSmaller } from './rules/link-mtu-smaller.ts';
import { linkQdiscDrop } from './rules/link-qdisc-drop.ts';
import { linkTcDrop } from './rules/link-tc-drop.ts';
import { linkXdpDrop } from './rules/link-xdp-drop.ts';
import { loopbackDown } from './rules/loopback-down.ts';
import { lossPartial } from './rules/loss-partial.ts';
import { macvlanModeIsolated } from './rules/macvlan-mode-isolated.ts';
import { macvlanParentIsolated } from './rules/macvlan-parent-isolated.ts';
import { natHairpinMissing } from './rules/nat-hairpin-missing.ts';
import { natMasqueradeMissing } from './rules/nat-masquerade-missing.ts';
import { natSourceWrong } from './rules/nat-source-wrong.ts';
import { neighborTableFull } from './rules/neighbor-table-full.ts';
import { neighborWrongMac } from './rules/neighbor-wrong-mac.ts';
import { notCaptured } from './rules/not-captured.ts';
import { pmtuBlackhole } from './rules/pmtu-blackhole.ts';
import { replyDuplicated } from './rules/reply-duplicated.ts';
import { replyLost } from './rules/reply-lost.ts';
import { replySlow } from './rules/reply-slow.ts';
import { replyViaLoopback } from './rules/reply-via-loopback.ts';
import { requestLost } from './rules/request-lost.ts';
import { reversePathFilter } from './rules/reverse-path-filter.ts';
import { routeBlackhole } from './rules/route-blackhole.ts';
import { routeMissing } from './rules/route-missing.ts';
import { routeReturnMissing } from './rules/route-return-missing.ts';
import { routeWrongInterface } from './rules/route-wrong-interface.ts';
import { sourceIsLocal } from './rules/source-is-local.ts';
import { ttlExpired } from './rules/ttl-expired.ts';
import { tunNoReader } from './rules/tun-no-reader.ts';
import { vxlanBlocked } from './rules/vxlan-blocked.ts';
import { vxlanMtu } from './rules/vxlan-mtu.ts';
import { vxlanRemoteMissing } from './rules/vxlan-remote-missing.ts';
import { vxlanRemoteWrong } from './rules/vxlan-remote-wrong.ts';
import { vxlanVniMismatch } from './rules/vxlan-vni-mismatch.ts';

export const RULES: readonly Rule[] = [
  addressDuplicate,
  addressTentative,
  ipv6Disabled,
  loopbackDown,
  containerNoNetwork,
  bridgeDown,
  bridgeLoop,
  bridgePortIsolated,
  bridgePortNotForwarding,
  bridgeBroadcastFloodOff,
  bridgeMulticastFloodOff,
  bridgeSnoopingDropsNd,
  bridgeUnicastFloodOff,
  bridgeHairpinOff,
  bridgePortLocked,
  bridgeFdbWrongPort,
  bridgeVlanMismatch,
  vxlanBlocked,
  bridgeFilterDrop,
  bridgeNetfilterDrop,
  tunNoReader,
  linkDown,
  vxlanMtu,
  linkMtuSmaller,
  fragmentationNeeded,
  pmtuBlackhole,
  macvlanParentIsolated,
  macvlanModeIsolated,
  vxlanRemoteMissing,
  vxlanRemoteWrong,
  vxlanVniMismatch,
  linkMacDuplicate,
  linkQdiscDrop,
  linkTcDrop,
  linkXdpDrop,
  linkArpOff,
  arpFiltered,
  arpProxyMissing,
  addressPrefixWrong,
  bridgePortDetached,
  arpIgnored,
  bridgePortOwnsIp,
  sourceIsLocal,
  routeBlackhole,
  routeWrongInterface,
  natHairpinMissing,
  natSourceWrong,
  natMasqueradeMissing,
  routeReturnMissing,
  reversePathFilter,
  bridgeMacChanged,
  neighborTableFull,
  conntrackFull,
  neighborWrongMac,
  routeMissing,
  gatewayUnreachable,
  addressMissing,
  filterPreroutingDrop,
  filterInputDrop,
  filterForwardDrop,
  filterOutputDrop,
  filterRejected,
  forwardingOff,
  ttlExpired,
  echoIgnored,
  replyDuplicated,
  replySlow,
  lossPartial,
  icmpUnreachable,
  requestLost,
  replyLost,
  notCaptured,
  replyViaLoopback,
  checksumOffloaded,
  captureLossy,
];

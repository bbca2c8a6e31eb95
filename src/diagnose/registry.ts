/** All rules, the most specific first: the first that claims a situation names it. */
import type { Rule } from './rule.ts';
import { addressMissing } from './rules/address-missing.ts';
import { bridgeDown } from './rules/bridge-down.ts';
import { bridgePortDetached } from './rules/bridge-port-detached.ts';
import { bridgePortOwnsIp } from './rules/bridge-port-owns-ip.ts';
import { captureLossy } from './rules/capture-lossy.ts';
import { checksumOffloaded } from './rules/checksum-offloaded.ts';
import { echoIgnored } from './rules/echo-ignored.ts';
import { forwardingOff } from './rules/forwarding-off.ts';
import { gatewayUnreachable } from './rules/gateway-unreachable.ts';
import { linkDown } from './rules/link-down.ts';
import { loopbackDown } from './rules/loopback-down.ts';
import { neighborWrongMac } from './rules/neighbor-wrong-mac.ts';
import { notCaptured } from './rules/not-captured.ts';
import { replyLost } from './rules/reply-lost.ts';
import { replyViaLoopback } from './rules/reply-via-loopback.ts';
import { requestLost } from './rules/request-lost.ts';
import { reversePathFilter } from './rules/reverse-path-filter.ts';
import { routeMissing } from './rules/route-missing.ts';
import { routeReturnMissing } from './rules/route-return-missing.ts';
import { sourceIsLocal } from './rules/source-is-local.ts';
import { ttlExpired } from './rules/ttl-expired.ts';

export const RULES: readonly Rule[] = [
  loopbackDown,
  bridgeDown,
  linkDown,
  bridgePortDetached,
  bridgePortOwnsIp,
  sourceIsLocal,
  routeReturnMissing,
  reversePathFilter,
  neighborWrongMac,
  routeMissing,
  gatewayUnreachable,
  addressMissing,
  forwardingOff,
  ttlExpired,
  echoIgnored,
  requestLost,
  replyLost,
  notCaptured,
  replyViaLoopback,
  checksumOffloaded,
  captureLossy,
];

/** Changes to traffic control and XDP: what drops is taken away. */
import { field, objects, text } from './json.ts';
import type { Link, NetnsId } from './model.ts';
import type { XdpMode } from './traffic-control.ts';

interface At {
  readonly netns: NetnsId;
  readonly name: string;
}

export type TrafficChange =
  /** The device's own queueing discipline again. */
  | { readonly kind: 'queue-del'; readonly at: At }
  /** `xdp off` alone takes off what the driver runs, where it can, and leaves a generic program. */
  | { readonly kind: 'xdp-off'; readonly at: At; readonly mode: XdpMode }
  | {
      readonly kind: 'classifier-del';
      readonly at: At;
      readonly hook: 'ingress' | 'egress';
      readonly protocol: string;
      readonly preference: number;
      readonly handle?: string;
      /** u32, bpf, flower … */
      readonly classifier: string;
    };

/** Program and arguments. */
export function trafficWords(change: TrafficChange): string[] {
  const { name } = change.at;
  switch (change.kind) {
    case 'queue-del':
      return ['tc', 'qdisc', 'del', 'dev', name, 'root'];
    case 'xdp-off':
      return ['ip', 'link', 'set', 'dev', name, change.mode, 'off'];
    case 'classifier-del': {
      const { hook, protocol, preference, handle, classifier } = change;
      const which = ['protocol', protocol, 'pref', String(preference)];
      return [
        ...['tc', 'filter', 'del', 'dev', name, hook, ...which],
        ...(handle === undefined ? [] : ['handle', handle, classifier]),
      ];
    }
    default:
      return change satisfies never;
  }
}

export function applyTrafficChange(link: Link, change: TrafficChange): Link {
  const { queues, xdp, ...rest } = link.data;
  switch (change.kind) {
    case 'queue-del':
      return { ...link, data: { ...rest, ...(xdp === undefined ? {} : { xdp }) } };
    case 'xdp-off':
      return { ...link, data: { ...rest, ...(queues === undefined ? {} : { queues }) } };
    case 'classifier-del': {
      const kept = objects(field(link.data, 'classifiers')).filter(
        (one) =>
          text(one, 'hook') !== change.hook ||
          field(one, 'preference') !== change.preference ||
          (change.handle !== undefined && text(one, 'handle') !== change.handle),
      );
      return { ...link, data: { ...link.data, classifiers: kept } };
    }
    default:
      return change satisfies never;
  }
}

/** The largest packet that passes, as text and as data. */
import { placeName } from '../topology/naming.ts';
import type { Place } from '../trace/frame.ts';
import type { PathMtuReport, Report } from './report.ts';

/** Nothing where it was not looked for. Not yet wrapped, and not yet made printable. */
export function pathMtuLines({ pathMtu, target, diagnosis }: Report): string[] {
  if (!pathMtu) return [];
  const { bytes, sizeBytes, failsAtBytes, limit, tooBig, sender } = pathMtu;
  const name = (place: Place) => placeName(diagnosis.before, place);
  const fails = failsAtBytes === undefined ? '' : `, ${failsAtBytes} do not`;
  return [
    `path MTU: ${bytes} bytes pass to ${target.address} and back in one packet (-s ${sizeBytes})${fails}`,
    ...(limit
      ? [
          `limited by ${limitText(limit, name)}${limit.by === 'router' && tooBig?.told === false ? ', and the sender does not hear it' : ''}`,
        ]
      : []),
    ...(!limit && tooBig ? [`limited between ${between(tooBig, name)}: nothing that vdiag reads says by what`] : []),
    ...(sender && sender.mtu < bytes
      ? [
          `the kernel of the sender cuts what it sends to ${sender.mtu} bytes: ${
            sender.of === 'route' ? 'its route has that MTU' : 'it was told so before (ip route show cache)'
          }`,
        ]
      : []),
  ];
}

function limitText(
  { place, mtu, by, from }: NonNullable<PathMtuReport['limit']>,
  name: (place: Place) => string,
): string {
  const at = place ? name(place) : (from ?? 'a router');
  switch (by) {
    case 'sender':
      return `${at}, the sender's own interface (MTU ${mtu})`;
    case 'router':
      return `${at} (MTU ${mtu}): the router says so${place && from !== undefined ? `, from ${from}` : ''}`;
    case 'peer':
      return `${at} (MTU ${mtu}), which takes 4 bytes more than that and drops the rest without a word`;
    case 'bridge':
      return `the bridge port ${at} (MTU ${mtu}), which drops what is longer without a word`;
    default:
      return by satisfies never;
  }
}

function between({ last, missing }: NonNullable<PathMtuReport['tooBig']>, name: (place: Place) => string): string {
  return `${last ? name(last) : 'the sender'} and ${missing ? name(missing) : 'the target'}`;
}

/** The `mtu` object of vdiag.report/1. */
export function pathMtuJson({ bytes, sizeBytes, failsAtBytes, limit, tooBig, sender }: PathMtuReport): object {
  return {
    bytes,
    sizeBytes,
    ...(failsAtBytes === undefined ? {} : { failsAtBytes }),
    ...(limit === undefined
      ? {}
      : {
          limit: {
            ...(limit.place === undefined ? {} : { place: placeJson(limit.place) }),
            mtu: limit.mtu,
            by: limit.by,
            ...(limit.from === undefined ? {} : { from: limit.from }),
          },
        }),
    ...(tooBig === undefined
      ? {}
      : {
          tooBig: {
            told: tooBig.told,
            ...(tooBig.last === undefined ? {} : { last: placeJson(tooBig.last) }),
            ...(tooBig.missing === undefined ? {} : { missing: placeJson(tooBig.missing) }),
          },
        }),
    ...(sender === undefined ? {} : { sender: { ...sender } }),
  };
}

function placeJson({ netns, name }: Place): { netns: string; interface: string } {
  return { netns, interface: name };
}

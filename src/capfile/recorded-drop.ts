/** What the kernel said of packets in a recorded run, read back. */
import type { KernelDrop, KernelHop, KernelLife } from '../trace/kernel-life.ts';
import type { JsonValue } from './json-value.ts';

/** @throws VdiagError unreadable, with the field that is wrong */
export function readKernelDrop(drop: JsonValue): KernelDrop {
  return {
    timeNs: drop.field('timeNs').bigint(),
    reason: drop.field('reason').text(),
    function: drop.field('function').text(),
    protocol: drop.field('protocol').count(),
    hops: drop.field('hops').items().map(readHop),
    own: drop.field('own').truth(),
    rivals: drop
      .field('rivals')
      .items()
      .map((rival) => rival.items().map(readHop)),
    ...drop.optional('parent', (parent) => parent.items().map(readHop)),
    ...drop.optional('resolving', (address) => address.text()),
    doubtful: drop.field('doubtful').truth(),
  };
}

/** @throws VdiagError unreadable, with the field that is wrong */
export function readKernelLife(life: JsonValue): KernelLife {
  return {
    hops: life.field('hops').items().map(readHop),
    ...life.optional('sentNs', (time) => time.bigint()),
    ...life.optional('afterNs', (time) => time.bigint()),
  };
}

function readHop(hop: JsonValue): KernelHop {
  return {
    way: hop.field('way').word('queue', 'out', 'in'),
    device: hop.field('device').text(),
    lengthBytes: hop.field('lengthBytes').count(),
    timeNs: hop.field('timeNs').bigint(),
    own: hop.field('own').truth(),
  };
}

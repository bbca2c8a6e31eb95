/** A made-up network, surveyed: packets, the places that saw them, and when. */
import { type SurveySummary, summarise } from '../../src/survey/summary.ts';
import { Survey } from '../../src/survey/survey.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { encodeNeighbour } from '../../src/wire/icmpv6.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { BROADCAST, MAC_A, MAC_B } from '../trace/frames.ts';

const ETHERNET = 1;
const START_NS = 1_700_000_000_000_000_000n;
/** Between two places of a way, microseconds. */
const STEP = 10;

export class Scene {
  readonly survey = new Survey();
  readonly #names: readonly string[];
  #frames = 0;

  /** Places, numbered as they are named here. */
  constructor(...names: string[]) {
    this.#names = names;
  }

  /**
   * A packet on its way, sighted 10 µs later at each further place.
   * @param visits places, each with a direction if it is known: "br0 in"
   * @param at of the first sighting, microseconds
   */
  pass(visits: readonly string[], at: number, packet: Packet): this {
    const bytes = encodeFrame(packet);
    visits.forEach((visit, index) => {
      this.frame(visit, at + index * STEP, bytes);
    });
    return this;
  }

  frame(visit: string, at: number, bytes: Uint8Array, linkType = ETHERNET): this {
    const [name = '', direction] = visit.split(' ');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const flag = direction === 'in' ? 1 : direction === 'out' ? 2 : 0;
    this.survey.add(view, 0, bytes.length, linkType, this.#names.indexOf(name), flag, at * 1000, ++this.#frames);
    return this;
  }

  /** What the survey says; all places were recorded together. */
  summary(between?: readonly [string, string]): SurveySummary {
    this.survey.finish();
    const places = this.#names.map((name) => ({ netns: '', name }));
    return summarise(
      this.survey,
      {
        places: places.length,
        place: (index) => places[index] ?? { netns: '', name: '?' },
        time: (ns) => START_NS + BigInt(Math.round(ns)),
        frame: (frame) => ({ file: 0, frame }),
        together: [places.map((_, index) => index)],
      },
      between,
    );
  }
}

/** Who has `target`? Tell `source`. */
export function solicitation(source: string, target: string, mac = MAC_A): Packet {
  const multicast = `ff02::1:ff00:${target.split(':').at(-1)}`;
  return neighbour(source, multicast, { target, linkLayerAddress: mac }, { from: mac, to: '33:33:ff:00:00:01' });
}

export function advertisement(owner: string, asker: string, mac = MAC_B): Packet {
  return neighbour(
    owner,
    asker,
    { target: owner, linkLayerAddress: mac, neighbourFlags: 0x60 },
    { from: mac, to: MAC_A },
  );
}

function neighbour(
  source: string,
  destination: string,
  message: Parameters<typeof encodeNeighbour>[0],
  { from, to }: { readonly from: string; readonly to: string },
): Packet {
  return {
    ethernet: { destination: to, source: from, etherType: 0x86dd },
    vlans: [],
    ip: {
      version: 6,
      source,
      destination,
      payloadLength: 0,
      hopLimit: 255,
      nextHeader: 58,
      identification: 0,
      fragmentOffset: 0,
      moreFragments: false,
    },
    icmp: {
      version: 6,
      type: message.neighbourFlags === undefined ? 135 : 136,
      code: 0,
      ...(message.neighbourFlags === undefined ? {} : { neighbourFlags: message.neighbourFlags }),
    },
    payload: encodeNeighbour(message, { source, destination }).subarray(8),
  };
}

/** An ARP request as RFC 5227 probes: its sender has no address yet. */
export function probe(target: string, mac: string): Packet {
  return {
    ethernet: { destination: BROADCAST, source: mac, etherType: 0x0806 },
    vlans: [],
    arp: {
      operation: 1,
      senderHardware: mac,
      senderProtocol: '0.0.0.0',
      targetHardware: '00:00:00:00:00:00',
      targetProtocol: target,
    },
    payload: new Uint8Array(0),
  };
}

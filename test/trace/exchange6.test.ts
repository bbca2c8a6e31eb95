/** Neighbour discovery as exchanges: who asked whom, and what is no question. */
import { describe, expect, it } from 'vitest';
import { questionOf, resolvedMac } from '../../src/trace/exchange.ts';
import type { Journey } from '../../src/trace/journey.ts';
import type { SightingKind } from '../../src/trace/sighting.ts';
import type { Icmp } from '../../src/wire/packet.ts';

const ASKER = 'fd00::2';
const TARGET = 'fd00::3';

/** One sighting of an ICMPv6 message. */
function journey(kind: SightingKind, source: string, destination: string, icmp: Partial<Icmp>): Journey {
  const packet = {
    ethernet: { source: '02:00:00:00:00:03', destination: '33:33:ff:00:00:03', etherType: 0x86dd },
    vlans: [],
    ip: {
      version: 6 as const,
      source,
      destination,
      payloadLength: 32,
      hopLimit: 255,
      nextHeader: 58,
      identification: 0,
      fragmentOffset: 0,
      moreFragments: false,
    },
    icmp: { version: 6 as const, type: 135, code: 0, ...icmp },
    payload: new Uint8Array(0),
  };
  const frame = {
    place: { netns: 'c1', name: 'eth0' },
    timeNs: 0n,
    order: 0,
    direction: 'out' as const,
    packetType: 'outgoing' as const,
    originalLength: 86,
    checksumNotReady: false,
    bytes: new Uint8Array(0),
  };
  return { id: 1, kind, identity: '', sightings: [{ frame, packet, kind, identity: '' }], fragments: [] };
}

describe('neighbour discovery', () => {
  it('asks by multicast for a target', () => {
    const asked = journey('neighbour-solicitation', ASKER, 'ff02::1:ff00:3', { target: TARGET });
    expect(questionOf(asked)).toEqual({
      kind: 'neighbour',
      senderProtocol: ASKER,
      targetProtocol: TARGET,
      answers: false,
    });
  });

  it('asks by unicast whether a neighbour is still there', () => {
    const asked = journey('neighbour-solicitation', ASKER, TARGET, { target: TARGET });
    expect(questionOf(asked)).toMatchObject({ senderProtocol: ASKER, targetProtocol: TARGET, answers: false });
  });

  it('is answered by a solicited advertisement, named by who asked', () => {
    const answer = journey('neighbour-advertisement', TARGET, ASKER, { target: TARGET, neighbourFlags: 0x60 });
    expect(questionOf(answer)).toMatchObject({ senderProtocol: ASKER, targetProtocol: TARGET, answers: true });
  });

  it('is no question where duplicates are looked for, and no answer where nobody asked', () => {
    const probe = journey('neighbour-solicitation', '::', 'ff02::1:ff00:3', { target: TARGET });
    const announced = journey('neighbour-advertisement', TARGET, 'ff02::1', { target: TARGET, neighbourFlags: 0x20 });
    expect([probe, announced].map(questionOf)).toEqual([undefined, undefined]);
  });

  it('tells the hardware address in its option, or by its frame where there is none', () => {
    const named = { target: TARGET, neighbourFlags: 0x60, linkLayerAddress: '02:00:00:00:00:99' };
    expect(resolvedMac(journey('neighbour-advertisement', TARGET, ASKER, named))).toBe('02:00:00:00:00:99');
    const { linkLayerAddress: _, ...bare } = named;
    expect(resolvedMac(journey('neighbour-advertisement', TARGET, ASKER, bare))).toBe('02:00:00:00:00:03');
  });
});

/** Two stations with one hardware address on one segment. */
import { commandIn, placeName } from '../topology/naming.ts';
import type { TwinGate } from './gate.ts';
import { type Port, placeOf, type World } from './world.ts';

/** @param at where it goes astray */
export function twinGate({ topology }: World, at: Port, mac: string, one: Port, other: Port): TwinGate {
  const places = [placeOf(one), placeOf(other)] as const;
  return {
    kind: 'twin',
    place: placeOf(at),
    verdict: 'stop',
    mac,
    one: places[0],
    other: places[1],
    facts: places.map((place) => ({
      text: `${placeName(topology, place)} has ${mac}`,
      look: commandIn(topology, place.netns, ['ip', 'link', 'show', place.name]),
    })),
  };
}

/** What there is to say of a translation: which rule makes it, of what, and where to look it up. */
import type { NetnsId, Topology } from '../topology/model.ts';
import { commandIn, placeName } from '../topology/naming.ts';
import type { Ends } from './connection.ts';
import type { Fact } from './gate.ts';
import type { NatRule, NatRuling } from './nat-rules.ts';
import { type Stopper, stopperText } from './ruleset.ts';
import { type Port, placeOf } from './world.ts';

/** "10.9.0.2 > 192.0.2.2" */
export function endsText({ source, destination }: Ends): string {
  return `${source} > ${destination}`;
}

/** @param rule absent where only the sightings tell of it */
export function becomes(topology: Topology, port: Port, from: Ends, to: Ends, rule: NatRule | undefined): Fact[] {
  const by = rule ? `: ${ruleFact(rule)}` : ', as it was sighted leaving';
  const text = `${endsText(from)} becomes ${endsText(to)} where ${placeName(topology, placeOf(port))} is${by}`;
  return [{ text, look: listing(topology, port.namespace.id, rule?.rule) }];
}

export function undecided(topology: Topology, port: Port, { taken, perhaps }: NatRuling): Fact[] {
  const where = placeName(topology, placeOf(port));
  const rules = [...perhaps, ...(taken ? [taken] : [])];
  const named = rules.slice(0, 3).map(({ rule }) => stopperText(rule));
  return [
    {
      text: `${named.length > 0 ? named.join(', ') : 'a rule'} may translate the packet where ${where} is`,
      look: listing(topology, port.namespace.id, rules[0]?.rule),
    },
  ];
}

/** A rule that takes a device's address, and the device lends none. */
export function lacking(topology: Topology, port: Port, rule: NatRule): Fact[] {
  const name = placeName(topology, placeOf(port));
  const { id } = port.namespace;
  return [
    {
      text: `${ruleFact(rule)} puts the address of ${name} in, and there is none`,
      look: listing(topology, id, rule.rule),
    },
    {
      text: `${name} has no address of this family`,
      look: commandIn(topology, id, ['ip', 'addr', 'show', 'dev', port.link.name]),
    },
  ];
}

function ruleFact({ statement, rule }: NatRule): string {
  return `${stopperText(rule)} (${rule.text ?? statement.by})`;
}

/** The command that lists the rule's chain; without one, all rules of the namespace. */
export function listing(topology: Topology, netns: NetnsId, rule: Stopper | undefined): string {
  if (!rule) return commandIn(topology, netns, ['nft', '-a', 'list', 'ruleset']);
  const { family, table, chain, legacy } = rule;
  const program = family === 'ip6' ? 'ip6tables-legacy' : 'iptables-legacy';
  return commandIn(
    topology,
    netns,
    legacy
      ? [program, '-t', table, '-v', '-n', '-L', chain, '--line-numbers']
      : ['nft', '-a', 'list', 'chain', family, table, chain],
  );
}

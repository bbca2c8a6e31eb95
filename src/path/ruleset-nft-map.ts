/** Maps of nftables: what stands behind the key that a packet has (nft(8) "MAPS", "VMAP"). */
import type { FilterPacket } from './ruleset.ts';
import { fieldOf } from './ruleset-nft-field.ts';
import { bareElement, member, type Reading, type Want, wantJson, wantTuple } from './ruleset-want.ts';

/** `absent`: the packet has none of the keys, or not even the field. `unknown`: that cannot be told. */
export type Looked<Kind> = { readonly found: Kind } | 'absent' | 'unknown';

/** @param convert reads what stands behind a key, once */
export function mapLookup<Kind>(
  map: unknown,
  reading: Reading,
  convert: (value: unknown) => Kind,
): (packet: FilterPacket) => Looked<Kind> {
  const key = member(map, 'key');
  const data = member(map, 'data');
  const named = typeof data === 'string' && data.startsWith('@') ? reading.sets(data.slice(1)) : undefined;
  const listed = named ? named.elements : member(data, 'set');
  if (!Array.isArray(listed)) return () => 'unknown';
  const parts = member(key, 'concat');
  const fields = (Array.isArray(parts) ? parts : [key]).map(fieldOf);
  const entries = listed.map((pair) => {
    const [wanted, value] = Array.isArray(pair) ? pair : [];
    const plain = bareElement(wanted);
    const one: Want | undefined = Array.isArray(parts) ? undefined : wantJson(reading, plain);
    const tuple = one ? undefined : wantTuple(reading, [plain]);
    return { found: convert(value), want: (values: readonly string[]) => one?.(values[0] ?? '') ?? tuple?.(values) };
  });
  return (packet) => {
    const values: string[] = [];
    for (const field of fields) {
      const value = field(packet);
      if (value === null) return 'absent';
      if (value === undefined) return 'unknown';
      values.push(value);
    }
    for (const { want, found } of entries) {
      const truth = want(values);
      if (truth === undefined) return 'unknown';
      if (truth) return { found };
    }
    return named?.dynamic ? 'unknown' : 'absent';
  };
}

/** Interface names in files, and the places they mean. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameToPlace, placeDescription, placeToName } from '../../src/capfile/place-name.ts';

describe('place names', () => {
  it.each([
    [{ netns: 'host', name: 'veth0' }, 'veth0', 'veth0 in the starting namespace'],
    [{ netns: 'blue', name: 'eth0' }, 'eth0@blue', 'eth0 in namespace blue'],
    [{ netns: 'net:[4026532281]', name: 'eth0' }, 'eth0@net:[4026532281]', 'eth0 in namespace net:[4026532281]'],
    [{ netns: 'host', name: 'a@b' }, 'a@b@host', 'a@b in the starting namespace'],
  ])('%j is %s', (place, name, description) => {
    expect(placeToName(place, 'host')).toBe(name);
    expect(placeDescription(place, 'host')).toBe(description);
    expect(nameToPlace(name, 'host')).toEqual(place);
  });

  it.each([
    ['@', { netns: 'host', name: '@' }],
    ['@blue', { netns: 'host', name: '@blue' }],
    ['eth0@', { netns: 'host', name: 'eth0@' }],
    ['\\Device\\NPF_{0}', { netns: 'host', name: '\\Device\\NPF_{0}' }],
  ])('%s, as other programs name interfaces, is taken whole', (name, place) => {
    expect(nameToPlace(name, 'host')).toEqual(place);
  });

  it('come back the same where the namespaces are known, whatever they hold', () => {
    const part = fc.string({ unit: fc.constantFrom('a', '@', '"', '\u001b', 'é', '.'), minLength: 1, maxLength: 4 });
    const interfaceName = part.filter((name) => !name.startsWith('@'));
    fc.assert(
      fc.property(interfaceName, part, part, (name, netns, home) => {
        // Two namespaces of which one's name ends another's cannot be told apart by a name alone.
        fc.pre(!netns.endsWith(`@${home}`) && !home.endsWith(`@${netns}`) && !name.includes('@'));
        expect(nameToPlace(placeToName({ netns, name }, home), home, [home, netns])).toEqual({ netns, name });
      }),
    );
  });
});

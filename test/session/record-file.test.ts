/** Files of a recording: whole blocks, and a companion that is the old one or the new one. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VdiagError } from '../../src/linux/error.ts';
import { openOutputFile, replaceFile } from '../../src/session/record-file.ts';

describe('files', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vdiag-record-file-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);

  it('empties the file that is there, and appends', () => {
    writeFileSync(at('a'), 'something longer than what comes');
    const file = openOutputFile(at('a'));
    file.append(Buffer.from('one '));
    file.append(Buffer.from('two'));
    file.close();
    file.close();
    expect([readFileSync(at('a'), 'utf8'), file.bytes, file.isRegular]).toEqual(['one two', 7, true]);
  });

  it('a device is no regular file', () => {
    const file = openOutputFile('/dev/null');
    file.append(Buffer.from('gone'));
    file.close();
    expect(file.isRegular).toBe(false);
  });

  it('a device that is full says so in plain words', () => {
    const file = openOutputFile('/dev/full');
    try {
      expect(() => file.append(Buffer.from('x'))).toThrow('cannot write /dev/full: no space left on device');
      expect(file.bytes).toBe(0);
    } finally {
      file.close();
    }
  });

  it('replaces a file as a whole', () => {
    writeFileSync(at('state.json'), 'old');
    replaceFile(at('state.json'), 'new');
    expect(readFileSync(at('state.json'), 'utf8')).toBe('new');
  });

  it('leaves nothing beside it where it could not', () => {
    mkdirSync(at('taken/inside'), { recursive: true });
    const before = readdirSync(folder).toSorted();
    expect(() => replaceFile(at('taken'), 'new')).toThrow(VdiagError);
    expect(readdirSync(folder).toSorted()).toEqual(before);
  });
});

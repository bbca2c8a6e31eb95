/** The place of an interface in one capture of several: by the name it was given, its own, or its file's. */
import { basename } from 'node:path';
import type { CaptureInterface } from '../capfile/capture-interface.ts';
import type { CaptureFile } from '../capfile/open.ts';
import { nameToPlace } from '../capfile/place-name.ts';
import type { NetnsId, Topology } from '../topology/model.ts';
import { linkByIndex } from '../topology/query.ts';
import type { Place } from '../trace/frame.ts';

export interface CaptureInput {
  /** A file, or `-` for standard input. */
  readonly path: string;
  /** What its interface is called: `NAME=capture`. */
  readonly name?: string;
}

/** A capture that was opened. */
export interface NamedCapture {
  readonly file: CaptureFile;
  readonly input: CaptureInput;
}

/** What is known of the machine that captures were made on. */
export interface PlaceNaming {
  /** Knows the namespaces and interface numbers of the machine it was recorded on. */
  readonly topology?: Topology;
  readonly namespaces?: readonly NetnsId[];
}

/** The loopback device is the first of every namespace (include/net/flow.h). */
const LOOPBACK_IFINDEX = 1;

export function placeOfSource(
  { file, input }: NamedCapture,
  source: CaptureInterface,
  { topology, namespaces = [] }: PlaceNaming,
): Place {
  const home = topology?.home ?? '';
  if (source.kernelIndex !== undefined) {
    const namespace = topology?.namespaces.find(({ id }) => id === home);
    const name = namespace && linkByIndex(namespace, source.kernelIndex)?.name;
    const unnamed = source.kernelIndex === LOOPBACK_IFINDEX ? 'lo' : `interface ${source.kernelIndex}`;
    return { netns: input.name ?? home, name: name ?? unnamed };
  }
  if (!describesSeveral(file) && (input.name !== undefined || source.name === ''))
    return nameToPlace(input.name ?? labelOf(input), home, namespaces);
  if (source.name === '') return { netns: input.name ?? home, name: `${labelOf(input)}/${source.index}` };
  const place = nameToPlace(source.name, home, namespaces);
  return input.name === undefined ? place : { netns: input.name, name: place.name };
}

/** More interfaces than one, beside those that frames name. */
function describesSeveral(file: CaptureFile): boolean {
  let described = 0;
  for (const { recordedAs } of file.summary().interfaces) if (recordedAs === undefined && ++described > 1) return true;
  return false;
}

/** "web" for "captures/web.pcap.gz". */
export function labelOf({ name, path }: CaptureInput): string {
  return name ?? (path === '-' ? 'standard input' : basename(path).replace(/(\.(pcapng|pcap|cap|txt))?(\.gz)?$/, ''));
}

/** What `-v` shows of the bytes: each packet of the example where it was sighted last, field by field and as they were. */
import { placeName } from '../topology/naming.ts';
import type { Sighting } from '../trace/sighting.ts';
import { describePacket } from '../wire/describe.ts';
import type { Packet } from '../wire/packet.ts';
import { exampleJourneys } from './ladder-rows.ts';
import { printable } from './printable.ts';
import { wrapped } from './prose.ts';
import type { Report } from './report.ts';
import { painted, type Terminal } from './terminal.ts';

/** Packets, and bytes of one, that are shown. */
const MOST_PACKETS = 12;
const MOST_BYTES = 256;
const LAYERS = ['ethernet', 'cooked', 'arp', 'ip', 'icmp', 'udp', 'tcp'] as const;
const INDENT = '    ';
/** A line of sixteen bytes, as hexadecimal digits and as characters. */
const WIDE_LINE = 78;
const NARROW_LINE = 46;

/** One section; empty where nothing was sighted with its bytes. */
export function frameLines(report: Report, terminal: Terminal): string[] {
  const sightings = exampleJourneys(report.diagnosis)
    .flatMap(({ sightings: all }) => all.at(-1) ?? [])
    .filter(({ frame }) => frame.bytes.length > 0);
  if (sightings.length === 0) return [];
  return [
    painted(terminal, 'head', 'frames of the example, each where it was sighted last'),
    ...sightings.slice(0, MOST_PACKETS).flatMap((sighting) => frameOf(report, sighting, terminal)),
    ...(sightings.length > MOST_PACKETS ? [`  ${sightings.length - MOST_PACKETS} more: see -w`] : []),
  ];
}

function frameOf({ diagnosis }: Report, { frame, packet, outer }: Sighting, terminal: Terminal): string[] {
  const safe = (text: string): string => printable(text, terminal.unicode);
  const direction = frame.direction === 'unknown' ? '' : ` ${frame.direction}`;
  const whole = outer ?? packet;
  const head = `${placeName(diagnosis.before, frame.place)}${direction}, ${frame.originalLength} bytes: ${describePacket(whole)}`;
  return [
    ...wrapped(safe(head), terminal.width, '  ', INDENT),
    ...layers(whole).flatMap(([name, fields]) =>
      wrapped(safe(fields), terminal.width, `${INDENT}${name.padEnd(9)} `, `${INDENT}${' '.repeat(10)}`),
    ),
    ...dump(frame.bytes, terminal).map((line) => painted(terminal, 'quiet', INDENT + line)),
  ];
}

/** Each decoded header with its fields, from the outermost in. */
function layers(packet: Packet): [string, string][] {
  const own = LAYERS.flatMap((name): [string, string][] => {
    const header = packet[name];
    return header === undefined ? [] : [[name, fieldsOf(header)]];
  });
  return packet.inner === undefined ? own : [...own, ...layers(packet.inner)];
}

function fieldsOf(header: object): string {
  return Object.entries(header)
    .flatMap(([name, value]) => {
      const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      if (typeof value === 'boolean') return value ? [words] : [`not ${words}`];
      if (typeof value === 'string') return [`${words} ${value}`];
      if (typeof value === 'number')
        return [`${words} ${words.endsWith('type') && value > 255 ? `0x${value.toString(16)}` : value}`];
      return value instanceof Uint8Array ? [`${value.length} bytes of ${words}`] : [];
    })
    .join(', ');
}

/** As hexdump -C has it: offset, bytes, characters. */
function dump(bytes: Uint8Array, { width }: Terminal): string[] {
  const room = width - INDENT.length;
  const each = room >= WIDE_LINE - INDENT.length ? 16 : 8;
  const characters = room >= (each === 16 ? WIDE_LINE : NARROW_LINE) - INDENT.length;
  const shown = bytes.subarray(0, MOST_BYTES);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += each) {
    const part = [...shown.subarray(at, at + each)];
    const digits = part
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ')
      .padEnd(3 * each - 1);
    const letters = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${digits}${characters ? `  ${letters}` : ''}`.trimEnd());
  }
  return bytes.length > MOST_BYTES ? [...lines, `${bytes.length - MOST_BYTES} bytes more`] : lines;
}

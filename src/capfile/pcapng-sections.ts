/** What a pcapng file says of itself: its sections, the interfaces that each describes, their statistics, and comments. */
import type { ByteWindow } from './byte-window.ts';
import type { CaptureInterface, InterfaceTable } from './capture-interface.ts';
import type { SectionPoint } from './frame-cursor.ts';
import type { PcapngBlocks } from './pcapng-blocks.ts';
import { COMMENT } from './pcapng-format.ts';
import { readInterface, readStatistics } from './pcapng-interface.ts';
import { optionText, readOptions } from './pcapng-option.ts';

/** Interfaces of all sections together. */
const MOST_INTERFACES = 1 << 16;
/** Of section headers, and of one packet. */
export const MOST_COMMENTS = 64;
/** Characters. */
export const LONGEST_COMMENT = 4096;
/** Said of a block that is left out because of it. */
export const BAD_OPTION = 'an option claims more bytes than its block has';
const FIRST_SECTION: SectionPoint = { little: true, index: -1, firstInterface: 0, interfaces: 0 };

export class PcapngSections {
  /** Where the file is read: its section, and how many of the section's interfaces have been described. */
  point = FIRST_SECTION;
  /** Of section headers. */
  readonly comments: string[] = [];
  readonly #blocks: PcapngBlocks;
  readonly #table: InterfaceTable;

  /** @param blocks stands on the block that is read */
  constructor(blocks: PcapngBlocks, table: InterfaceTable) {
    this.#blocks = blocks;
    this.#table = table;
  }

  /** The interface that packets of this section call `id`; undefined where it has not been described. */
  interface(id: number): CaptureInterface | undefined {
    const { firstInterface, interfaces } = this.point;
    const at = firstInterface + id;
    return at < interfaces ? this.#table.described[at] : undefined;
  }

  readHeader(window: ByteWindow): false {
    const { at, end, little } = this.#blocks;
    const major = window.view.getUint16(at + 12, little);
    const minor = window.view.getUint16(at + 14, little);
    // 1.2 was written by some programs for a while, and means 1.0.
    if (major !== 1 || (minor !== 0 && minor !== 2))
      return this.#blocks.stop(`pcapng version ${major}.${minor} is not known: vdiag reads 1.0`);
    const { index, interfaces } = this.point;
    this.point = { little, index: index + 1, firstInterface: interfaces, interfaces };
    const options = readOptions(window.view, little, at + 24, end);
    if (options === undefined) return this.#blocks.leaveOut(BAD_OPTION);
    for (const option of options)
      if (option.code === COMMENT && this.comments.length < MOST_COMMENTS)
        this.comments.push(optionText(window.bytes, option, LONGEST_COMMENT));
    return false;
  }

  readInterface(view: DataView): false {
    const { at, end, little } = this.#blocks;
    const { point } = this;
    const { described, all } = this.#table;
    const number = point.interfaces;
    if (number >= MOST_INTERFACES) return this.#blocks.stop(`more than ${MOST_INTERFACES} interfaces`);
    this.point = { ...point, interfaces: number + 1 };
    // Read before, by the cursor that this one goes back over.
    if (number < described.length) return false;
    const place = { index: all.length, section: point.index, id: number - point.firstInterface };
    const options = readOptions(view, little, at + 16, end);
    // Without its options the interface must still be there: packets name it by its number.
    this.#table.describe(readInterface(view, little, at, options ?? [], place));
    return options === undefined && this.#blocks.leaveOut(BAD_OPTION);
  }

  readStatistics(view: DataView): false {
    const { at, end, little } = this.#blocks;
    const about = this.interface(view.getUint32(at + 8, little));
    if (about === undefined) return this.#blocks.leaveOut('statistics of an interface that the file does not describe');
    const options = readOptions(view, little, at + 20, end);
    if (options === undefined) return this.#blocks.leaveOut(BAD_OPTION);
    readStatistics(view, little, options, about);
    return false;
  }
}

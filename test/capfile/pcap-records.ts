/** pcap files made by hand, in either byte order. */

export interface PcapOptions {
  readonly little?: boolean;
  readonly magic?: number;
  readonly linkType?: number;
  readonly snapLength?: number;
  readonly version?: readonly [number, number];
}

export interface PcapRecord {
  readonly seconds?: number;
  readonly fraction?: number;
  readonly data: Uint8Array;
  readonly captured?: number;
  readonly original?: number;
  /** Of the modified format: interface number and packet type. */
  readonly modified?: readonly [number, number];
}

export function pcapFile(options: PcapOptions, records: readonly PcapRecord[]): Buffer {
  const { little = true, magic = 0xa1b2c3d4, linkType = 1, snapLength = 262144, version = [2, 4] } = options;
  const header = Buffer.alloc(24);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  view.setUint32(0, magic, little);
  view.setUint16(4, version[0] ?? 0, little);
  view.setUint16(6, version[1] ?? 0, little);
  view.setUint32(16, snapLength, little);
  view.setUint32(20, linkType, little);
  return Buffer.concat([header, ...records.map((record) => pcapRecord(record, little))]);
}

export function pcapRecord(
  { seconds = 1, fraction = 0, data, captured, original, modified }: PcapRecord,
  little = true,
) {
  const header = Buffer.alloc(modified === undefined ? 16 : 24);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  view.setUint32(0, seconds, little);
  view.setUint32(4, fraction, little);
  view.setUint32(8, captured ?? data.length, little);
  view.setUint32(12, original ?? data.length, little);
  if (modified !== undefined) {
    view.setUint32(16, modified[0], little);
    view.setUint16(20, 0x0800, little);
    view.setUint8(22, modified[1]);
  }
  return Buffer.concat([header, data]);
}

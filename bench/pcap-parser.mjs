/** Reads a capture with the npm package pcap-parser and counts its packets: a baseline for bench/analyze.mjs. */
import { parse } from 'pcap-parser';

let packets = 0;
parse(process.argv[2])
  .on('packet', () => packets++)
  .on('end', () => console.log(packets));

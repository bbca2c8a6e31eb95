/**
 * The packet ring alone, as ping-trace has it (`probes`: the kernel filter keeps what a probe may be) or record (`all`): frames are
 * counted, and its own processor time from when it listens.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules = '', kept = ''] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(modules, file)).href);
const { openCapture } = await load('capture/capture.js');
const { keepInterfaces, probeFilter } = await load('capture/filter.js');
const { resolveNetns } = await load('linux/netns.js');

const token = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
let frames = 0;
let ending = false;
process.once('SIGINT', () => {
  ending = true;
});
const netns = resolveNetns('/proc/self/ns/net');
// The same interfaces as the others.
const on = ['va', 'p1', 'vb'].map((name) => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8')));
const filter = kept === 'all' ? keepInterfaces(on) : probeFilter({ token, dataBytes: 56 });
const capture = openCapture([netns], { filter, ordered: kept === 'all', onPacket: () => frames++ });
const begun = process.cpuUsage();
while (!ending) await capture.poll(50);
await capture.drain();
const { user, system } = process.cpuUsage(begun);
capture.close();
const { lost } = capture.coverage();
console.log(
  JSON.stringify({ frames, cpu: (user + system) / 1e6, lost: lost.reduce((sum, one) => sum + one.frames, 0) }),
);

import { describe, expect, it } from 'vitest';
import { frameLines } from '../../src/report/frame-bytes.ts';
import { displayWidth } from '../../src/report/printable.ts';
import type { Report } from '../../src/report/report.ts';
import { summariseProbes } from '../../src/session/ping-verdict.ts';
import { diagnoseRecorded } from '../../src/session/replay.ts';
import { recorded } from '../diagnose/recordings.ts';
import { portOwnsIp } from './scenes.ts';

function reportOf(rule: string): Report {
  const { recording, frames } = recorded(rule);
  return {
    version: '0',
    command: 'ping-trace',
    target: {
      interface: recording.query.start.name,
      address: recording.query.destination,
      netns: recording.query.start.netns,
    },
    probes: { ...summariseProbes(recording.probes), sizeBytes: 56 },
    diagnosis: diagnoseRecorded(recording, frames),
  };
}

describe('the bytes of a frame', () => {
  it('are shown under what they mean', () => {
    const text = frameLines(reportOf('bridge-port-owns-ip'), { width: 100, color: false, unicode: true }).join('\n');
    expect(text).toContain('arp       ');
    expect(text).toMatch(/operation 2, .*target protocol 1\.2\.3\.101/s);
    expect(text).toMatch(/^ {4}0000 {2}(?:[0-9a-f]{2} ){12}08 06 00 01 {2}.{16}$/m);
    expect(text).toMatch(/^ {4}0010 {2}08 00 06 04 00 02 /m);
  });

  it('are those of the packet that carries another, too', () => {
    const text = frameLines(reportOf('vxlan-vni-mismatch'), { width: 120, color: false, unicode: true }).join('\n');
    expect(text).toMatch(/udp .*destination port 4789/);
    expect(text).toMatch(/ip .*source 192\.168\.77\.1/);
  });

  it('fit every width', () => {
    for (const rule of ['vxlan-mtu', 'fragmentation-needed', 'address-tentative'])
      for (const width of [60, 80, 120, 200])
        for (const line of frameLines(reportOf(rule), { width, color: false, unicode: false }))
          expect(displayWidth(line), line).toBeLessThanOrEqual(width);
  });

  it('are none where none were kept', () => {
    expect(frameLines(portOwnsIp(), { width: 80, color: false, unicode: true })).toEqual([]);
  });
});

/** A check: the topology and the model, and no packet. */
import { predict } from '../diagnose/predict.ts';
import { type EchoQuery, sourceFor } from '../path/expect.ts';
import type { Report } from '../report/report.ts';
import { version } from '../version.ts';
import { locate } from './locate.ts';
import type { PingTraceOptions } from './ping-trace.ts';
import { checkAddress, targetOf } from './start.ts';
import { takeStateBefore } from './state-before.ts';
import { lookAround } from './whereabouts.ts';

export type CheckOptions = Pick<
  PingTraceOptions,
  'interface' | 'address' | 'netns' | 'sizeBytes' | 'dontFragment' | 'ttl' | 'signal' | 'onNote'
> & {
  /** Replace addresses, hardware addresses and names before anything is told of them. */
  readonly redact?: boolean;
};

const DEFAULT_SIZE = 56;

/**
 * What would become of a probe, as {@link PingTraceOptions} describe it.
 * @throws VdiagError no-such-interface, no-such-namespace, not-an-address, own-address, permission, missing-program
 */
export async function check(given: CheckOptions): Promise<Report> {
  const known = await lookAround();
  const { home, start, ...located } = locate(given, known);
  if (!given.redact) for (const note of located.notes) given.onNote?.(note);
  const options = { ...given, ...located, address: checkAddress(located.address, located.interface) };
  const topology = await takeStateBefore(options, { start, home }, known);
  const asked: EchoQuery = {
    start: { netns: start.id, name: options.interface },
    destination: options.address,
    ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
    ...(options.sizeBytes === undefined ? {} : { sizeBytes: options.sizeBytes }),
    ...(options.dontFragment === undefined ? {} : { dontFragment: options.dontFragment }),
  };
  const source = sourceFor(topology, asked);
  const query = source === undefined ? asked : { ...asked, source };
  const report: Report = {
    version: version(),
    command: 'check',
    target: targetOf(topology, { interface: options.interface, address: options.address, netns: start.id }),
    probes: { sent: 0, received: 0, duplicates: 0, sizeBytes: options.sizeBytes ?? DEFAULT_SIZE },
    diagnosis: predict(query, topology),
  };
  if (!given.redact) return report;
  const { redacted, redactor, losses } = (await import('./redact.ts')).redactCheck(report, topology, query);
  for (const note of [...located.notes.map(redactor.text), ...losses]) given.onNote?.(note);
  return redacted;
}

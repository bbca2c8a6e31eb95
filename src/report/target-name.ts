/** The two ends of a trace as the reader calls them: with the containers they belong to, where these are known. */
import type { Report } from './report.ts';

type Target = Report['target'];

/** "veth0", "eth0@web" */
export function sourceName({ interface: name, container }: Target): string {
  return container === undefined ? name : `${name}@${container}`;
}

/** "172.17.0.3", "172.17.0.3 (db)" */
export function addressName({ address, addressOf }: Target): string {
  return addressOf === undefined ? address : `${address} (${addressOf})`;
}

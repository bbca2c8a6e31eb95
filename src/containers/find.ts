/** The container that a user means by a word on the command line. */
import { VdiagError } from '../linux/error.ts';
import { nearestNames } from '../linux/nearest.ts';
import { type Container, labelOf, RUNTIMES, specOf } from './container.ts';
import type { Directory } from './directory.ts';

/** Words before a colon that ask for a container, whatever else has that name. */
const prefixes: ReadonlySet<string> = new Set(['container', 'pod', ...RUNTIMES.filter((name) => name !== 'unknown')]);
/** Shorter beginnings of an id could be meant as a name. */
const leastIdLength = 4;
const mostShown = 6;

/** Does the word ask for a container explicitly: `container:web`, `docker:web`, `pod:default/web-1`? */
export function asksForContainer(spec: string): boolean {
  return prefixes.has(/^([a-z-]+):./s.exec(spec)?.[1] ?? '');
}

/**
 * The container that `container:NAME`, `docker:NAME`, `pod:NAMESPACE/NAME` or a bare name means: by its name, its pod's, the
 * beginning of its id, or its host name. Containers of one namespace are one answer: its owner.
 *
 * @returns undefined when nothing has a bare name
 * @throws VdiagError `no-such-namespace`: several have it, none has it where the word asks for a container, or it does not run
 */
export function findContainer(directory: Pick<Directory, 'containers'>, spec: string): Container | undefined {
  const explicit = asksForContainer(spec);
  const at = explicit ? spec.indexOf(':') : -1;
  const wanted = spec.slice(at + 1);
  const kind = explicit ? spec.slice(0, at) : 'container';
  const eligible = directory.containers.filter(
    ({ runtime, pod }) => kind === 'container' || (kind === 'pod' ? pod !== undefined : runtime === kind),
  );
  const found = firstMatches(eligible, wanted, kind === 'pod');
  const alive = distinct(found.filter(({ netns }) => netns !== undefined));
  if (alive.length > 1) throw ambiguous(spec, alive);
  if (alive[0]) return alive[0];
  if (found[0]) throw notRunning(found[0]);
  if (explicit) throw unknown(spec, kind, wanted, eligible);
  return undefined;
}

/** Names first, then beginnings of ids, then host names: the first that gives anything decides. */
function firstMatches(containers: readonly Container[], wanted: string, pods: boolean): Container[] {
  const tests: readonly ((container: Container) => boolean)[] = pods
    ? [(container) => labelOf(container) === wanted, ({ pod }) => pod?.name === wanted]
    : [
        (container) => container.name === wanted || labelOf(container) === wanted || container.pod?.name === wanted,
        ({ id }) => wanted.length >= leastIdLength && /^[0-9a-f]+$/.test(wanted) && id.startsWith(wanted),
        ({ hostname }) => hostname === wanted,
      ];
  for (const test of tests) {
    const found = containers.filter(test);
    if (found.length > 0) return found;
  }
  return [];
}

/** One of each namespace. */
function distinct(containers: readonly Container[]): Container[] {
  const seen = new Set<number | undefined>();
  return containers.filter(({ netns }) => {
    if (seen.has(netns)) return false;
    seen.add(netns);
    return true;
  });
}

function ambiguous(spec: string, found: readonly Container[]): VdiagError {
  const specs = new Set(found.map(specOf));
  // Two of one name within one runtime differ by their ids alone.
  const choices = specs.size === found.length ? [...specs] : found.map(({ id }) => `container:${id.slice(0, 12)}`);
  const shown = choices.slice(0, mostShown).join(', ');
  const more = choices.length > mostShown ? ` and ${choices.length - mostShown} more` : '';
  return new VdiagError('no-such-namespace', `${spec} is not one container`, `say which: ${shown}${more}`);
}

function notRunning(container: Container): VdiagError {
  const start =
    container.runtime === 'docker' || container.runtime === 'podman'
      ? `start it: ${container.runtime} start ${container.id.slice(0, 12)}`
      : 'start it, then ask again';
  return container.state === 'running' || container.state === 'paused'
    ? new VdiagError(
        'no-such-namespace',
        `the processes of container ${labelOf(container)} cannot be seen from here`,
        'run vdiag on the machine that runs it, outside of any container, as root',
      )
    : new VdiagError(
        'no-such-namespace',
        `container ${labelOf(container)} does not run (${container.state}): it has no network now`,
        start,
      );
}

function unknown(spec: string, kind: string, wanted: string, eligible: readonly Container[]): VdiagError {
  const names = containerNames({ containers: eligible });
  const near = nearestNames(wanted, names);
  const shown = names.slice(0, mostShown).join(', ');
  const hint =
    near.length > 0
      ? `did you mean ${near.join(', ')}?`
      : names.length > 0
        ? `there is ${shown}${names.length > mostShown ? ` and ${names.length - mostShown} more` : ''}`
        : `no ${kind === 'pod' ? 'pod' : 'container'} can be seen from here; all there is: vdiag map`;
  return new VdiagError('no-such-namespace', `no ${kind === 'pod' ? 'pod' : 'container'} ${spec}`, hint);
}

/** What may be typed for the running ones. */
export function containerNames({ containers }: Pick<Directory, 'containers'>): string[] {
  return [...new Set(containers.filter(({ netns }) => netns !== undefined).map(labelOf))];
}

/** A live view looks around: what came and what went, and the topology taken anew, at the cost of a small share of the time. */
import { realtimeNs } from '../linux/socket.ts';
import { retakeTopology } from '../topology/collect.ts';
import type { Topology } from '../topology/model.ts';
import type { WatchEvent } from '../watch/event.ts';
import type { WatchedPlaces } from './watch-places.ts';

const SCAN_MS = 500;
const REFRESH_MS = 1000;
/** Looking around, or taking the topology, takes no more than one in so many parts of the time. */
const SCAN_SHARE = 20;
const TOPOLOGY_SHARE = 3;
/** Until it was taken for the first time. */
const PROBABLE_COST_MS = 100;
const MOST_NAMES = 8;

export class Surroundings {
  /** Interfaces that are listened to and have their names for themselves: the kernel tells drops by names alone. */
  readonly devices = new Set<string>();
  readonly #places: WatchedPlaces;
  readonly #tell: (event: WatchEvent) => void;
  #scannedMs = performance.now();
  #scanCostMs = 0;
  #refreshedMs = 0;
  #topologyCostMs = PROBABLE_COST_MS;
  #hasChanged = false;

  constructor(places: WatchedPlaces, tell: (event: WatchEvent) => void) {
    this.#places = places;
    this.#tell = tell;
    this.#nameDevices();
  }

  /** What taking the topology cost the last time. */
  get topologyCostMs(): number {
    return this.#topologyCostMs;
  }

  /** How long the topology is left alone after it was taken. */
  get restMs(): number {
    return this.#topologyCostMs * TOPOLOGY_SHARE;
  }

  /** Drops that cannot be told apart: our interfaces whose names are not theirs alone. */
  get ambiguous(): string[] {
    const { all, foreign } = this.#places;
    const names = [...new Set(all.flatMap(({ name }) => (foreign.has(name) ? name : [])))];
    if (names.length === 0) return [];
    return [
      `kernel drops at ${names.slice(0, MOST_NAMES).join(', ')}: namespaces that are not watched have interfaces of these names`,
    ];
  }

  /** Looks for what came and went, where it is time to. */
  scan(nowMs: number): void {
    if (nowMs - this.#scannedMs < Math.max(SCAN_MS, this.#scanCostMs * SCAN_SHARE)) return;
    const startedMs = performance.now();
    const { changes, changed } = this.#places.scan();
    this.#scannedMs = performance.now();
    this.#scanCostMs = this.#scannedMs - startedMs;
    for (const change of changes) this.#tell({ ...change, timeNs: realtimeNs() });
    if (changed) this.#hasChanged = true;
  }

  /** Something has changed, and it is time to take the topology anew. */
  mustRefresh(nowMs: number): boolean {
    return this.#hasChanged && nowMs - this.#refreshedMs >= Math.max(REFRESH_MS, this.restMs);
  }

  /** Takes the topology anew, and follows it. */
  async refresh(): Promise<void> {
    this.#hasChanged = false;
    const startedMs = performance.now();
    const changes = await this.#places.refresh();
    this.#refreshedMs = performance.now();
    this.#topologyCostMs = this.#refreshedMs - startedMs;
    const timeNs = realtimeNs();
    for (const change of changes) this.#tell({ ...change, timeNs });
    this.#nameDevices();
  }

  /** The topology of the same places, as it is now. */
  async retake(signal: AbortSignal | undefined): Promise<Topology> {
    const startedMs = performance.now();
    const topology = await retakeTopology(this.#places.topology, signal === undefined ? {} : { signal });
    this.#topologyCostMs = performance.now() - startedMs;
    return topology;
  }

  #nameDevices(): void {
    const { all, foreign } = this.#places;
    this.devices.clear();
    for (const { name } of all) if (!foreign.has(name)) this.devices.add(name);
  }
}

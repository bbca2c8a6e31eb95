/** A run during which the clock is set, on one that a test may set. */
import { describe, expect, it } from 'vitest';
import type { Capture } from '../../src/capture/capture.ts';
import { createSteadyClock } from '../../src/capture/steady-clock.ts';
import type { EchoProbe } from '../../src/probe/echo.ts';
import { unsetClock } from '../../src/session/unset-clock.ts';
import type { Coverage } from '../../src/trace/frame.ts';

const START = 1_700_000_000_000_000_000n;

function scene() {
  const state = { steadyNs: 0n, setNs: 0n };
  const wall = () => START + state.steadyNs + state.setNs;
  const unset = unsetClock(createSteadyClock(() => ({ wallNs: wall(), steadyNs: state.steadyNs })));
  const probe: EchoProbe = {
    fd: -1,
    identifier: 1,
    source: () => undefined,
    send: () => ({ sentNs: wall() }),
    receive: () => [{ kind: 'reply', sequence: 1, timeNs: wall(), source: '10.0.0.1', ttl: 64, lengthBytes: 64 }],
    close: () => undefined,
  };
  const coverage: Coverage = {
    engine: 'packet-ring',
    places: [],
    fromNs: START,
    untilNs: START,
    framesCaptured: 0,
    lost: [],
    gaps: [],
  };
  const capture: Capture = {
    places: () => [],
    poll: async () => new Set(),
    drain: async () => undefined,
    coverage: () => coverage,
    close: () => undefined,
  };
  return { state, unset, probe: unset.probe(probe), capture: unset.capture(capture), coverage };
}

describe('a run during which the clock is set', () => {
  it.each([
    [
      'forward',
      3_600_000_000_000n,
      'the clock was set forward by 3600.0 s during the trace: times are told as if it had not been',
    ],
    [
      'back',
      -90_500_000_000n,
      'the clock was set back by 90.5 s during the trace: times are told as if it had not been',
    ],
  ])('%s has the times it would have had, and says so', (_, setNs, gap) => {
    const { state, unset, probe, capture } = scene();
    expect(probe.send(1).sentNs).toBe(START);
    state.steadyNs = 1_000_000n;
    state.setNs = setNs;
    // The round trip took a millisecond, whatever the clock says.
    expect(probe.receive()).toMatchObject([{ timeNs: START + 1_000_000n }]);
    expect(probe.send(2).sentNs).toBe(START + 1_000_000n);
    state.steadyNs = 500_000_000n;
    expect(capture.coverage().untilNs).toBe(START + 480_000_000n);
    expect(unset.clock.now()).toBe(START + 500_000_000n);
    expect(unset.gaps()).toEqual([gap]);
  });

  it('is no such run while nobody sets it', () => {
    const { state, unset, probe, capture, coverage } = scene();
    probe.send(1);
    state.steadyNs = 900_000_000n;
    probe.receive();
    expect(capture.coverage()).toBe(coverage);
    expect(unset.gaps()).toEqual([]);
  });
});

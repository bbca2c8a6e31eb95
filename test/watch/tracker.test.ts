import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tracker } from '../../src/watch/tracker.ts';
import { arpReply, arpRequest, echo, frame, icmpError } from '../trace/frames.ts';
import { MS, placesOf, SECOND, scene } from './scene.ts';

const WAY = ['eth0@a out', 'va in', 'vb out', 'eth0@b in'];
const BACK = ['eth0@b out', 'vb in', 'va out', 'eth0@a in'];

describe('exchanges as they happen', () => {
  it('joins a request and its reply over all places, and tells them once both have settled', () => {
    const { pass, until, exchanges } = scene();
    pass(WAY, 0, echo('request', 1));
    pass(BACK, 500, echo('reply', 1));
    until(60 * MS);
    expect(exchanges).toEqual([]);
    until(61 * MS);
    expect(exchanges).toHaveLength(1);
    const [told] = exchanges;
    expect(told).toMatchObject({ kind: 'echo', source: '10.9.0.2', target: '10.9.0.3', outcome: 'answered' });
    expect(told).toMatchObject({ identifier: 0x1234, sequence: 1, rttNs: 530_000 });
    expect(placesOf(told?.request ?? [])).toEqual(['eth0@a', 'va', 'vb', 'eth0@b']);
    expect(placesOf(told?.reply ?? [])).toEqual(['eth0@b', 'vb', 'va', 'eth0@a']);
  });

  it('tells a request without a reply after two seconds, not before', () => {
    const { pass, until, exchanges } = scene();
    pass(WAY, 0, echo('request', 1));
    until(2 * SECOND - 1);
    expect(exchanges).toEqual([]);
    until(2 * SECOND);
    expect(exchanges).toMatchObject([{ outcome: 'unanswered' }]);
    until(9 * SECOND);
    expect(exchanges).toHaveLength(1);
  });

  it('tells a reply that comes later still, and counts it as answered', () => {
    const { pass, until, exchanges, tracker } = scene();
    pass(WAY, 0, echo('request', 1));
    pass(BACK, 4 * SECOND, echo('reply', 1));
    until(5 * SECOND);
    expect(exchanges.map(({ outcome }) => outcome)).toEqual(['unanswered', 'late']);
    expect(tracker.pairs.all()).toMatchObject([{ requests: 1, answered: 1, silent: 0 }]);
  });

  it('knows a reply that did not come back to where it was asked for, and where others went on to', () => {
    const { pass, until, exchanges, tracker } = scene();
    pass(WAY, 0, echo('request', 1));
    pass(BACK, 500, echo('reply', 1));
    pass(WAY, SECOND, echo('request', 2));
    pass(BACK.slice(0, 2), SECOND + 500, echo('reply', 2));
    until(2 * SECOND);
    expect(exchanges.at(-1)).toMatchObject({ outcome: 'astray', missing: { netns: 'home', name: 'va' } });
    expect(tracker.hops.all().find(({ lost }) => lost > 0)).toMatchObject({
      from: { name: 'vb' },
      to: { name: 'va' },
      lost: 1,
    });
  });

  it('counts the hop where a request ended, once others have shown the way', () => {
    const { pass, until, exchanges, tracker } = scene();
    pass(WAY, 0, echo('request', 1));
    pass(BACK, 500, echo('reply', 1));
    pass(WAY.slice(0, 2), SECOND, echo('request', 2));
    until(4 * SECOND);
    expect(exchanges.at(-1)).toMatchObject({ outcome: 'unanswered', missing: { name: 'vb' } });
    const hops = tracker.hops.all().map(({ from, to, packets, lost }) => [from.name, to.name, packets, lost]);
    expect(hops).toContainEqual(['va', 'vb', 1, 1]);
    expect(hops).toContainEqual(['eth0', 'va', 2, 0]);
  });

  it('misses nothing at a place that is no more', () => {
    const { pass, until, exchanges, tracker } = scene();
    pass(WAY, 0, echo('request', 1));
    pass(BACK, 500, echo('reply', 1));
    until(SECOND);
    tracker.forgetWays();
    pass(WAY.slice(0, 2), SECOND, echo('request', 2));
    until(4 * SECOND);
    expect(exchanges.at(-1)?.missing).toBeUndefined();
    expect(tracker.hops.all().every(({ lost }) => lost === 0)).toBe(true);
  });

  it('says nothing about a request where frames were lost meanwhile', () => {
    const { pass, until, exchanges, tracker } = scene();
    pass(WAY, 0, echo('request', 1));
    tracker.lossy(0, 1e9);
    until(4 * SECOND);
    expect(exchanges).toEqual([]);
    expect(tracker.givenUp).toBe(1);
    expect(tracker.hops.all()).toEqual([]);
    pass(WAY, 5 * SECOND, echo('request', 2));
    until(9 * SECOND);
    expect(exchanges).toMatchObject([{ outcome: 'unanswered' }]);
    expect(tracker.hops.all()).toHaveLength(3);
  });

  it('remembers more than the last time that frames were lost', () => {
    const { tracker } = scene();
    for (let second = 0; second < 60; second += 10) tracker.lossy(second * 1e9, second * 1e9 + 5e7);
    const lossy = [0, 10, 20, 50].map((second) => tracker.mayBeLost(second * 1e9));
    expect(lossy).toEqual([true, true, true, true]);
    expect([5, 15, 55].map((second) => tracker.mayBeLost(second * 1e9))).toEqual([false, false, false]);
  });

  it('takes each repetition of an ARP request for a question of its own', () => {
    const { pass, until, exchanges } = scene();
    for (const at of [0, SECOND, 2 * SECOND]) pass(['eth0@a out', 'va in'], at, arpRequest('10.9.0.2', '10.9.0.9'));
    until(6 * SECOND);
    expect(exchanges.map(({ outcome }) => outcome)).toEqual(['unanswered', 'unanswered', 'unanswered']);
  });

  it('notices that an answer was not heeded', () => {
    const { pass, until, tracker } = scene();
    for (const at of [0, SECOND, 2 * SECOND]) {
      pass(['veth0 out'], at, arpRequest('10.9.0.2', '10.9.0.3'));
      pass(['veth0 in'], at + 50, arpReply('10.9.0.3', '10.9.0.2'));
    }
    until(3 * SECOND);
    expect(tracker.pairs.all()).toMatchObject([{ requests: 3, answered: 3, silent: 2 }]);
    expect(tracker.failing(0)).toBe(true);
  });

  it('asks for no judgement where all is well', () => {
    const { pass, until, tracker } = scene();
    for (const at of [0, SECOND]) {
      pass(WAY, at, echo('request', at));
      pass(BACK, at + 50, echo('reply', at));
    }
    until(5 * SECOND);
    expect(tracker.failing(0)).toBe(false);
  });

  it('says who refused an echo', () => {
    const { pass, until, exchanges, errors } = scene();
    const request = echo('request', 1);
    pass(WAY.slice(0, 2), 0, request);
    pass(['va out', 'eth0@a in'], 300, icmpError(3, 1, '10.9.0.1', request));
    until(SECOND);
    expect(exchanges).toMatchObject([{ outcome: 'refused', refusal: { from: '10.9.0.1', words: 'host unreachable' } }]);
    expect(errors).toEqual([]);
  });

  it('tells an error about something else by itself', () => {
    const { pass, until, exchanges, errors } = scene();
    pass(['va out'], 0, icmpError(3, 1, '10.9.0.1', echo('request', 7)));
    until(SECOND);
    expect(exchanges).toEqual([]);
    expect(errors).toMatchObject([{ from: '10.9.0.1', source: '10.9.0.2', target: '10.9.0.3', count: 1 }]);
  });

  it('takes nobody for an asker who probes or announces an address', () => {
    const { pass, until, exchanges } = scene();
    pass(['veth0 out'], 0, arpRequest('0.0.0.0', '10.9.0.3'));
    pass(['veth0 out'], 10, arpRequest('10.9.0.3', '10.9.0.3'));
    until(5 * SECOND);
    expect(exchanges).toEqual([]);
  });
});

describe('what it must withstand', () => {
  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 20 }), (packets) => {
        const { tracker } = scene();
        const blank = frame('veth0 in', 0, arpRequest('10.9.0.2', '10.9.0.3'));
        for (const bytes of packets) tracker.add({ ...blank, bytes });
        tracker.advance(60e9);
      }),
    );
  });

  it('takes every truncation of an error', () => {
    const whole = frame('veth0 in', 0, icmpError(3, 1, '10.9.0.1', echo('request', 1)));
    for (let length = 0; length <= whole.bytes.length; length++) {
      const { tracker, errors } = scene();
      tracker.add({ ...whole, bytes: whole.bytes.slice(0, length) });
      tracker.advance(1e9);
      expect(errors.length).toBeLessThanOrEqual(1);
    }
  });

  it('holds a flood of requests that nobody answers in bounded tables, and says how many it gave up', () => {
    const exchanges: string[] = [];
    const tracker = new Tracker({
      onExchange: ({ outcome }) => exchanges.push(outcome),
      onError: () => undefined,
      admit: () => true,
    });
    const sent = 40_000;
    for (let sequence = 0; sequence < sent; sequence++)
      tracker.add(frame('eth0 out', sequence, echo('request', sequence & 0xffff, { data: new Uint8Array(8) })));
    tracker.advance(20e9);
    expect(tracker.givenUp).toBe(sent - (1 << 15));
    expect(exchanges).toHaveLength(1 << 15);
  });
});

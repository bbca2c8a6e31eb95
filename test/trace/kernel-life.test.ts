import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KernelContext, KernelEvent } from '../../src/trace/kernel-event.ts';
import {
  createLifeTracker,
  type KernelLife,
  type LifeOptions,
  type LifeTracker,
  MOST_RIVALS,
  type UnnamedDrop,
} from '../../src/trace/kernel-life.ts';

const ORIGIN = 1_700_000_000_000_000_000n;
const OWN = 4711;
const US = 1000;
const MS = 1_000_000;

interface Where {
  readonly cpu?: number;
  readonly thread?: number;
  readonly context?: KernelContext;
}

const common = (at: number, { cpu = 0, thread = 0, context = 'softirq' }: Where) => ({ at, cpu, thread, context });

/** `out eth0 98`. */
function hop(at: number, packet: number, text: string, where: Where = {}): KernelEvent {
  const [way = '', device = '', length = ''] = text.split(' ');
  if (way !== 'queue' && way !== 'out' && way !== 'in') throw new Error(text);
  return { kind: 'hop', way, packet, device, lengthBytes: Number(length), ...common(at, where) };
}
function drop(at: number, packet: number, where: Where = {}): KernelEvent {
  return { kind: 'drop', packet, reason: 'IP_RPFILTER', location: 1n, protocol: 0x0800, ...common(at, where) };
}
function free(at: number, packet: number, where: Where = {}): KernelEvent {
  return { kind: 'free', packet, ...common(at, where) };
}

function track(
  events: readonly KernelEvent[],
  options: Partial<LifeOptions> = {},
  between: (tracker: LifeTracker) => void = () => undefined,
): UnnamedDrop[] {
  const drops: UnnamedDrop[] = [];
  const tracker = createLifeTracker({ originNs: ORIGIN, thread: OWN, onDrop: (one) => drops.push(one), ...options });
  for (const event of events) tracker.add(event);
  between(tracker);
  tracker.end();
  return drops;
}

const way = ({ hops }: Pick<UnnamedDrop, 'hops'>) => hops.map(({ way: how, device }) => `${how} ${device}`);

describe('the life of a packet', () => {
  it('is what it passed until it was dropped', () => {
    const [one] = track([hop(1, 7, 'queue eth0 98'), hop(2, 7, 'out eth0 98'), hop(3, 7, 'in vA 84'), drop(4, 7)]);
    expect(one && way(one)).toEqual(['queue eth0', 'out eth0', 'in vA']);
    expect(one).toMatchObject({ timeNs: ORIGIN + 4n, doubtful: false, own: false, rivals: [] });
  });

  it('ends when it is freed: its address is another packet then', () => {
    const [one] = track([hop(1, 7, 'out eth0 98'), free(2, 7), drop(3, 7)]);
    expect(one?.hops).toEqual([]);
  });

  it('knows a system call of this thread from an interrupt on its time', () => {
    const mine = { thread: OWN, context: 'process' } as const;
    const [one, two] = track([
      hop(1, 7, 'queue eth0 98', mine),
      drop(2, 7, mine),
      hop(3, 8, 'queue eth0 98', { thread: OWN }),
      drop(4, 8, { thread: OWN }),
    ]);
    expect(one).toMatchObject({ own: true, hops: [{ own: true }] });
    expect(two).toMatchObject({ own: false, hops: [{ own: false }] });
  });

  it('is doubtful where events were lost meanwhile, and only there', () => {
    const life = [hop(10, 7, 'in vA 84'), drop(20, 7)];
    const doubt = (from: number, until: number) => track(life, {}, (tracker) => tracker.lost(from, until))[0]?.doubtful;
    expect(doubt(12, 15)).toBe(true);
    expect(doubt(0, 11)).toBe(true);
    expect(doubt(19, 99)).toBe(true);
    expect(doubt(0, 9)).toBe(false);
    expect(doubt(21, 99)).toBe(false);
  });

  it('is doubtful after a long silence', () => {
    expect(track([hop(0, 7, 'in vA 84'), drop(11 * MS, 7)])[0]?.doubtful).toBe(true);
  });

  it('names those that could be mistaken for it, also the ones that come later', () => {
    const [one] = track([
      hop(1, 7, 'in eth0 84'),
      drop(2, 7),
      hop(5 * MS, 8, 'in eth0 84', { cpu: 1 }),
      hop(6 * MS, 9, 'in eth0 85', { cpu: 1 }),
      hop(7 * MS, 10, 'in eth1 84', { cpu: 1 }),
      hop(60 * MS, 11, 'in eth0 84', { cpu: 1 }),
    ]);
    expect(one?.rivals).toHaveLength(1);
  });

  it('names a crowd as a crowd, and no more of it', () => {
    const crowd = Array.from({ length: 20 }, (_, index) => hop(2 + index, 20 + index, 'in eth0 84'));
    expect(track([hop(1, 7, 'in eth0 84'), ...crowd, drop(30, 7)])[0]?.rivals).toHaveLength(MOST_RIVALS);
  });

  it('knows which packet was being received when it was made', () => {
    const [one] = track([hop(1, 7, 'in vA 84'), hop(2 * US, 8, 'queue lo 98'), drop(3 * US, 8)]);
    expect(one?.parent?.map(({ device }) => device)).toEqual(['vA']);
    // On another processor, in a system call, long after, or when the other has been done with: no child.
    const orphans = [
      [hop(1, 7, 'in vA 84'), hop(2 * US, 8, 'queue lo 98', { cpu: 1 }), drop(3 * US, 8)],
      [hop(1, 7, 'in vA 84'), hop(2 * US, 8, 'queue lo 98', { context: 'process' }), drop(3 * US, 8)],
      [hop(1, 7, 'in vA 84'), hop(2 * MS, 8, 'queue lo 98'), drop(2 * MS + 1, 8)],
      [hop(1, 7, 'in vA 84'), free(2, 7), hop(2 * US, 8, 'queue lo 98'), drop(3 * US, 8)],
    ];
    for (const events of orphans)
      expect(track(events).find(({ hops }) => hops[0]?.device === 'lo')?.parent).toBeUndefined();
  });

  it('knows for whom a dropped ARP request asked', () => {
    const asked = (device: string, cpu = 0): KernelEvent => ({
      kind: 'resolve',
      device,
      address: '10.9.0.3',
      ...common(4, { cpu }),
    });
    const life = [hop(1, 7, 'queue wan0 42'), drop(2, 7)];
    expect(track([...life, asked('wan0')])[0]?.resolving).toBe('10.9.0.3');
    expect(track([...life, asked('wan1')])[0]?.resolving).toBeUndefined();
    expect(track([...life, asked('wan0', 1)])[0]?.resolving).toBeUndefined();
    // A solicitation that was dropped before any device had it; of another protocol it would be another packet.
    const early = { ...drop(2, 7), protocol: 0x86dd };
    expect(track([early, asked('wan0')])[0]?.resolving).toBe('10.9.0.3');
    expect(track([drop(2, 7), asked('wan0')])[0]?.resolving).toBeUndefined();
  });

  it('hands over what is wanted alone', () => {
    const events = [hop(1, 7, 'in vA 84'), drop(2, 7), hop(3, 8, 'in vB 84'), drop(4, 8)];
    const wanted = track(events, { wants: ({ hops }) => hops[0]?.device === 'vB' });
    expect(wanted.map(way)).toEqual([['in vB']]);
  });

  it('is handed over whole at its end, with the system call that it follows from', () => {
    const lives: KernelLife[] = [];
    const sent = { context: 'process', thread: OWN } as const;
    track(
      [
        hop(1 * US, 7, 'queue eth0 98', sent),
        hop(2 * US, 7, 'in vA 84'),
        // The answer to it, and a stranger on another processor.
        hop(4 * US, 8, 'queue vA 98'),
        hop(4 * US, 9, 'in vA 84', { cpu: 1 }),
        free(5 * US, 7),
        free(6 * US, 9, { cpu: 1 }),
        hop(7 * US, 8, 'in eth0 84'),
      ],
      { onLife: (life) => lives.push(life) },
    );
    expect(lives.map((life) => [way(life), life.sentNs, life.afterNs])).toEqual([
      [['queue eth0', 'in vA'], ORIGIN + 1000n, undefined],
      [['in vA'], undefined, undefined],
      [['queue vA', 'in eth0'], ORIGIN + 1000n, ORIGIN + 2000n],
    ]);
  });

  it('never has hops of two packets, whatever the order of events', () => {
    // Each packet goes by a device of its own name; addresses are reused at once.
    const packet = fc.record({ address: fc.nat(3), name: fc.nat(999), hops: fc.nat(3), freed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 30 }), (packets) => {
        const busy = new Set<number>();
        const events: KernelEvent[] = [];
        packets.forEach(({ address, name, hops, freed }, index) => {
          if (busy.has(address)) return;
          for (let number = 0; number <= hops; number++)
            events.push(hop(index * 100 + number, address, `out d${index}-${name} 84`));
          events.push(freed ? free(index * 100 + 50, address) : drop(index * 100 + 50, address));
        });
        for (const one of track(events))
          expect(new Set(one.hops.map(({ device }) => device)).size).toBeLessThanOrEqual(1);
      }),
    );
  });
});

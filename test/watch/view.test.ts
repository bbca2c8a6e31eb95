import { describe, expect, it } from 'vitest';
import { keysIn } from '../../src/watch/keys.ts';
import { type Action, EMPTY_VIEW, MOST_EVENTS, pressed, type View, withEvent } from '../../src/watch/view.ts';

/** What the view is after all of it was typed, and what was asked for. */
function typed(text: string, view: View = EMPTY_VIEW, items = 3): { view: View; actions: Action[] } {
  const actions: Action[] = [];
  let now = view;
  for (const key of keysIn(text)) {
    const { view: next, action } = pressed(now, key, items);
    now = next;
    if (action !== undefined) actions.push(action);
  }
  return { view: now, actions };
}

describe('keys', () => {
  it('are characters, controls and sequences; what is not known is passed over', () => {
    const names = keysIn('p\x1b[A\x1bOB\x1b[5~\r\x7f\x03\x1b[200~ü\x1b').map((key) =>
      'char' in key ? key.char : key.name,
    );
    expect(names).toEqual(['p', 'up', 'down', 'page-up', 'enter', 'backspace', 'interrupt', 'ü', 'escape']);
  });

  it('pause and go on', () => {
    expect(typed('p').view.paused).toBe(true);
    expect(typed('pp').view.paused).toBe(false);
  });

  it('end it in every mode', () => {
    for (const before of ['', '/ab', '?', 'd']) expect(typed(`${before}\x03`).actions).toEqual(['quit']);
    expect(typed('q').actions).toEqual(['quit']);
    expect(typed('?q').actions).toEqual(['quit']);
  });

  it('type a filter, in which q and p are letters', () => {
    const { view, actions } = typed('/qp\x7fq\r');
    expect(view).toMatchObject({ mode: 'live', filter: 'qq', paused: false });
    expect(actions).toEqual([]);
    expect(typed('\x1b', view).view.filter).toBe('');
    expect(typed('/other\x1b', view).view.filter).toBe('qq');
    expect(typed(`/${'x'.repeat(500)}\r`).view.filter.length).toBeLessThan(100);
  });

  it('choose among what there is', () => {
    expect(typed('jj').view.selected).toBe(2);
    expect(typed('jjjjj').view.selected).toBe(2);
    expect(typed('jk\x1b[A').view.selected).toBe(0);
    expect(typed('j', EMPTY_VIEW, 0).view.selected).toBe(0);
    expect(typed('\x1b[F').view.selected).toBe(2);
    expect(typed('\x1b[F\x1b[H').view.selected).toBe(0);
  });

  it('show details, and lead back', () => {
    expect(typed('\r').view.mode).toBe('details');
    expect(typed('\r\x1b').view.mode).toBe('live');
    expect(typed('dq')).toMatchObject({ view: { mode: 'live' }, actions: [] });
    expect(typed('\r', EMPTY_VIEW, 0).view).toMatchObject({
      mode: 'live',
      message: expect.stringContaining('nothing'),
    });
  });

  it('write, suspend, draw again', () => {
    expect(typed('w\x1a\x0c').actions).toEqual(['write', 'suspend', 'redraw']);
  });
});

it('keeps so many events', () => {
  let view = EMPTY_VIEW;
  for (let count = 0; count < MOST_EVENTS + 50; count++)
    view = withEvent(view, { event: 'note', timeNs: BigInt(count), text: '' });
  expect(view.events).toHaveLength(MOST_EVENTS);
  expect(view.events.at(-1)?.timeNs).toBe(BigInt(MOST_EVENTS + 49));
});

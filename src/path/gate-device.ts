/** Gates of devices that stand on others: macvlan and VXLAN. */
import type { FdbEntry } from '../topology/model.ts';
import type { Place } from '../trace/frame.ts';
import type { Decided } from './verdict.ts';

/** A macvlan, its siblings and the device they sit on: who of them gets what another sends (drivers/net/macvlan.c). */
export interface MacvlanGate extends Decided {
  readonly kind: 'macvlan';
  /**
   * `parent`: a macvlan and its lower device never reach each other. `private`: nor do siblings of which one has this mode.
   * `vepa`: siblings leave it to the switch to send frames back. `source`: it takes frames of listed senders only.
   * `passthru`: the one child takes all that comes in.
   */
  readonly by: 'parent' | 'private' | 'vepa' | 'source' | 'passthru';
  readonly from: Place;
  readonly to: Place;
  /** The device the macvlans sit on. */
  readonly lower: Place;
  /** Hardware address of the sender. */
  readonly mac: string;
}

/** Where a VXLAN device sends a frame, and which device takes it out of its packet there (drivers/net/vxlan/vxlan_core.c). */
export interface VxlanGate extends Decided {
  readonly kind: 'vxlan';
  /**
   * `remote`: is there an entry that says where to? `proxy`: is there a neighbour entry to answer from? `astray`: does the
   * entry lead where the owner is? `route`: is there a way to the remote address?
   * `port`, `vni`: does the device there listen on this port, with this identifier? `absent`: is there one at all?
   * `moved`: an entry set by hand has the sender behind another remote. `source`: has its namespace the address it sends from?
   */
  readonly by: 'remote' | 'proxy' | 'astray' | 'route' | 'port' | 'vni' | 'absent' | 'moved' | 'source';
  /** The device that sends. */
  readonly sender: Place;
  readonly vni: number;
  readonly port: number;
  /** Hardware address the frame is for; `moved`: the one it is from. */
  readonly mac: string;
  /** Where it is sent to. */
  readonly remote?: string;
  readonly entry?: FdbEntry;
  /** The device that has it, or should have: what it listens on, and by which address it is reached. */
  readonly peer?: { readonly place: Place; readonly vni: number; readonly port: number; readonly address: string };
  /** `proxy`: the address that is asked for. `source`: the one it sends from. */
  readonly asked?: string;
}

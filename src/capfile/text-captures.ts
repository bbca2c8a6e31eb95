/**
 * Which capture a packet's line belongs to. A paste may hold several: each begins with its listening line, or the command,
 * or a line of one's own that names the interface just above the packets ("on veth1:").
 */
import type { CaptureLine, TcpdumpCommand } from './text-command.ts';
import { isPrompt } from './text-command.ts';
import type { DeltaKind } from './text-time.ts';

/** One run of tcpdump. */
export interface TextCapture {
  /** From 1, in order. */
  readonly id: number;
  /** As tcpdump was told: `any` for all interfaces; empty where the text does not say. */
  readonly device: string;
  /** Where it ran, as in a place's name: `veth1@INSIDE`. Empty: where the text starts. */
  readonly inside: string;
  /** How the text names it, for the interface's description. */
  named: string;
  rawIp: boolean;
  delta?: DeltaKind;
  packets: number;
  /** Of these, packets that gave no frame although they may be ARP or ICMP. */
  leftOut: number;
  /** tcpdump itself said that it listened, or how much it saw: an empty capture is then an absence proven. */
  confirmed: boolean;
  ended: boolean;
  /** As counted at its end. */
  captured?: number;
  received?: number;
  dropped?: number;
}

/** Listening lines and commands without packets yet. */
const MOST_WAITING = 64;
const LONGEST_LABEL = 80;
/** Names that Linux and the usual tools give to devices. */
const DEVICE_NAME =
  /^(?:lo|(?:eth|en[opsx]|wl|veth|br|docker|cni|cali|lxc|lxd|tap|tun|vxlan|vnet|virbr|bond|team|wg|macvlan|ipvlan|podman|flannel\.|dummy|ppp|ifb|kube|ww)[\w.-]*[0-9a-f][\w.-]*)$/;
const COMMANDS =
  /^(?:sudo|ip|ping6?|ifconfig|bridge|brctl|sysctl|echo|cat|arp|arping|ethtool|nft|iptables|ss|nc|curl|docker|kubectl|tcpdump|tshark)\b/;
const OUTPUT = /<|\d+\.\d+\.\d+\.\d+|^\d+:|\binet6?\b|\blink\/|^PING|\bbytes\b/;

export class Captures {
  #current: TextCapture | undefined;
  readonly #waiting: TextCapture[] = [];
  readonly #devices = new Set<string>();
  #count = 0;
  #home: string | undefined;
  /** Something else than tcpdump's lines stood between the last capture's beginning and here. */
  #strayed = false;
  #label: { readonly device: string; readonly line: number } | undefined;

  /** Takes what tcpdump said, or the command it was started with. Returns the capture it is about. */
  take(line: CaptureLine, number: number): TextCapture | undefined {
    this.#label = undefined;
    switch (line.kind) {
      case 'command':
        return this.#begin(line.command, number);
      case 'listening':
        return this.#listen(line.device, line.rawIp, number);
      case 'count':
        return this.#finish(line.what, line.packets);
      case 'name':
        this.#strayed = true;
        return undefined;
      default:
        return line satisfies never;
    }
  }

  /** Takes a line that is nothing of tcpdump's. */
  stray(text: string, number: number): void {
    if (text === '' || /^(?:```\S*|\^C.*|-{3,}|={3,})$/.test(text) || /^(?:tcpdump|Warning|dropped privs)\b/.test(text))
      return;
    this.#strayed = true;
    const device = this.#labelIn(text);
    this.#label = device === undefined ? undefined : { device, line: number };
  }

  /** The capture that the packet's line here is of. */
  forPacket(): TextCapture {
    const capture = this.#chosen();
    this.#label = undefined;
    this.#strayed = false;
    this.#current = capture;
    const at = this.#waiting.indexOf(capture);
    if (at >= 0) this.#waiting.splice(at, 1);
    capture.packets++;
    return capture;
  }

  #chosen(): TextCapture {
    const label = this.#label;
    if (label !== undefined) {
      const waiting = this.#waiting.find(({ device }) => device === label.device);
      return waiting ?? this.#add({ device: label.device }, `line ${label.line} names it`);
    }
    const current = this.#current;
    // Several began, none has packets yet, and something else was done meanwhile: these may be anyone's.
    const anyones = current?.packets === 0 && this.#strayed && this.#waiting.length > 1;
    if (current && !anyones && (!current.ended || isOutputBehindCounts(current))) return current;
    return this.#add({ device: '' }, 'the text does not name it');
  }

  #begin(command: TcpdumpCommand, number: number): TextCapture {
    return this.#wait(this.#add(command, `tcpdump's command, line ${number}`));
  }

  #listen(device: string, rawIp: boolean, number: number): TextCapture {
    const commanded = this.#waiting.find(
      (capture) => !capture.confirmed && (capture.device === device || capture.device === ''),
    );
    const named = `tcpdump's listening line, line ${number}`;
    const capture =
      commanded?.device === device
        ? commanded
        : this.#wait(this.#renamed(commanded, device) ?? this.#add({ device }, named));
    capture.named = named;
    capture.rawIp = rawIp;
    capture.confirmed = true;
    this.#current = capture;
    this.#strayed = false;
    return capture;
  }

  /** A command without -i: the listening line says what was taken. */
  #renamed(commanded: TextCapture | undefined, device: string): TextCapture | undefined {
    if (commanded === undefined) return undefined;
    this.#waiting.splice(this.#waiting.indexOf(commanded), 1);
    this.#devices.add(device);
    return { ...commanded, device };
  }

  #finish(what: 'captured' | 'received' | 'dropped', packets: number): TextCapture | undefined {
    const capture = this.#current;
    if (capture === undefined) return undefined;
    if (what === 'captured') capture.captured = packets;
    if (what === 'received') capture.received = packets;
    if (what === 'dropped') capture.dropped = packets;
    capture.confirmed = true;
    capture.ended = true;
    const at = this.#waiting.indexOf(capture);
    if (at >= 0) this.#waiting.splice(at, 1);
    return capture;
  }

  #wait(capture: TextCapture): TextCapture {
    this.#waiting.push(capture);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    this.#current = capture;
    this.#strayed = false;
    return capture;
  }

  #add({ device, inside, host, delta }: TcpdumpCommand, named: string): TextCapture {
    if (host !== undefined) this.#home ??= host;
    const elsewhere = host === undefined || host === this.#home ? '' : host;
    const place = [elsewhere, inside ?? ''].filter((part) => part !== '').join(':');
    if (this.#devices.size < MOST_WAITING) this.#devices.add(device);
    this.#count++;
    return {
      id: this.#count,
      device,
      inside: place,
      named,
      rawIp: false,
      ...(delta === undefined ? {} : { delta }),
      packets: 0,
      leftOut: 0,
      confirmed: false,
      ended: false,
    };
  }

  /** The one interface that a heading of one's own names: known from this text, or named as devices are. */
  #labelIn(text: string): string | undefined {
    if (text.length > LONGEST_LABEL || OUTPUT.test(text)) return undefined;
    const heading = text.replace(/^[#*=\s-]+/, '');
    if (COMMANDS.test(heading) || (isPrompt(text) && !text.startsWith('#'))) return undefined;
    const words = heading.split(/[^\w.@-]+/).map((word) => word.replace(/[.@-]+$/, ''));
    const found = new Set(words.filter((word) => word !== '' && (this.#devices.has(word) || DEVICE_NAME.test(word))));
    return found.size === 1 ? found.values().next().value : undefined;
  }
}

/** Into a pipe or a file, tcpdump writes its packets when it ends: the counts stand in front of them. */
function isOutputBehindCounts({ packets, captured }: TextCapture): boolean {
  return captured !== undefined && packets < captured;
}

/** The lines around the packets: what tcpdump says of itself, and the command it was started with. */
import type { DeltaKind } from './text-time.ts';

/** One line that says which capture follows or that one ends. */
export type CaptureLine =
  /** `listening on veth1, link-type EN10MB (Ethernet), …` */
  | { readonly kind: 'listening'; readonly device: string; readonly rawIp: boolean }
  /** `root@h:~# ip netns exec ns1 tcpdump -nei veth1` */
  | { readonly kind: 'command'; readonly command: TcpdumpCommand }
  /** `4 packets captured`, `received by filter`, `dropped by kernel` */
  | { readonly kind: 'count'; readonly what: 'captured' | 'received' | 'dropped'; readonly packets: number }
  /** `PING web (10.0.0.2) 56(84) bytes of data.` */
  | { readonly kind: 'name'; readonly name: string; readonly address: string };

export interface TcpdumpCommand {
  /** Empty where the command names none. Of `-r FILE`, the file's name. */
  readonly device: string;
  /** Namespace, container or pod it runs in. */
  readonly inside?: string;
  /** Machine in the prompt. */
  readonly host?: string;
  readonly delta?: DeltaKind;
}

const LISTENING = /^(?:tcpdump: )?listening on ([^\s,]{1,64})(?:, link-type (\S+))?/;
const READING = /^(?:tcpdump: )?reading from file (\S{1,256}), link-type (\S+)/;
const RAW_LINK_TYPES = /^(?:RAW|IPV4|IPV6)\b/;
const COUNT = /^(\d{1,15}) packets? (captured|received by filter|dropped by kernel)$/;
const PING = /^PING ([^\s(]{1,253}) ?\(([0-9a-f.:]+)(?:%[^)]*)?\)/;

export function readCaptureLine(text: string): CaptureLine | undefined {
  const listening = LISTENING.exec(text);
  if (listening) {
    const [, device = '', linkType = ''] = listening;
    return { kind: 'listening', device, rawIp: RAW_LINK_TYPES.test(linkType) };
  }
  const reading = READING.exec(text);
  if (reading) {
    const [, file = '', linkType = ''] = reading;
    return { kind: 'listening', device: stem(file), rawIp: RAW_LINK_TYPES.test(linkType) };
  }
  const count = COUNT.exec(text);
  if (count) {
    const what = count[2]?.startsWith('captured') ? 'captured' : count[2]?.startsWith('rec') ? 'received' : 'dropped';
    return { kind: 'count', what, packets: Number(count[1]) };
  }
  const ping = PING.exec(text);
  if (ping) return { kind: 'name', name: ping[1] ?? '', address: ping[2] ?? '' };
  const command = readCommand(text);
  return command && { kind: 'command', command };
}

/** A capture read from a file is named by it: `veth0` of `/tmp/veth0.pcap`. */
function stem(file: string): string {
  return (file.split('/').at(-1) ?? '').replace(/\.(?:pcap|pcapng|cap|dump)(?:\.gz)?$/, '').replace(/^-$/, '');
}

/** `root@h:~# `, `[root@h ~]# `, `$ `, `/ # `, `bash-5.1$ ` */
const PROMPT = /^(?:\[[^\]]{1,80}\] ?[#$%]|[^\s#$%>]{0,80}(?: ?[~/][^\s#$%>]{0,80})?[#$%>])\s*/;
const PROMPT_HOST = /^\[?[A-Za-z_][\w.-]*@([A-Za-z0-9][\w.-]*)/;
const STARTERS =
  /^(?:sudo|ip|nsenter|docker|podman|nerdctl|crictl|kubectl|timeout|stdbuf|nohup|time|env|tcpdump|\S+\/tcpdump)$/;
/** getopt letters of tcpdump(1) that take a value. */
const WITH_VALUE = 'BcCDEFGijmMQrsTVwyzW';

/** True where a shell's prompt stands in front. */
export function isPrompt(text: string): boolean {
  return PROMPT.test(text);
}

function readCommand(text: string): TcpdumpCommand | undefined {
  if (!text.includes('tcpdump')) return undefined;
  const prompt = PROMPT.exec(text)?.[0] ?? '';
  const [command = ''] = text.slice(prompt.length).split(/[|;&<>]/, 1);
  const words = command.trim().split(/\s+/).slice(0, 200);
  const at = words.findIndex((word) => word === 'tcpdump' || word.endsWith('/tcpdump'));
  if (at < 0 || !STARTERS.test(words[0] ?? '') || (at === 0 && words[1] !== undefined && !words[1].startsWith('-')))
    return undefined;
  const options = readOptions(words.slice(at + 1));
  if (options === undefined) return undefined;
  const inside = containerOf(words.slice(0, at));
  const host = PROMPT_HOST.exec(prompt)?.[1];
  return { ...options, ...(inside === undefined ? {} : { inside }), ...(host === undefined ? {} : { host }) };
}

/** Undefined where no text is printed: -w, -D. */
function readOptions(words: readonly string[]): Pick<TcpdumpCommand, 'device' | 'delta'> | undefined {
  let device = '';
  let stamps = 0;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    const long = /^--interface(?:=(\S+))?$/.exec(word);
    if (long) device = long[1] ?? words[++index] ?? '';
    if (!/^-[^-]/.test(word)) continue;
    for (let letter = 1; letter < word.length; letter++) {
      const option = word[letter] ?? '';
      if (option === 't') stamps++;
      if (option === 'w' || option === 'D') return undefined;
      if (!WITH_VALUE.includes(option)) continue;
      const value = word.slice(letter + 1) || (words[++index] ?? '');
      if (option === 'i') device = value;
      if (option === 'r') device = stem(value);
      break;
    }
  }
  const delta = stamps === 3 ? ('delta' as const) : stamps === 5 ? ('offset' as const) : undefined;
  return { device: unquoted(device), ...(delta === undefined ? {} : { delta }) };
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, '$2').slice(0, 64);
}

/** `ip netns exec NAME`, `nsenter --net=PATH`, `nsenter -t PID -n`, `docker exec [options] NAME`, `kubectl exec [options] POD`. */
function containerOf(words: readonly string[]): string | undefined {
  const netns = words.indexOf('netns');
  if (netns >= 0 && words[netns + 1] === 'exec') return words[netns + 2];
  const enter = words.indexOf('nsenter');
  if (enter >= 0) {
    const net = words.findIndex((word) => /^(?:--net|-n)=?/.test(word) && word.includes('/'));
    if (net >= 0) return words[net]?.split('/').at(-1);
    const target = words.findIndex((word) => word === '-t' || word === '--target');
    return target < 0 ? undefined : words[target + 1];
  }
  const exec = words.indexOf('exec');
  if (exec < 0) return undefined;
  const valued = new Set(['-c', '-n', '--namespace', '--container', '-u', '--user', '-e', '--env', '-w', '--workdir']);
  for (let index = exec + 1; index < words.length; index++) {
    const word = words[index] ?? '';
    if (valued.has(word)) index++;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

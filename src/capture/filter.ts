/**
 * The kernel filter of a run: keeps what can matter to its probes, so that a busy network neither fills the ring nor
 * costs a copy. Everything about resolving and refusing (ARP, neighbour discovery, ICMP errors), and echoes that carry
 * the run's token, also behind a VLAN tag or inside VXLAN and Geneve.
 *
 * X holds where the current header starts, so one piece of code serves every depth.
 */
import { BpfAssembler, hardwareTypeOffset, type Instruction, interfaceIndexOffset } from '../linux/bpf.ts';

/** Linux's own default and tcpdump's: no frame is longer, segmentation offload included. */
export const maxSnapLength = 262144;

export interface ProbeFilterOptions {
  /** The run's token, 8 bytes: what its echo data starts with. */
  readonly token: Uint8Array;
  /** Echo data of the probes, bytes. Shorter than the token, every echo is kept: NAT may rewrite the identifier. */
  readonly dataBytes: number;
  /** UDP ports that carry VXLAN here, beside the usual ones; no more than {@link mostVxlanPorts} are looked for. */
  readonly vxlanPorts?: ReadonlySet<number>;
  /** Bytes kept of a frame; all by default. */
  readonly snapLength?: number;
}

const etherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, serviceVlan: 0x88a8 };
const protocol = { hopByHop: 0, icmp: 1, udp: 17, routing: 43, fragment: 44, icmpv6: 58, destinationOptions: 60 };
/** ARPHRD_ETHER and ARPHRD_LOOPBACK: the devices whose frames start with an Ethernet header. */
const etherHardware = [1, 772];
/** VXLAN: IANA's port and the one Linux used before it was assigned, still the default of `ip link add type vxlan`. */
const vxlanPorts = [4789, 8472];
const genevePort = 6081;
/** Each is a comparison for every UDP packet, and what stands behind them may be no further than a jump reaches. */
const mostVxlanPorts = 32;
const tokenBytes = 8;

/** The coarse part of `probeFilter` in the words of pcap-filter(7), for engines that have no other kernel filter. */
export const probeExpression = 'arp or icmp or ip6 or udp or vlan';

/** Keeps every frame, cut to `snapLength` bytes. */
export function keepAll(snapLength: number = maxSnapLength): Instruction[] {
  return new BpfAssembler().accept(snapLength).assemble();
}

/** A classic BPF jump reaches 255 instructions: what stands behind so many comparisons is too far for the first of them. */
const mostInterfaces = 250;

/** Keeps every frame of these interfaces, by number, and of all where they are too many for one program. */
export function keepInterfaces(indexes: readonly number[], snapLength: number = maxSnapLength): Instruction[] {
  if (indexes.length > mostInterfaces) return keepAll(snapLength);
  const program = new BpfAssembler().load('word', interfaceIndexOffset);
  for (const index of indexes) program.jumpIfEqual(index, 'keep');
  return program.reject().label('keep').accept(snapLength).assemble();
}

/** @throws RangeError for a token that has not 8 bytes */
export function probeFilter(options: ProbeFilterOptions): Instruction[] {
  const { token, dataBytes, snapLength = maxSnapLength } = options;
  if (token.length !== tokenBytes) throw new RangeError(`a token has ${tokenBytes} bytes, not ${token.length}`);
  const words = new DataView(token.buffer, token.byteOffset, tokenBytes);
  const match = dataBytes < tokenBytes ? undefined : { first: words.getUint32(0), second: words.getUint32(4) };
  return keepMatching(new BpfAssembler(), match, options.vxlanPorts, snapLength);
}

/**
 * Keeps what asks, answers and refuses, whoever sent it: ARP, neighbour discovery, echoes and ICMP errors.
 * @param interfaces of these alone, by number; all where they are too many for one program
 */
export function exchangeFilter(options: {
  readonly interfaces?: readonly number[];
  readonly vxlanPorts?: ReadonlySet<number>;
  readonly snapLength?: number;
}): Instruction[] {
  const { interfaces, vxlanPorts: ports, snapLength = maxSnapLength } = options;
  const program = new BpfAssembler();
  if (interfaces && interfaces.length <= mostInterfaces) {
    program.load('word', interfaceIndexOffset);
    for (const index of interfaces) program.jumpIfEqual(index, 'wanted');
    program.reject().label('wanted');
  }
  return keepMatching(program, undefined, ports, snapLength);
}

function keepMatching(
  program: BpfAssembler,
  match: { first: number; second: number } | undefined,
  ports: ReadonlySet<number> | undefined,
  snapLength: number,
): Instruction[] {
  linkLayer(program);
  network(program, 'outer', match);
  program.label('keep').accept(snapLength);
  program.label('drop').reject();
  tunnels(program, [...vxlanPorts, ...(ports ?? [])].slice(0, mostVxlanPorts));
  network(program, 'inner', match);
  program.label('keep-inner').accept(snapLength);
  program.label('drop-inner').reject();
  return program.assemble();
}

/** Sets X to the network header, by the kind of device and up to one VLAN tag; two tags are kept unseen. */
function linkLayer(program: BpfAssembler): void {
  program.load('word', hardwareTypeOffset);
  for (const type of etherHardware) program.jumpIfEqual(type, 'ethernet');
  // No link-layer header (tun, ipip, wireguard): the packet starts with its version.
  program.setX(0).load('byte', 0).shiftRight(4);
  program.jumpIfEqual(4, 'outer-ipv4').jumpIfEqual(6, 'outer-ipv6', 'drop');

  program.label('ethernet').setX(14).load('half', 12);
  program.jumpIfEqual(etherType.vlan, 'tagged').jumpIfEqual(etherType.serviceVlan, 'tagged', 'outer-type');
  program.label('tagged').setX(18).load('half', 16);
  program.jumpIfEqual(etherType.vlan, 'keep').jumpIfEqual(etherType.serviceVlan, 'keep');
  program.label('outer-type').jumpIfEqual(etherType.arp, 'keep');
  program.jumpIfEqual(etherType.ipv4, 'outer-ipv4').jumpIfEqual(etherType.ipv6, 'outer-ipv6', 'drop');
}

/** From `tunnel` on, X at a UDP header: sets X to the inner network header. The kernel has seen to it that it is UDP. */
function tunnels(program: BpfAssembler, ports: readonly number[]): void {
  program.label('tunnel').loadAtX('half', 2);
  for (const port of ports) program.jumpIfEqual(port, 'vxlan');
  program.jumpIfEqual(genevePort, undefined, 'drop-inner');
  // Geneve (RFC 8926): its options are counted in 4-byte words by the low 6 bits of the first byte.
  program.loadAtX('byte', 8).and(0x3f).shiftLeft(2).addX().moveToX();
  // UDP 8, VXLAN (RFC 7348) or Geneve 8, inner Ethernet 14.
  program.label('vxlan').loadAtX('half', 28).storeScratch(0);
  program
    .moveToA()
    .add(8 + 8 + 14)
    .moveToX()
    .loadScratch(0);
  program.jumpIfEqual(etherType.arp, 'keep-inner').jumpIfEqual(etherType.vlan, 'keep-inner');
  program.jumpIfEqual(etherType.ipv4, 'inner-ipv4').jumpIfEqual(etherType.ipv6, 'inner-ipv6', 'drop-inner');
}

/** From `LEVEL-ipv4` or `LEVEL-ipv6` on, X at the IP header. Only the outer level looks into tunnels. */
function network(
  program: BpfAssembler,
  level: 'outer' | 'inner',
  token: { first: number; second: number } | undefined,
): void {
  const keep = level === 'outer' ? 'keep' : 'keep-inner';
  const drop = level === 'outer' ? 'drop' : 'drop-inner';
  const name = (label: string): string => `${level}-${label}`;

  program.label(name('ipv4')).loadAtX('byte', 9);
  program.jumpIfEqual(protocol.icmp, name('ipv4-icmp')).jumpIfEqual(protocol.udp, name('ipv4-udp'), drop);
  program.label(name('ipv4-udp')).loadAtX('half', 6).jumpIfSet(0x1fff, drop);
  skipIpv4Header(program);
  program.jump(name('udp'));
  // A later fragment has no header to tell whose it is.
  program.label(name('ipv4-icmp')).loadAtX('half', 6).jumpIfSet(0x1fff, keep);
  skipIpv4Header(program);
  program.loadAtX('byte', 0);
  for (const error of [3, 4, 5, 11, 12]) program.jumpIfEqual(error, keep);
  program.jumpIfEqual(8, name('echo')).jumpIfEqual(0, name('echo'), drop);

  // IPv6 (RFC 8200): the fixed header, or one extension header behind it.
  program.label(name('ipv6')).loadAtX('byte', 6);
  program.jumpIfEqual(protocol.icmpv6, name('ipv6-plain')).jumpIfEqual(protocol.udp, name('ipv6-plain'));
  program.jumpIfEqual(protocol.fragment, name('ipv6-fragment'));
  program.jumpIfEqual(protocol.hopByHop, name('ipv6-options')).jumpIfEqual(protocol.routing, name('ipv6-options'));
  program.jumpIfEqual(protocol.destinationOptions, name('ipv6-options'), drop);
  program.label(name('ipv6-plain')).storeScratch(0).moveToA().add(40).moveToX().jump(name('ipv6-upper'));
  program.label(name('ipv6-fragment')).loadAtX('byte', 40).jumpIfEqual(protocol.icmpv6, undefined, drop);
  program.storeScratch(0).loadAtX('half', 42).jumpIfSet(0xfff8, keep);
  program.moveToA().add(48).moveToX().jump(name('ipv6-upper'));
  program.label(name('ipv6-options')).loadAtX('byte', 40).storeScratch(0);
  program.loadAtX('byte', 41).add(1).shiftLeft(3).add(40).addX().moveToX();
  program.label(name('ipv6-upper')).loadScratch(0).jumpIfEqual(protocol.fragment, keep);
  program.jumpIfEqual(protocol.udp, name('udp')).jumpIfEqual(protocol.icmpv6, undefined, drop);
  program.loadAtX('byte', 0).jumpIfEqual(128, name('echo')).jumpIfEqual(129, name('echo'));
  // Router and neighbour discovery, redirect (RFC 4861); errors are 1 to 4 (RFC 4443).
  program.jumpIfAtLeast(138, drop).jumpIfAtLeast(133, keep);
  program.jumpIfAtLeast(5, drop).jumpIfAtLeast(1, keep, drop);

  program.label(name('echo'));
  if (token) program.loadAtX('word', 8).jumpIfEqual(token.first, undefined, drop);
  if (token) program.loadAtX('word', 12).jumpIfEqual(token.second, keep, drop);
  else program.jump(keep);
  program.label(name('udp')).jump(level === 'outer' ? 'tunnel' : drop);
}

/** X += IHL * 4 */
function skipIpv4Header(program: BpfAssembler): void {
  program.loadAtX('byte', 0).and(0xf).shiftLeft(2).addX().moveToX();
}

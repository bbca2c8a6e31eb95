import { describe, expect, it } from 'vitest';
import { isBenign, knownReasons, meaningOf } from '../../src/trace/drop-reason.ts';

/** Names that came or went between Linux 5.17 and 6.18; what the running kernel knows is tested where its events are read. */
const OF_OTHER_VERSIONS =
  `NOT_SPECIFIED NO_SOCKET PKT_TOO_SMALL TCP_CSUM SOCKET_FILTER UDP_CSUM PTYPE_ABSENT TCP_FILTER BLACKHOLE
  TCP_LISTEN_OVERFLOW TCP_OLD_SEQUENCE SKB_CSUM DEV_HDR FULL_RING NEIGH_DEAD DUP_FRAG IPV6_NDISC_BAD_CODE`.split(/\s+/);

describe('the reasons of drops', () => {
  it('have one plain clause each: no capital, no full stop, one line, no name of a constant', () => {
    for (const reason of knownReasons()) {
      const meaning = meaningOf(reason) ?? '';
      expect(meaning.length, reason).toBeGreaterThan(15);
      expect(meaning.length, reason).toBeLessThan(110);
      expect(meaning, reason).not.toMatch(/[.\n]$|SKB_DROP|\n/);
    }
    expect(new Set(knownReasons().map((reason) => meaningOf(reason))).size).toBeGreaterThan(knownReasons().length - 2);
  });

  it('are known of all versions', () => {
    expect(OF_OTHER_VERSIONS.filter((reason) => meaningOf(reason) === undefined)).toEqual([]);
    expect(knownReasons().length).toBeGreaterThan(120);
  });

  it('are told by the function where the kernel gives none', () => {
    expect(meaningOf('NOT_SPECIFIED', '__dev_forward_skb2')).toContain('MTU');
    expect(meaningOf('NOT_SPECIFIED', 'constructor')).toBe(meaningOf('NOT_SPECIFIED'));
    expect(meaningOf('IP_RPFILTER', '__dev_forward_skb2')).toBe(meaningOf('IP_RPFILTER'));
  });

  it('are silent about what they do not know', () => {
    expect(meaningOf('reason 0x30002')).toBeUndefined();
    expect(meaningOf('toString')).toBeUndefined();
  });

  it('are ordinary only where every machine has them', () => {
    expect(isBenign('NO_SOCKET', 'ping_rcv')).toBe(true);
    expect(isBenign('NO_SOCKET', 'udp_unicast_rcv_skb')).toBe(false);
    expect(isBenign('NOT_SPECIFIED', 'ip6_mc_input')).toBe(true);
    expect(isBenign('NOT_SPECIFIED', '__dev_forward_skb2')).toBe(false);
    expect(isBenign('NO_TX_TARGET', 'br_dev_xmit')).toBe(true);
    expect(isBenign('NO_TX_TARGET', 'br_handle_frame_finish')).toBe(false);
    expect(isBenign('NETFILTER_DROP', 'nft_do_chain')).toBe(false);
  });
});

/** NAT rules in few words, as `nft -j list ruleset` has them. */
export interface ChainSketch {
  readonly family?: string;
  readonly table?: string;
  readonly name: string;
  readonly hook?: string;
  readonly prio?: number;
  readonly rules: readonly (readonly unknown[])[];
}

export function ruleset(...chains: readonly ChainSketch[]): unknown[] {
  let handle = 0;
  return chains.flatMap(({ family = 'ip', table = 'nat', name, hook, prio = 0, rules }) => [
    { chain: { family, table, name, ...(hook === undefined ? {} : { type: 'nat', hook, prio, policy: 'accept' }) } },
    ...rules.map((expr) => ({ rule: { family, table, chain: name, handle: ++handle, expr } })),
  ]);
}

export const pre = (...rules: readonly (readonly unknown[])[]): ChainSketch => ({
  name: 'pre',
  hook: 'prerouting',
  prio: -100,
  rules,
});
export const post = (...rules: readonly (readonly unknown[])[]): ChainSketch => ({
  name: 'post',
  hook: 'postrouting',
  prio: 100,
  rules,
});

const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });
const net = (text: string) => {
  const [addr = '', len] = text.split('/');
  return len === undefined ? addr : { prefix: { addr, len: Number(len) } };
};
export const saddr = (text: string, op = '==') => match({ payload: { protocol: 'ip', field: 'saddr' } }, net(text), op);
export const daddr = (text: string, op = '==') => match({ payload: { protocol: 'ip', field: 'daddr' } }, net(text), op);
export const oifname = (name: string) => match({ meta: { key: 'oifname' } }, name);
/** A match that nothing can decide. */
export const sometimes = match({ numgen: { mode: 'random', mod: 2, offset: 0 } }, 0);
export const dnat = (addr: unknown) => ({ dnat: { addr } });
export const snat = (addr: unknown) => ({ snat: { addr } });
export const masquerade = { masquerade: null };
export const redirect = { redirect: null };
export const range = (from: string, to: string) => ({ range: [from, to] });

import { isIPv4 } from 'node:net';

/** IPv4 arithmetic on CIDR prefixes. */
export function isCidr(text: string): boolean {
  const [network, bits, ...more] = text.split('/');
  return more.length === 0 && bits !== undefined && /^\d{1,2}$/.test(bits) && Number(bits) <= 32 && isIPv4(network!);
}

export function range(cidr: string): { first: number; last: number } {
  const [network, bits] = cidr.split('/') as [string, string];
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(toNumber(network) / size) * size;
  return { first, last: first + size - 1 };
}

export function within(inner: string, outer: string): boolean {
  return range(inner).first >= range(outer).first && range(inner).last <= range(outer).last;
}

export function overlap(one: string, other: string): boolean {
  return range(one).first <= range(other).last && range(other).first <= range(one).last;
}

/** The lowest address of the prefix after `skip` that is not taken. */
export function freeAddress(cidr: string, skip: number, taken: Iterable<string>): string | undefined {
  const used = new Set(taken);
  const { first, last } = range(cidr);
  for (let number = first + skip; number < last; number++) {
    if (!used.has(toAddress(number))) return toAddress(number);
  }
  return undefined;
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

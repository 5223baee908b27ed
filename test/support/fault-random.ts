import { createHash } from 'node:crypto'

/** Numbers that follow from a seed: the same seed gives the same ones, on any machine. */
export interface Random {
  readonly seed: string
  /** From 0 to below 1. */
  next(): number
  /** A whole number, both ends included. */
  integer(from: number, to: number): number
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** 0x and so many bytes. */
  hex(bytes: number): `0x${string}`
  /** Another generator that follows from this seed and the name, however many numbers were drawn here. */
  fork(name: string): Random
}

export function seededRandom(seed: string): Random {
  let counter = 0
  const next = () => fractionOf(seed, counter++)
  const integer = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return {
    seed,
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (items) => items[integer(0, items.length - 1)]!,
    hex: (bytes) => {
      let text = ''
      while (text.length < bytes * 2) text += digestOf(seed, 'hex', counter++).toString('hex')
      return `0x${text.slice(0, bytes * 2)}`
    },
    fork: (name) => seededRandom(`${seed}/${name}`),
  }
}

/** From 0 to below 1, by what is asked about alone: requests that overtake each other change nothing. */
export const fractionOf = (...parts: readonly (string | number)[]): number =>
  digestOf(...parts).readUIntBE(0, 6) / 2 ** 48

const digestOf = (...parts: readonly (string | number)[]): Buffer =>
  createHash('sha256').update(parts.join('\n')).digest()

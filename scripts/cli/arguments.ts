import { InvalidArgumentError } from 'commander'
import { type Address, toAddress } from '../../protocol/hex.ts'

/** For an option that takes a whole number between these, inclusive. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`It is not a whole number from ${least} to ${most}.`)
    return value
  }

/** For an option that takes an account or contract. */
export function address(text: string): Address {
  try {
    return toAddress(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

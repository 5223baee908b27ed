import { serialToKey } from '../../protocol/serial.ts'
import type { Random } from '../support/fault-random.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A serial that follows from the seed. */
export const randomSerial = (random: Random): string =>
  `01${Array.from({ length: 24 }, () => random.pick([...CROCKFORD])).join('')}`

export const randomEntry = (random: Random) => ({
  key: serialToKey(randomSerial(random)),
  digest: random.hex(32),
})

import { CountersignError } from '../errors.ts'
import { type Bytes32, keccak256Hex, utf8ToBytes } from '../hex.ts'
import { faultOfText } from './plain-text.ts'

export const MAX_ORDER_ID_BYTES = 96

/** Where an order may be asked for by its key, an id of this form would be taken for one. */
const ORDER_KEY_FORM = /^0x[0-9a-f]{64}$/i

/** What is wrong with an order id, if anything: 1 to 96 bytes of UTF-8 in NFC, nothing unseen, no surrounding blanks, not as a key is written. */
export function faultOfOrderId(value: unknown): string | undefined {
  const fault = faultOfText(value, MAX_ORDER_ID_BYTES)
  if (fault !== undefined) return fault
  return ORDER_KEY_FORM.test(value as string) ? 'has the form of an order key' : undefined
}

/** @throws ORDER_ID_MALFORMED with the reason; the id is not quoted, it may be personal */
export function checkOrderId(value: unknown): string {
  const fault = faultOfOrderId(value)
  if (fault !== undefined) throw new CountersignError('ORDER_ID_MALFORMED', `the order id ${fault}`)
  return value as string
}

/** An order id as a person typed or pasted it: surrounding blanks and the Unicode form are forgiven. @throws ORDER_ID_MALFORMED */
export const readOrderId = (typed: string): string =>
  checkOrderId(typed.length > 4 * MAX_ORDER_ID_BYTES ? typed : typed.trim().normalize('NFC'))

/** `keccak256(utf8(orderId))`: names an order on chain. @throws ORDER_ID_MALFORMED */
export const orderKeyOf = (orderId: string): Bytes32 => keccak256Hex(utf8ToBytes(checkOrderId(orderId)))

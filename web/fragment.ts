/** What a QR code or link of ours carries behind its `#`, which no browser sends to a server. */
export type Carried =
  | { kind: 'slip'; orderId: string; code: string }
  | { kind: 'voucher'; text: string }
  | undefined

/** The longest that is looked at: a voucher has at most 1,500 characters. */
const MAX_CHARACTERS = 8_000

/** @param text a URL with a fragment, or the fragment alone with its `#` */
export function readCarried(text: string): Carried {
  const start = text.indexOf('#')
  if (start < 0 || text.length > MAX_CHARACTERS) return undefined
  const values = new URLSearchParams(text.slice(start + 1))
  const voucher = values.get('v')
  if (voucher !== null) return { kind: 'voucher', text: voucher }
  const orderId = values.get('o')
  if (orderId === null) return undefined
  return { kind: 'slip', orderId, code: values.get('c') ?? '' }
}

/** Takes what the address bar carries, and removes it from there and from the history. */
export function takeCarried(): Carried {
  const { hash, pathname } = window.location
  if (hash === '') return undefined
  window.history.replaceState(null, '', pathname)
  return readCarried(hash)
}

export const voucherLink = (origin: string, encoded: string): string => `${origin}/pay/verify#v=${encoded}`

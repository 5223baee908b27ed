import { expect } from 'chai'
import { readCarried, voucherLink } from '../../web/fragment.ts'

describe('what a link carries behind its #', () => {
  it('is a slip, with every character of its order id', () => {
    const orderId = 'A&B=C #1+2%20 税/1'
    const code = '0000-1111'
    const link = `https://pay.example/pay#o=${encodeURIComponent(orderId)}&c=${encodeURIComponent(code)}`
    expect(readCarried(link)).to.deep.equal({ kind: 'slip', orderId, code })
    expect(readCarried('#o=A')).to.deep.equal({ kind: 'slip', orderId: 'A', code: '' })
  })

  it('is a voucher, as its link has it', () => {
    expect(readCarried(voucherLink('https://pay.example', 'AQ-_9'))).to.deep.equal({
      kind: 'voucher',
      text: 'AQ-_9',
    })
  })

  it('is nothing in any other text', () => {
    for (const text of [
      '',
      '#',
      'https://pay.example/pay?o=A&c=B',
      '#c=B',
      'WIFI:T:WPA;S:x;;',
      `#v=${'A'.repeat(8_000)}`,
    ])
      expect(readCarried(text), text.slice(0, 40)).to.equal(undefined)
  })
})

import { expect } from 'chai'
import { takeRandomBytes } from '../../protocol/random.ts'

describe('takeRandomBytes', () => {
  it('gives as many bytes as asked for, past the size of its pool too', () => {
    for (const length of [0, 1, 32, 4_095, 4_096, 10_000])
      expect(takeRandomBytes(length)).to.have.length(length)
  })

  it('hands out no byte twice', () => {
    const seen = new Set(Array.from({ length: 5_000 }, () => takeRandomBytes(16).join()))
    expect(seen.size).to.equal(5_000)
  })

  it('gives each byte value about equally often', () => {
    const counts = new Array<number>(256).fill(0)
    for (let n = 0; n < 2_560; n++) for (const byte of takeRandomBytes(100)) counts[byte]!++
    // 1,000 of each are expected, with a standard deviation of 32.
    for (const count of counts) expect(count).to.be.within(750, 1_250)
  })
})

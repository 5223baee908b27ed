import { expect } from 'chai'
import fc from 'fast-check'
import {
  beforeBlock,
  DELIVERIES,
  decodeFeedCursor,
  encodeFeedCursor,
  endOfBlock,
  type FeedCursor,
  isPassed,
} from '../../../indexer/feed/feed-cursor.ts'
import { expectError } from '../../support/expect-error.ts'

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const index = fc.integer({ min: -1, max: 2 ** 31 - 1 })
const chains = <Value>(value: fc.Arbitrary<Value>) =>
  fc.array(fc.tuple(number, value), { maxLength: 5 }).map((entries) => new Map(entries))
const cursors = fc.record<FeedCursor>(
  {
    deliver: fc.constantFrom(...DELIVERIES),
    journal: fc.option(fc.record({ version: number, ordinal: number })),
    walked: chains(
      fc.oneof(
        number.map(endOfBlock),
        fc.record({ blockNumber: number, logIndex: index, entryIndex: index }),
      ),
    ),
    start: fc.record({ version: number, blocks: chains(number) }),
  },
  { requiredKeys: ['deliver', 'journal', 'walked'] },
)

/** With lists for maps. */
const plain = ({ walked, start, ...rest }: FeedCursor) => ({
  ...rest,
  walked: [...walked],
  start: start && { ...start, blocks: [...start.blocks] },
})

describe('feed cursor', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(plain(decodeFeedCursor(encodeFeedCursor(cursor)))).to.deep.equal(plain(cursor))
      }),
    )
  })

  it('is refused when it is anything else', () => {
    const encoded = (state: unknown) => Buffer.from(JSON.stringify(state)).toString('base64url')
    const wrong = ['', '?', 'x'.repeat(4_000), encoded(null), encoded([0]), encoded([3, [1, 0], []])]
    wrong.push(
      encoded([0, [1], []]),
      encoded([0, [1, 0.5], []]),
      encoded([0, ['1', 0], []]),
      encoded([0, [-2, 0], []]),
    )
    wrong.push(encoded([0, [1, 0], [[1, 2, 3]]]), encoded([0, [1, 0], {}]), encoded([0, [1, 0], [], 1, 2]))
    wrong.push(encoded([0, [1, 0], Array(100).fill([1, 2])]))
    for (const text of wrong) expectError(() => decodeFeedCursor(text), 'CURSOR_INVALID')
  })

  it('orders positions by block, log and entry', () => {
    const at = (blockNumber: number, logIndex: number, entryIndex: number) => ({
      blockNumber,
      logIndex,
      entryIndex,
    })
    expect(isPassed(at(5, 0, 0), undefined)).to.equal(false)
    expect(isPassed(at(5, 0, 0), at(5, 0, 0))).to.equal(true)
    expect(isPassed(at(5, 0, 1), at(5, 0, 0))).to.equal(false)
    expect(isPassed(at(5, 9, 9), at(6, 0, -1))).to.equal(true)
    expect(isPassed(at(5, 0, 0), endOfBlock(5))).to.equal(true)
    expect(isPassed(at(5, 0, -1), beforeBlock(5))).to.equal(false)
  })
})

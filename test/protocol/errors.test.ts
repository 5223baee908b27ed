import { expect } from 'chai'
import { ERROR_CATALOGUE, type ErrorCode } from '../../protocol/error-catalogue.ts'
import { CountersignError, isCountersignError, toProblem } from '../../protocol/errors.ts'

describe('errors', () => {
  it('take what the catalogue says of their code', () => {
    for (const code of Object.keys(ERROR_CATALOGUE) as ErrorCode[]) {
      const { httpStatus, remedy, retryable } = ERROR_CATALOGUE[code]
      const error = new CountersignError(code, 'message')
      expect(error).to.include({ code, message: 'message', httpStatus, action: remedy, retryable })
      expect(error.name).to.equal('CountersignError')
      expect(error).to.not.have.own.property('cause')
    }
  })

  it('take a more exact remedy, a cause and details', () => {
    const cause = new Error('why')
    const error = new CountersignError('CHAIN_UNKNOWN', 'message', {
      action: 'Do this.',
      cause,
      details: { chainId: 7 },
    })
    expect(error).to.deep.include({ action: 'Do this.', cause, details: { chainId: 7 } })
  })

  it('are told from others, and from each other by code', () => {
    const error = new CountersignError('CHAIN_UNKNOWN', 'message')
    expect(isCountersignError(error)).to.equal(true)
    expect(isCountersignError(error, 'CHAIN_UNKNOWN')).to.equal(true)
    expect(isCountersignError(error, 'CHAIN_MISMATCH')).to.equal(false)
    for (const other of [new Error('message'), { code: 'CHAIN_UNKNOWN' }, undefined, null])
      expect(isCountersignError(other)).to.equal(false)
  })

  it('become problem documents without cause or stack', () => {
    const cause = new Error('secret')
    const error = new CountersignError('CHAIN_UNKNOWN', 'message', { cause, details: { chainId: 7 } })
    const { meaning, remedy, httpStatus, retryable } = ERROR_CATALOGUE.CHAIN_UNKNOWN
    expect(toProblem(error)).to.deep.equal({
      type: 'https://countersign.example/errors#CHAIN_UNKNOWN',
      title: meaning,
      status: httpStatus,
      detail: 'message',
      code: 'CHAIN_UNKNOWN',
      action: remedy,
      retryable,
      chainId: 7,
    })
  })
})

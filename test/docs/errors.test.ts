import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { ERROR_CATALOGUE } from '../../protocol/error-catalogue.ts'

const PAGE = new URL('../../docs/errors.md', import.meta.url)

function rendered(): string {
  const rows = Object.entries(ERROR_CATALOGUE).map(
    ([code, { httpStatus, meaning, remedy, retryable }]) =>
      `| <a id="${code}"></a>\`${code}\` | ${httpStatus} | ${meaning} | ${remedy} | ${retryable ? 'yes' : 'no'} |`,
  )
  return [
    '# Errors',
    '',
    'Every error has a code that does not change. Over HTTP it is a problem document (RFC 9457) whose `type` ends in the code; on the',
    'command line it is printed with its message and remedy. A verdict is never an error.',
    '',
    '| code | HTTP status | meaning | what to do | may pass by itself |',
    '|---|--:|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

describe('docs/errors.md', () => {
  it('has a row for every code of the catalogue, and no other (UPDATE_DOCS=1 writes it)', () => {
    if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, rendered())
    expect(readFileSync(PAGE, 'utf8')).to.equal(rendered())
  })

  it('lists the codes in alphabetical order', () => {
    const codes = Object.keys(ERROR_CATALOGUE)
    expect(codes).to.deep.equal([...codes].sort())
  })
})

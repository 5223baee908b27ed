import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { loadConfig } from '../../indexer/config.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import { addressBookOf, databasePath } from '../support/indexer.ts'

function addressBookFile(): string {
  const path = join(dirname(databasePath()), 'address-book.json')
  const contracts = {
    AccessManager: `0x${'1'.repeat(40)}`,
    ParticipantDirectory: `0x${'2'.repeat(40)}`,
    QueryResultRegistry: `0x${'3'.repeat(40)}`,
    startBlock: 1,
  } as const
  const chains = [{ chainId: 1, rpcUrls: ['http://127.0.0.1:1'], contracts }]
  writeFileSync(path, JSON.stringify(addressBookOf(chains)))
  return path
}

describe('indexer configuration', () => {
  it('has a default for everything but the address book', () => {
    expect(loadConfig({ COUNTERSIGN_ADDRESS_BOOK: addressBookFile() })).to.include({
      host: '127.0.0.1',
      port: 4000,
      database: '.countersign/indexer.db',
      pollMs: 200,
      logLevel: 'info',
    })
  })

  it('reads what is set', () => {
    const config = loadConfig({
      COUNTERSIGN_ADDRESS_BOOK: addressBookFile(),
      HOST: '0.0.0.0',
      INDEXER_PORT: '0',
      INDEXER_DATABASE: '/data/index.db',
      INDEXER_POLL_MS: '1000',
      LOG_LEVEL: 'warn',
    })
    expect(config).to.include({
      host: '0.0.0.0',
      port: 0,
      database: '/data/index.db',
      pollMs: 1000,
      logLevel: 'warn',
    })
  })

  it('names every wrong variable at once', () => {
    const load = () =>
      loadConfig({
        COUNTERSIGN_ADDRESS_BOOK: '/nowhere/address-book.json',
        INDEXER_PORT: '-1',
        INDEXER_DATABASE: ' ',
        INDEXER_POLL_MS: '1e3',
        INDEXER_COMPLETENESS_CHECK_MS: 'daily',
        LOG_LEVEL: 'verbose',
      })
    expect(load)
      .to.throw()
      .that.satisfies((error: Error) => {
        expect(isCountersignError(error, 'CONFIGURATION_INVALID')).to.equal(true)
        expect(error.message.split('\n').map((line) => line.split(':')[0])).to.have.members([
          'COUNTERSIGN_ADDRESS_BOOK',
          'INDEXER_PORT',
          'INDEXER_DATABASE',
          'INDEXER_POLL_MS',
          'INDEXER_COMPLETENESS_CHECK_MS',
          'LOG_LEVEL',
        ])
        return true
      })
  })
})

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { loadConfig, printableConfig } from '../../indexer/config.ts'
import { SETTINGS } from '../../indexer/settings.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import { addressBookOf, databasePath } from '../support/indexer.ts'

function addressBookFile(): string {
  const path = join(dirname(databasePath()), 'address-book.json')
  const contracts = {
    AccessManager: `0x${'1'.repeat(40)}`,
    ParticipantDirectory: `0x${'2'.repeat(40)}`,
    QueryResultRegistry: `0x${'3'.repeat(40)}`,
    PaymentRecordRegistry: `0x${'4'.repeat(40)}`,
    CredentialRegistry: `0x${'5'.repeat(40)}`,
    startBlock: 1,
  } as const
  const chains = [{ chainId: 1, rpcUrls: ['http://127.0.0.1:1'], contracts }]
  writeFileSync(path, JSON.stringify(addressBookOf(chains)))
  return path
}

const TOKEN = 't0ken'.repeat(8)

function configFile(settings: object): string {
  const path = join(dirname(databasePath()), 'indexer.json')
  writeFileSync(path, JSON.stringify(settings))
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

  /** What is wrong, as the error lists it. */
  function problemsOf(load: () => unknown): string[] {
    try {
      load()
    } catch (error) {
      if (!isCountersignError(error, 'CONFIGURATION_INVALID')) throw error
      expect(error.message.split('\n')).to.deep.equal(error.details?.problems)
      return error.message.split('\n')
    }
    throw new Error('nothing was wrong')
  }

  it('names every wrong variable at once', () => {
    const problems = problemsOf(() =>
      loadConfig({
        COUNTERSIGN_ADDRESS_BOOK: '/nowhere/address-book.json',
        INDEXER_PORT: '-1',
        INDEXER_DATABASE: ' ',
        INDEXER_POLL_MS: '1e3',
        INDEXER_COMPLETENESS_CHECK_MS: 'daily',
        INDEXER_WEB_SOCKET: 'maybe',
        INDEXER_CORS_ORIGINS: 'https://a.example, ftp://b.example',
        INDEXER_TRUSTED_PROXIES: '10.0.0.1, fd00::/8, 10.0.0.0/33',
        INDEXER_POLL: '5',
        LOG_LEVEL: 'verbose',
      }),
    )
    expect(problems).to.have.members([
      'INDEXER_POLL: is not a variable of the indexer',
      'INDEXER_PORT: "-1" is not a whole number from 0 to 65535',
      'INDEXER_DATABASE: is empty',
      'INDEXER_POLL_MS: "1e3" is not a whole number from 10 to 600000',
      'INDEXER_COMPLETENESS_CHECK_MS: "daily" is not a whole number from 100 to 86400000',
      'INDEXER_WEB_SOCKET: "maybe" is neither true nor false',
      'INDEXER_CORS_ORIGINS: "ftp://b.example" is neither an origin like https://example.org nor *',
      'INDEXER_TRUSTED_PROXIES: "10.0.0.0/33" is neither an address like 10.0.0.1 nor a network like 10.0.0.0/8',
      'LOG_LEVEL: "verbose" is none of trace, debug, info, warn, error, fatal, silent',
      'COUNTERSIGN_ADDRESS_BOOK: /nowhere/address-book.json: there is no such file; run the deploy script first',
    ])
  })

  it('reads a JSON file, over which the environment wins', () => {
    const file = configFile({ pollMs: 500, webSocket: false, corsOrigins: ['https://a.example'] })
    const env = { COUNTERSIGN_ADDRESS_BOOK: addressBookFile(), INDEXER_POLL_MS: '700' }
    const config = loadConfig({ ...env, INDEXER_CONFIG: file })
    expect(config).to.deep.include({ pollMs: 700, webSocket: false, corsOrigins: ['https://a.example'] })
    expect(loadConfig(env, file)).to.deep.equal(config)
  })

  it('says of every problem whether it is in the file or in the environment, and of which setting', () => {
    const file = configFile({
      pollMs: '500',
      pollMS: 500,
      port: 70_000,
      readerPollMs: 1,
      addressBook: '/no.json',
    })
    const problems = problemsOf(() => loadConfig({ INDEXER_READER_POLL_MS: '0', INDEXER_PORT: '80' }, file))
    expect(problems).to.have.members([
      `${file}: pollMS: is not a setting of the indexer`,
      `${file}: pollMs: "500" is not a whole number from 10 to 600000`,
      'INDEXER_READER_POLL_MS: 0 is not a whole number from 5 to 60000',
      `${file}: addressBook: /no.json: there is no such file; run the deploy script first`,
    ])
  })

  it('refuses a file that is missing or not JSON, quoting none of it', () => {
    const env = { COUNTERSIGN_ADDRESS_BOOK: addressBookFile() }
    expect(problemsOf(() => loadConfig(env, '/no.json'))).to.deep.equal(['/no.json: there is no such file'])
    const broken = configFile({})
    writeFileSync(broken, '{ "adminToken": "geheimgeheimgeheim", }')
    const [problem] = problemsOf(() => loadConfig(env, broken))
    expect(problem).to.match(/: is not JSON at position \d+/)
    expect(problem).not.to.contain('geheim')
    const [ofBook] = problemsOf(() => loadConfig({ COUNTERSIGN_ADDRESS_BOOK: broken }))
    expect(ofBook).to.match(/: is not JSON at position \d+/)
    expect(ofBook).not.to.contain('geheim')
    writeFileSync(broken, '[]')
    expect(problemsOf(() => loadConfig(env, broken))).to.deep.equal([
      `${broken}: is not an object of settings`,
    ])
  })

  it('lets nothing but PostgreSQL have readers', () => {
    const env = { COUNTERSIGN_ADDRESS_BOOK: addressBookFile(), INDEXER_ROLE: 'reader' }
    expect(problemsOf(() => loadConfig(env))[0]).to.match(/^INDEXER_ROLE: a reader needs a PostgreSQL/)
    expect(loadConfig({ ...env, INDEXER_DATABASE: 'postgresql://h/index' }).role).to.equal('reader')
  })

  it('does not mind what Kubernetes adds beside a service of the name', () => {
    const env = { INDEXER_SERVICE_HOST: '10.0.0.1', INDEXER_PORT_4000_TCP: 'tcp://10.0.0.1:4000' }
    expect(() => loadConfig({ COUNTERSIGN_ADDRESS_BOOK: addressBookFile(), ...env })).not.to.throw()
  })

  it('reads the token from a file, and not from two places', () => {
    const tokenFile = configFile({})
    writeFileSync(tokenFile, `${TOKEN}\n`)
    const env = { COUNTERSIGN_ADDRESS_BOOK: addressBookFile(), INDEXER_ADMIN_TOKEN_FILE: tokenFile }
    expect(loadConfig(env).adminToken).to.equal(TOKEN)
    expect(problemsOf(() => loadConfig({ ...env, INDEXER_ADMIN_TOKEN: TOKEN }))).to.have.length(1)
    writeFileSync(tokenFile, 'short')
    expect(problemsOf(() => loadConfig(env))).to.have.length(1)
  })

  it('shows neither token nor password, whether they are right or wrong', () => {
    const database = `postgres://index:geheim@db.example:5432/index?password=geheim`
    const env = { COUNTERSIGN_ADDRESS_BOOK: addressBookFile(), INDEXER_DATABASE: database }
    const shown = printableConfig(loadConfig({ ...env, INDEXER_ADMIN_TOKEN: TOKEN }))
    expect(shown.database).to.equal('postgres://index@db.example:5432/index')
    expect(JSON.stringify(shown)).not.to.match(new RegExp(`geheim|${TOKEN}`))
    const problems = problemsOf(() =>
      loadConfig({ ...env, INDEXER_ADMIN_TOKEN: 'tooshort', INDEXER_PORT: 'x' }),
    )
    expect(problems).to.include('INDEXER_ADMIN_TOKEN: has less than 16 characters')
    expect(problems.join()).not.to.match(/geheim|tooshort/)
  })

  it('is described in .env.example, with the defaults', () => {
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')
    for (const [name, { environment, default: value }] of SETTINGS)
      if (value === undefined || Array.isArray(value)) expect(example, name).to.contain(environment)
      else expect(example, name).to.match(new RegExp(`^${environment}=${value}$`, 'm'))
  })
})

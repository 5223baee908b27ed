import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { pino } from 'pino'
import { createServer, type HttpServer } from '../../../http/server.ts'
import { addPages } from '../../../indexer/pages/add-pages.ts'
import type { AddressBook } from '../../../protocol/address-book.ts'
import { addressBookOf } from '../../support/indexer.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

const contracts = {
  AccessManager: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
  ParticipantDirectory: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
  QueryResultRegistry: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
  PaymentRecordRegistry: '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512',
  CredentialRegistry: '0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9',
  startBlock: 1,
} as const

const bookWith = (...rpcUrls: string[]): AddressBook => addressBookOf([{ chainId: 1, rpcUrls, contracts }])

describe('pages of the indexer', function () {
  this.timeout(30_000)
  let server: HttpServer
  async function serve(book: AddressBook) {
    server = (await createServer({ name: 'test', description: '', logger: pino({ level: 'silent' }) })).server
    addPages(server, book)
    await server.ready()
  }
  afterEach(() => server.close())
  const get = (url: string, headers: Record<string, string> = {}) => server.inject({ url, headers })
  const policyOf = async (url: string) =>
    Object.fromEntries(
      String((await get(url)).headers['content-security-policy'])
        .split('; ')
        .map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1)]),
    )
  const settingsOf = (html: string) => JSON.parse(/id="settings">(.*?)<\/script>/.exec(html)![1]!)

  it('are whole: each file that they name is there, of its type, to be kept for good', async () => {
    await serve(bookWith('http://127.0.0.1:8545'))
    for (const path of ['/pay', '/pay/verify', '/pay/verify/own-nodes', '/verify', '/verify/own-nodes']) {
      const page = await get(path)
      expect([page.statusCode, page.headers['content-type']]).to.deep.equal([200, 'text/html; charset=utf-8'])
      const named = [...page.body.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, url]) => url!)
      expect(named).to.have.length(2)
      for (const url of named) {
        const file = await get(url)
        expect(file.statusCode).to.equal(200)
        expect(file.headers['content-type']).to.match(
          url.endsWith('.css') ? /^text\/css/ : /^text\/javascript/,
        )
        expect(file.headers['cache-control']).to.equal('public, max-age=31536000, immutable')
        expect(file.headers['x-content-type-options']).to.equal('nosniff')
        for (const [, part] of file.body.matchAll(/from"\.\/(part-\w+\.js)"/g))
          expect((await get(`/pay/assets/${part}`)).statusCode).to.equal(200)
      }
    }
  })

  it('let a page run its own script only, and ask whom it has to', async () => {
    await serve(bookWith('http://127.0.0.1:8545/rpc', 'https://node.example'))
    const nodes = ['http://127.0.0.1:8545', 'https://node.example']
    const pay = await policyOf('/pay')
    expect(pay).to.deep.include({
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
    })
    expect(pay).to.deep.include({
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    })
    expect(pay['connect-src']).to.deep.equal(["'self'", ...nodes])
    for (const path of ['/pay/verify', '/verify']) {
      expect((await policyOf(path))['connect-src']).to.deep.equal(nodes)
      expect((await policyOf(`${path}/own-nodes`))['connect-src']).to.include.members(['https:', ...nodes])
    }
    expect(JSON.stringify(await policyOf('/pay/verify/own-nodes'))).not.to.match(
      /'self'.*'self'.*'self'|unsafe/,
    )
    const { headers, body } = await get('/pay')
    expect(headers).to.include({ 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' })
    expect(headers['permissions-policy']).to.include('camera=(self)')
    expect(body).not.to.match(/<script(?![^>]*(src=|type="application\/json"))|style=|\son\w+=/)
  })

  it('name no node that has, or may have, credentials in its address', async () => {
    const secret = '0123456789abcdef0123456789abcdef'
    await serve(bookWith(`https://node.example/v3/${secret}`, 'https://user:password@node.example'))
    const { body, headers } = await get('/pay/verify')
    expect(settingsOf(body).network.chains[0].rpcUrls).to.deep.equal([])
    expect(body + JSON.stringify(headers)).not.to.match(new RegExp(`${secret}|password`))
    expect((await policyOf('/pay/verify'))['connect-src']).to.deep.equal(["'none'"])
  })

  it('name the nodes that are said to be public', async () => {
    const book = bookWith('http://10.0.0.1:8545')
    book.chains[0]!.publicRpcUrls = ['https://public.example']
    await serve(book)
    const { network } = settingsOf((await get('/pay')).body)
    expect(network).to.deep.equal({
      directory: book.directory,
      chains: [
        {
          ...{ chainId: 1, name: 'chain-1', registry: contracts.PaymentRecordRegistry },
          ...{ finalityDepth: 0, finalizedTag: false, rpcUrls: ['https://public.example'] },
        },
      ],
    })
    const [chain] = settingsOf((await get('/verify')).body).network.chains
    expect(chain.registry).to.equal(contracts.CredentialRegistry)
  })

  it('are answered with 304 to whoever has them, and compressed to whoever takes that', async () => {
    await serve(bookWith('http://127.0.0.1:8545'))
    const { body, headers } = await get('/pay')
    expect(headers['cache-control']).to.equal('no-cache')
    const known = await get('/pay', { 'if-none-match': `"other", ${headers.etag}` })
    expect([known.statusCode, known.body]).to.deep.equal([304, ''])
    expect((await get('/pay', { 'if-none-match': '"other"' })).statusCode).to.equal(200)
    const zipped = await get('/pay', { 'accept-encoding': 'br, gzip' })
    expect(zipped.headers['content-encoding']).to.equal('gzip')
    expect(gunzipSync(zipped.rawPayload).toString()).to.equal(body)
    expect(zipped.rawPayload.length).to.be.lessThan(body.length)
  })

  it('know no other file', async () => {
    await serve(bookWith('http://127.0.0.1:8545'))
    for (const name of ['pay.tsx', '..%2f..%2fpackage.json', 'constructor'])
      expect((await get(`/pay/assets/${name}`)).statusCode, name).to.equal(404)
  })

  it('cost nothing at the start: the bundler is loaded by the first who looks', async () => {
    const loaded = (code: string) =>
      execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', cwd: ROOT })
    const report = `
      const { createRequire } = await import('node:module')
      const names = Object.keys(createRequire(process.cwd() + '/x.js').cache)
      console.log(names.some((name) => name.includes('node_modules/esbuild/')))`
    expect(loaded(`await import('./indexer/compose-api.ts')\n${report}`)).to.equal('false\n')
    expect(loaded(`await import('./indexer/pages/build-pages.ts')\n${report}`)).to.equal('true\n')
  })
})

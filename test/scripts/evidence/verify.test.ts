import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { expect } from 'chai'
import { parseCredential, readCredential } from '../../../protocol/credentials/evidence-credential.ts'
import { roleMask } from '../../../protocol/roles.ts'
import { ISSUER, type Neighbourhood, settleEvidence } from '../../services/evidence/evidence-fixture.ts'
import { directoryAs } from '../../support/contracts.ts'
import { runScript } from './evidence-script.ts'

interface Row {
  name: string
  verdict: string
}

const NAMES = ['a.txt', 'b.txt', 'c.txt', 'd.txt']

describe('verify, of credentials', function () {
  this.timeout(120_000)
  let home: Neighbourhood

  before(async () => {
    home = await settleEvidence()
    const { directory, provider } = directoryAs(home.chain.url, home.contracts.ParticipantDirectory)
    const register = directory.getFunction('register')
    await (await register(ISSUER, roleMask(['credentialIssuer']), 'Evidence Server', '', '')).wait()
    provider.destroy()
    await home.server.start()
  })
  after(() => home.end())
  beforeEach(async () => {
    mkdirSync(at('in'))
    for (const name of NAMES) writeFileSync(at('in', name), `content of ${name}`)
    expect((await runScript(home.server, 'notarize', 'in')).code).to.equal(0)
  })
  afterEach(() => {
    for (const folder of ['in', 'credentials', 'statements'])
      rmSync(at(folder), { recursive: true, force: true })
  })

  const at = (...names: string[]): string => path.join(home.server.folder, ...names)
  const fileOf = (name: string): string => `credentials/${name}.credential.json`
  const read = (name: string) => readCredential(parseCredential(readFileSync(at(fileOf(name)))))
  const storedFile = (name: string): string => {
    const hash = read(name).contentHash.slice(2)
    return path.join(home.server.storeFolder, 'objects', hash.slice(0, 2), hash.slice(2))
  }
  const verify = async (...args: string[]) => {
    const { code, stdout, talk } = await runScript(home.server, 'verify', ...args, '--json')
    if (stdout === '') throw new Error(talk)
    return { ...JSON.parse(stdout), exitCode: code }
  }
  const verdicts = async (...args: string[]) => {
    const { exitCode, credentials } = await verify(...args)
    return [exitCode, Object.fromEntries(credentials.map((row: Row) => [row.name, row.verdict]))]
  }
  const alter = (name: string): void => {
    const bytes = readFileSync(storedFile(name))
    bytes[3]! ^= 4
    writeFileSync(storedFile(name), bytes)
  }

  it('says intact of each in a folder, and writes the signed statements, which verify by themselves', async () => {
    const { exitCode, verdicts: counts } = await verify('credentials', '--save', 'statements')
    expect([exitCode, counts]).to.deep.equal([0, { intact: NAMES.length }])
    for (const name of NAMES) {
      const statement = await verify(`statements/${read(name).credentialId}.statement.json`)
      expect(statement).to.include({ exitCode: 0, kind: 'evidence statement', verdict: 'intact' })
    }
  })

  it('says of each what became of it, and ends with the worst', async () => {
    alter('a.txt')
    rmSync(storedFile('b.txt'))
    expect((await runScript(home.server, 'revoke', fileOf('c.txt'), '--reason', 'withdrawn')).code).to.equal(
      0,
    )
    expect(await verdicts('credentials')).to.deep.equal([
      2,
      { 'a.txt': 'tampered', 'b.txt': 'missing', 'c.txt': 'revoked', 'd.txt': 'intact' },
    ])
    expect(await verify(fileOf('c.txt'))).to.include({ exitCode: 2, verdict: 'revoked', reason: 'withdrawn' })
    expect(await verify(fileOf('b.txt'))).to.include({ exitCode: 3, verdict: 'missing' })
    alter('a.txt')
    expect(await verify(fileOf('a.txt'))).to.include({ exitCode: 0, verdict: 'intact' })
  })

  it('says erased of what was erased by request, with id or file', async () => {
    const { credentialId } = read('a.txt')
    const refused = await runScript(home.server, 'erase-evidence', credentialId)
    expect([refused.code, refused.talk.includes('ERASURE_NOT_CONFIRMED')]).to.deep.equal([1, true])
    expect((await verify(fileOf('a.txt'))).verdict).to.equal('intact')
    expect((await runScript(home.server, 'erase-evidence', credentialId, '--yes')).code).to.equal(0)
    expect(await verify(fileOf('a.txt'))).to.include({ exitCode: 3, verdict: 'erased' })
  })

  it('says unknown of what the server does not have', async () => {
    const { server } = home
    const other = { ...server, url: server.url, apiKey: server.issueKey('another'), folder: server.folder }
    const { code, stdout } = await runScript(other as never, 'verify', fileOf('a.txt'), '--json')
    expect([code, JSON.parse(stdout).verdict]).to.deep.equal([3, 'unknown'])
  })

  it('holds a file against it, asking nodes alone', async () => {
    await home.server.end('SIGTERM')
    try {
      const same = await verify(fileOf('a.txt'), '--file', 'in/a.txt')
      expect(same).to.include({ exitCode: 0, verdict: 'intact', scope: 'file' })
      expect(await verify(fileOf('a.txt'), '--file', 'in/b.txt')).to.include({
        exitCode: 2,
        verdict: 'tampered',
      })
      expect(await verify(fileOf('a.txt'), '--rpc', home.chain.url)).to.include({
        exitCode: 0,
        verdict: 'recorded',
        rule: 'content-not-checked',
      })
    } finally {
      await home.server.start()
    }
  })

  it('asks both where both are named, and believes the worse', async () => {
    const both = [fileOf('a.txt'), '--file', 'in/a.txt', '--server']
    expect(await verify(...both)).to.include({ exitCode: 0, verdict: 'intact', scope: 'everything' })
    alter('a.txt')
    expect(await verify(...both)).to.include({ exitCode: 2, verdict: 'tampered' })
    alter('a.txt')
    writeFileSync(at('in', 'a.txt'), 'something else')
    expect(await verify(...both)).to.include({ exitCode: 2, verdict: 'tampered' })
  })

  it('goes up to the block hash offline', async () => {
    expect(await verify(fileOf('a.txt'), '--offline')).to.include({
      exitCode: 0,
      verdict: 'recorded',
      scope: 'offline',
    })
    const { code } = await runScript(home.server, 'verify', fileOf('a.txt'), '--offline', '--server')
    expect(code).to.equal(1)
  })

  it('refuses a file with any character changed, and verifies the others', async () => {
    const before = (await verify('credentials')).verdicts
    const text = readFileSync(at(fileOf('a.txt')), 'utf8')
    const middle = Math.floor(text.length / 2)
    writeFileSync(at(fileOf('a.txt')), `${text.slice(0, middle)}~${text.slice(middle + 1)}`)
    for (const further of [[], ['--file', 'in/a.txt']])
      expect(await verify(fileOf('a.txt'), ...further)).to.include({
        exitCode: 2,
        valid: false,
        code: 'PROOF_FILE_ALTERED',
      })
    const { exitCode, verdicts: counts } = await verify('credentials')
    expect([exitCode, counts]).to.deep.equal([2, { ...before, intact: before.intact - 1, refused: 1 }])
  })

  it('does not take the word of another server for it', async () => {
    const { server } = home
    // It answers, and is none.
    const impostor = createServer((request, response) => {
      request.resume()
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ statement: { verdict: 'intact' } }))
    })
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(impostor.address() as { port: number }).port}`
    try {
      const other = { ...server, url, apiKey: server.apiKey, folder: server.folder, env: server.env }
      const { code, stdout } = await runScript(other as never, 'verify', fileOf('a.txt'), '--json')
      expect([code, JSON.parse(stdout).verdict]).to.deep.equal([1, 'error'])
    } finally {
      impostor.close()
    }
  })
})

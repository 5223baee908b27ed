import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { EvidenceClient } from '../../scripts/cli/evidence-client.ts'
import { type LocalNetwork, startLocalNetwork, writeLocalState } from '../../scripts/network/local-network.ts'
import { SAMPLE_PROVIDERS } from '../../scripts/network/parties.ts'
import { freePorts } from '../../scripts/network/ports.ts'
import { commandsOf } from './readme-commands.ts'

const PROJECT = path.resolve(import.meta.dirname, '../..')
const DOCUMENTS = 5

interface Ended {
  code: number | null
  stdout: string
  talk: string
}

describe('evidence, through the processes that npm start runs', function () {
  this.timeout(300_000)
  // What looks like the project's folder, with a network and credentials of its own.
  const folder = mkdtempSync(path.join(tmpdir(), 'countersign-evidence-'))
  let network: LocalNetwork

  before(async () => {
    for (const name of readdirSync(PROJECT))
      if (name !== 'credentials') symlinkSync(path.join(PROJECT, name), path.join(folder, name))
    const providers = SAMPLE_PROVIDERS.slice(0, 1)
    network = await startLocalNetwork({
      folder: at('.countersign'),
      providers,
      ports: await freePorts(providers.length),
      evidenceEnv: { EVIDENCE_RECHECK_PAUSE_MS: '300' },
    })
    writeLocalState(at('.countersign', 'local.json'), network)
    cpSync(path.join(PROJECT, 'sample/evidence/documents'), at('walk', 'documents'), { recursive: true })
  })
  after(async () => {
    await network?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const at = (...names: string[]): string => path.join(folder, ...names)
  const bash = async (commands: string): Promise<Ended> => {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('COUNTERSIGN_')),
    )
    const child = spawn('bash', ['-c', commands], { cwd: folder, env })
    const written = { stdout: '', talk: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      written.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      written.talk += text
    })
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { code, ...written }
  }
  const script = async (name: string, ...args: string[]) => {
    const { code, stdout, talk } = await bash(`npm run --silent ${name} -- ${args.join(' ')} --json`)
    if (stdout === '') throw new Error(talk)
    return { exitCode: code, ...JSON.parse(stdout) }
  }
  const storedFiles = (): string[] => {
    const objects = path.join(network.evidence.contentFolder, 'objects')
    return readdirSync(objects).flatMap((first) =>
      readdirSync(path.join(objects, first)).map((rest) => path.join(objects, first, rest)),
    )
  }
  const flipOneByteOfEach = (): void => {
    for (const file of storedFiles()) {
      const bytes = readFileSync(file)
      bytes[bytes.length >> 1]! ^= 0x10
      writeFileSync(file, bytes)
    }
  }

  it('keeps documents, and says intact of each', async () => {
    const kept = await script('notarize', 'walk/documents', '--out', 'walk/credentials')
    expect(kept).to.include({ exitCode: 0, stored: DOCUMENTS, failed: 0, pending: 0 })
    const { exitCode, verdicts } = await script('verify', 'walk/credentials')
    expect([exitCode, verdicts]).to.deep.equal([0, { intact: DOCUMENTS }])
  })

  it('tells unasked of each that was altered on disk, and says tampered when asked', async () => {
    flipOneByteOfEach()
    const client = new EvidenceClient(network.evidence.url, network.evidence.apiKey)
    const { evidence } = await client.list(null)
    const told = new Set<string>()
    for (
      const deadline = Date.now() + 60_000;
      told.size < DOCUMENTS && Date.now() < deadline;
      await sleep(100)
    )
      for (const { credentialId, verdict } of (await client.notices(null)).notices)
        if (verdict === 'tampered') told.add(credentialId)
    await client.close()
    expect([...told].sort()).to.deep.equal(evidence.map(({ credentialId }) => credentialId).sort())
    const { exitCode, verdicts } = await script('verify', 'walk/credentials')
    expect([exitCode, verdicts]).to.deep.equal([2, { tampered: DOCUMENTS }])
    flipOneByteOfEach()
    expect((await script('verify', 'walk/credentials')).verdicts).to.deep.equal({ intact: DOCUMENTS })
  })

  it('does what the README says, by its commands as they are printed', async () => {
    const ports: Record<string, string> = {
      'http://127.0.0.1:4040': network.evidence.url,
      'http://127.0.0.1:4000': network.indexer.url,
    }
    const commands = Object.entries(ports).reduce(
      (text, [documented, here]) => text.replaceAll(documented, here),
      commandsOf('Evidence'),
    )
    expect(commands).to.contain('npm run notarize').and.contain('npm run revoke')
    const { stdout, talk } = await bash(`trap 'echo "ended with $?: $BASH_COMMAND" >&2' ERR\n${commands}`)
    // The last one says itself that it ends with 2.
    expect(talk.match(/^ended with .*$/gm), talk).to.deep.equal([
      'ended with 2: npm run verify -- credentials',
    ])
    expect(stdout).to.contain(`${DOCUMENTS} intact`)
    expect(stdout).to.contain('intact, kept-signed-and-chain-agree (the file here and the credential')
    expect(stdout).to.contain('"state":"pending","credential":')
    expect(stdout).to.contain('"reason":"superseded by a later protocol"')
    expect(stdout.trim().split('\n').at(-1)).to.match(/^3 intact, (1 revoked, 1 erased|1 erased, 1 revoked) /)
  })

  it('leaves what it keeps for others as it was: their credentials are of the same contents', async () => {
    const { exitCode, verdicts } = await script('verify', 'walk/credentials')
    expect([exitCode, verdicts]).to.deep.equal([0, { intact: DOCUMENTS }])
  })
})

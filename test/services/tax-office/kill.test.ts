import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../support/contracts.ts'
import { type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'
import { entriesOf, OfficeProcess, recordedPayments } from './office-fixture.ts'
import { type PaymentFiles, runUpload, type UploadRun, writePaymentFile } from './upload-fixture.ts'

const ROWS = 4_000

describe('an upload that is disturbed', () => {
  let chain: AnvilChain
  let contracts: DeployedContracts
  let relay: RpcRelay
  let office: OfficeProcess
  let files: PaymentFiles
  let undisturbed: string[]

  const settle = async (): Promise<void> => {
    chain = await startAnvil()
    contracts = await deployAll(chain.url)
    relay = await startRpcRelay(chain.url)
    office = new OfficeProcess(
      { chainId: chain.chainId, rpcUrl: relay.url, contracts },
      { TAX_OFFICE_MAX_BATCH: '100' },
    )
    files = writePaymentFile(office.folder, ROWS)
    await office.start()
  }
  const leave = async (): Promise<void> => {
    await office.remove()
    await relay.stop()
    await chain.kill()
  }
  /** With repetitions, if there were any. */
  const onChain = async (): Promise<string[]> =>
    entriesOf(await recordedPayments(chain.url, contracts.PaymentRecordRegistry))

  const finish = async (): Promise<void> => {
    const { code, stdout, stderr } = await runUpload(office, files).ended
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout).office).to.include({ queued: 0, sent: 0, conflict: 0, payments: ROWS })
    expect(await onChain()).to.deep.equal(undisturbed)
  }

  before(async () => {
    await settle()
    const { code, stdout, stderr } = await runUpload(office, files).ended
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout).files[0]).to.include({ rows: ROWS, added: ROWS, refused: 0 })
    undisturbed = await onChain()
    expect(new Set(undisturbed).size).to.equal(ROWS)
    await leave()
  })
  beforeEach(settle)
  afterEach(leave)

  it('ends as the undisturbed one, its uploader killed ten times at any moment', async () => {
    for (let life = 0; life < 10; life++) {
      const { child, ended } = runUpload(office, files)
      await sleep(400 + Math.random() * 600)
      child.kill('SIGKILL')
      await ended
    }
    await finish()
  }).timeout(120_000)

  it('ends as the undisturbed one, its server killed five times at any moment', async () => {
    const upload: UploadRun = runUpload(office, files)
    for (let life = 0; life < 5; life++) {
      await sleep(300 + Math.random() * 700)
      await office.end('SIGKILL')
      await office.start()
    }
    const { code, stderr } = await upload.ended
    expect(code, stderr).to.equal(0)
    await finish()
  }).timeout(120_000)

  it('ends as the undisturbed one, the connection to the chain cut again and again', async () => {
    const upload = runUpload(office, files)
    for (let cut = 0; cut < 8; cut++) {
      await sleep(200 + Math.random() * 400)
      relay.faults.cut = true
      await sleep(100 + Math.random() * 400)
      relay.faults.cut = false
    }
    const { code, stderr } = await upload.ended
    expect(code, stderr).to.equal(0)
    await finish()
  }).timeout(120_000)

  it('ends as the undisturbed one when the same file is uploaded twice at once', async () => {
    const runs = await Promise.all([runUpload(office, files).ended, runUpload(office, files).ended])
    const counts = runs.map(({ code, stdout, stderr }) => {
      expect(code, stderr).to.equal(0)
      return JSON.parse(stdout).files[0] as { added: number; known: number }
    })
    expect(counts[0]!.added + counts[1]!.added).to.equal(ROWS)
    expect(counts[0]!.known + counts[1]!.known).to.equal(ROWS)
    await finish()
  }).timeout(120_000)
})

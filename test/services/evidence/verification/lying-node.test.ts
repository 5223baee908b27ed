import { expect } from 'chai'
import { startAnvil } from '../../../support/anvil.ts'
import { deployAll } from '../../../support/contracts.ts'
import { eventually } from '../../../support/eventually.ts'
import { type RpcRelay, startRpcRelay } from '../../../support/rpc-relay.ts'
import { type EvidenceAnswer, EvidenceProcess, problem } from '../evidence-fixture.ts'
import { askToVerify, verify } from './verifying.ts'

const ZERO = `0x${'0'.repeat(64)}`

describe('verification over a node that lies', () => {
  let chain: Awaited<ReturnType<typeof startAnvil>>
  let relay: RpcRelay
  let server: EvidenceProcess
  let answer: EvidenceAnswer
  let revoked: EvidenceAnswer

  before(async () => {
    chain = await startAnvil()
    const contracts = await deployAll(chain.url)
    relay = await startRpcRelay(chain.url)
    server = new EvidenceProcess({ chainId: chain.chainId, rpcUrl: relay.url, contracts })
    await server.start()
    answer = await server.take('the document', { query: '?wait=recorded' })
    revoked = await server.take('the other', { query: '?wait=recorded' })
    await server.request(`/v1/evidence/${revoked.credentialId}/revocation`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"reason":"withdrawn"}',
    })
    await eventually('revoked', async () => (await verify(server, revoked)).verdict === 'revoked')
  })
  after(async () => {
    await server.remove()
    await relay.stop()
    await chain.kill()
  })
  afterEach(async () => {
    relay.faults.alter = undefined
    relay.faults.refuse = undefined
    relay.faults.respond = undefined
    expect((await verify(server, answer)).verdict).to.equal('intact')
    expect((await verify(server, revoked)).verdict).to.equal('revoked')
  })

  const refused = async (asked: EvidenceAnswer): Promise<string> => {
    const { status, code } = await problem(await askToVerify(server, asked))
    expect(status).to.be.at.least(500)
    return code
  }
  // biome-ignore lint/suspicious/noExplicitAny: whatever the node answered
  const alter = (method: string, change: (result: any) => unknown): void => {
    relay.faults.alter = (call, result) => (call.method === method ? change(structuredClone(result)) : result)
  }

  it('is not told that slots are empty', async () => {
    alter('eth_getProof', (proof) => {
      for (const slot of proof.storageProof) Object.assign(slot, { value: '0x0', proof: [] })
      return proof
    })
    expect(await refused(answer)).to.equal('PROOF_UNBUILDABLE')
    expect(await refused(revoked)).to.equal('PROOF_UNBUILDABLE')
  })

  it('is not given the proof of an older block, when nothing was revoked', async () => {
    relay.faults.alter = undefined
    const old = await chain.request('eth_getProof', [
      server.query<{ registry: string }>('SELECT registry FROM outbox_owner')[0]!.registry,
      [],
      '0x2',
    ])
    alter('eth_getProof', () => old)
    expect(await refused(revoked)).to.equal('PROOF_UNBUILDABLE')
  })

  it('is not given a block whose time or number was changed', async () => {
    for (const change of [{ timestamp: '0x1' }, { number: '0x1' }, { stateRoot: ZERO }]) {
      relay.faults.alter = (call, result) =>
        call.method === 'eth_getBlockByNumber' && call.params[0] === 'latest'
          ? { ...(result as object), ...change }
          : result
      expect(await refused(answer)).to.equal('PROOF_UNBUILDABLE')
    }
  })

  it('is not taken back to a block of long ago', async () => {
    await chain.request('anvil_mine', ['0x28'])
    expect((await verify(server, answer)).verdict).to.equal('intact')
    const old = await chain.request('eth_getBlockByNumber', ['0x2', false])
    relay.faults.alter = (call, result) =>
      call.method === 'eth_getBlockByNumber' && call.params[0] === 'latest' ? old : result
    expect(await refused(answer)).to.equal('NOT_READY')
  })

  it('is not given other receipts, or none', async () => {
    // The server that has seen a block keeps it by its hash.
    await server.end('SIGTERM')
    await server.start()
    alter('eth_getBlockReceipts', (receipts) => receipts.map((receipt: object) => ({ ...receipt, logs: [] })))
    expect(await refused(answer)).to.equal('PROOF_UNBUILDABLE')
    alter('eth_getBlockReceipts', () => null)
    expect(await refused(answer)).to.equal('PROOF_UNBUILDABLE')
  })

  it('is not given another reason, or none', async () => {
    alter('eth_getLogs', (logs) =>
      logs.map((log: { data: string }) => ({
        ...log,
        data: log.data.replace(
          Buffer.from('withdrawn').toString('hex'),
          Buffer.from('forgotten').toString('hex'),
        ),
      })),
    )
    expect(await refused(revoked)).to.equal('RECORD_NOT_LOCATED')
    alter('eth_getLogs', () => [])
    expect(await refused(revoked)).to.equal('RECORD_NOT_LOCATED')
  })

  it('says that the chain cannot be asked when the node answers nonsense', async () => {
    for (const body of ['', 'null', '{}', '[]', '<html>', '{"jsonrpc":"2.0","id":1,"result":[]}']) {
      relay.faults.respond = () => ({ status: 200, body })
      expect(await refused(answer), body).to.be.oneOf([
        'CHAIN_UNREACHABLE',
        'PROOF_UNBUILDABLE',
        'CHAIN_MISMATCH',
      ])
    }
    relay.faults.respond = () => ({ status: 500, body: 'no' })
    expect(await refused(answer)).to.equal('CHAIN_UNREACHABLE')
  })

  it('notices a node that has no proofs and denies what was final', async () => {
    relay.faults.refuse = ({ method }) =>
      method === 'eth_getProof' ? { code: -32601, message: 'the method does not exist' } : undefined
    expect((await verify(server, answer)).verdict).to.equal('intact')
    await eventually('said so', () => server.output.includes('the node has no eth_getProof'))
    alter('eth_call', (result: string) => `${result.slice(0, 130)}${ZERO.slice(2).repeat(3)}`)
    expect(await refused(answer)).to.equal('RECORD_NOT_LOCATED')
    expect(await refused(revoked)).to.equal('RECORD_NOT_LOCATED')
  })
})

describe('verification over a node that is behind', () => {
  it('calls nothing unrevoked before the block in which the server saw a revocation', async () => {
    const chain = await startAnvil()
    const relay = await startRpcRelay(chain.url)
    const contracts = await deployAll(chain.url)
    const network = { chainId: chain.chainId, rpcUrl: relay.url, contracts, finalityDepth: 8 }
    const server = new EvidenceProcess(network)
    try {
      await server.start()
      const answer = await server.take('the document')
      await eventually('issued', () => server.count("outbox_entries WHERE state = 'recorded'") === 1)
      const before = await chain.request('eth_getBlockByNumber', ['latest', false])
      await server.request(`/v1/evidence/${answer.credentialId}/revocation`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"reason":"withdrawn"}',
      })
      await eventually('revoked', async () => (await verify(server, answer)).verdict === 'revoked')
      relay.faults.alter = (call, result) =>
        call.method === 'eth_getBlockByNumber' && call.params[0] === 'latest' ? before : result
      expect((await problem(await askToVerify(server, answer))).code).to.equal('NOT_READY')
      relay.faults.alter = undefined
      expect((await verify(server, answer)).verdict).to.equal('revoked')
    } finally {
      await server.remove()
      await relay.stop()
      await chain.kill()
    }
  })
})

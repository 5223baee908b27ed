import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { CountersignError } from '../../protocol/errors.ts'
import { keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import type { PaymentNetwork } from '../../protocol/payments/payment-network.ts'
import type { PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import { roleMask } from '../../protocol/roles.ts'
import { agreeingNodes } from '../../web/verification/agreeing-nodes.ts'
import { type ChainNode, createChainNode } from '../../web/verification/chain-node.ts'
import { jsonRpcOver } from '../../web/verification/json-rpc.ts'
import { connectNodes } from '../../web/verification/nodes.ts'
import { type VoucherVerification, verifyVoucher } from '../../web/verification/verify-voucher.ts'
import { deployOffice } from '../protocol/payments/payment-office.ts'
import { type AnvilChain, startAnvil } from '../support/anvil.ts'
import { type DeployedContracts, deployAll, directoryAs } from '../support/contracts.ts'
import { expectRejection } from '../support/expect-error.ts'

describe('verification of a voucher', () => {
  /** The directory is on a chain of its own. */
  let directoryChain: AnvilChain
  let chain: AnvilChain
  let contracts: DeployedContracts
  let office: Awaited<ReturnType<typeof deployOffice>>
  let voucher: PaymentVoucher
  let network: PaymentNetwork
  before(async () => {
    directoryChain = await startAnvil({ chainId: 31338 })
    chain = await startAnvil()
    contracts = await deployAll(directoryChain.url)
    office = await deployOffice(chain)
    voucher = (await office.write()).voucher
    const shared = { finalityDepth: 0, finalizedTag: false }
    const { registry } = office.place
    network = {
      directory: { chainId: 31338, address: contracts.ParticipantDirectory },
      chains: [
        { chainId: 31337, name: 'taxes', registry, rpcUrls: [chain.url], ...shared },
        { chainId: 31338, name: 'directory', registry: null, rpcUrls: [directoryChain.url], ...shared },
      ],
    }
  })
  after(async () => {
    office?.close()
    await chain?.stop()
    await directoryChain?.stop()
  })

  const change = (chainId: number, changed: Partial<PaymentNetwork['chains'][0]>): PaymentNetwork => ({
    ...network,
    chains: network.chains.map((known) => (known.chainId === chainId ? { ...known, ...changed } : known)),
  })
  const verify = async (trusted = network, own: string[] = []) =>
    verifyVoucher(voucher, { network: trusted, ...(await connectNodes(trusted, own)) })
  const administer = async (method: string, ...values: unknown[]) => {
    const { directory, provider } = directoryAs(directoryChain.url, contracts.ParticipantDirectory)
    await (await directory.getFunction(method)(...values)).wait()
    provider.destroy()
  }

  it('takes nothing of an account that the directory does not have, or has in another role', async () => {
    expect((await verify()).verdict).to.equal('unknown-office')
    const { office: account } = office.place
    // The registration is in a later second than the record.
    await directoryChain.request('evm_increaseTime', [30])
    await administer('register', account, roleMask(['provider']), 'a bank', '', '')
    expect((await verify()).verdict).to.equal('unknown-office')
  })

  it('flags a record from before the office was registered', async () => {
    const name = 'Tax Office 北'
    await administer(
      'update',
      office.place.office,
      roleMask(['provider', 'taxOffice']),
      name,
      'https://x.example',
      '',
    )
    const found = await verify()
    expect([found.verdict, found.officeName, found.officeStatus]).to.deep.equal([
      'suspended-author',
      name,
      'none',
    ])
  })

  it('asks each chain its own question', async () => {
    // Of a later second than the registration.
    const now = Number(
      (await directoryChain.request<{ timestamp: string }>('eth_getBlockByNumber', ['latest', false]))
        .timestamp,
    )
    await chain.request('evm_setNextBlockTimestamp', [now + 60])
    voucher = (await office.write({ orderId: 'LATER' })).voucher
    const { verdict, checks } = await verify()
    expect(verdict).to.equal('consistent')
    expect(checks.map(({ name }) => name)).to.deep.equal([
      ...['known-registry', 'known-office', 'registry', 'event', 'block', 'finality', 'office-status'],
    ])
  })

  it('calls a block final when the chain’s own tag says so, and no earlier', async () => {
    expect((await verify(change(31337, { finalizedTag: true }))).verdict).to.equal('unconfirmed')
    await chain.request('anvil_mine', ['0x80'])
    expect((await verify(change(31337, { finalizedTag: true }))).verdict).to.equal('consistent')
  })

  /** A node of the chain that answers some methods otherwise: with what `answer` gives, or as the chain does where that is undefined. */
  const nodeThat = (answer: (method: string, params: readonly unknown[]) => unknown) =>
    createChainNode(async (method, params) => {
      const own = await answer(method, params)
      return own === undefined ? chain.request(method, [...params]) : own
    })
  const verifyWith = (node: ChainNode, trusted = network) =>
    verifyVoucher(voucher, {
      network: trusted,
      nodeOf: (chainId) =>
        chainId === 31337
          ? node
          : createChainNode((method, params) => directoryChain.request(method, [...params])),
    })
  const openOf = ({ checks }: VoucherVerification) =>
    checks.filter(({ outcome }) => outcome === 'not-checked').map(({ name }) => name)

  it('does not call a block final by its depth when the node does not answer about the tag', async () => {
    const tagged = change(31337, { finalizedTag: true })
    const isTag = (method: string, [tag]: readonly unknown[]) =>
      method === 'eth_getBlockByNumber' && tag === 'finalized'
    const silent = nodeThat((...asked) => {
      if (isTag(...asked)) throw new CountersignError('CHAIN_UNREACHABLE', 'no answer')
    })
    await expectRejection(verifyWith(silent, tagged), 'CHAIN_UNREACHABLE')
    const without = nodeThat((...asked) => (isTag(...asked) ? null : undefined))
    const found = await verifyWith(without, tagged)
    expect([found.verdict, openOf(found)]).to.deep.equal(['consistent', ['finalized-tag']])
    // One that says it decides, whatever the other knows.
    const behind = nodeThat((...asked) =>
      isTag(...asked) ? { number: `0x${(voucher.blockNumber - 1).toString(16)}` } : undefined,
    )
    const both = await verifyWith(agreeingNodes([without, behind]), tagged)
    expect([both.verdict, openOf(both)]).to.deep.equal(['unconfirmed', []])
  })

  it('says nothing against a voucher by what nodes do not have, or not yet', async () => {
    const isReceipt = (method: string) => method === 'eth_getTransactionReceipt'
    const pruned = nodeThat((method) => (isReceipt(method) ? null : undefined))
    for (const node of [pruned, agreeingNodes([pruned, pruned])])
      expect((await verifyWith(node)).verdict).to.equal('consistent')
    const withoutLogs = nodeThat((method) =>
      method === 'eth_getLogs' ? [] : isReceipt(method) ? null : undefined,
    )
    await expectRejection(verifyWith(withoutLogs), 'PROOF_UNBUILDABLE')
    const number = `0x${(voucher.blockNumber - 1).toString(16)}`
    const behind = nodeThat((method, [tag]) => {
      if (isReceipt(method)) return null
      if (method !== 'eth_getBlockByNumber' || tag !== 'latest') return undefined
      return chain.request(method, [number, false])
    })
    await expectRejection(verifyWith(behind), 'CHAIN_UNREACHABLE')
    // Whatever such a node has, it is no tax office's.
    const nobody = change(31337, { registry: null })
    for (const node of [withoutLogs, behind])
      expect((await verifyWith(node, nobody)).verdict).to.equal('unknown-office')
  })

  it('tells a node that refuses the tag from one that fails', async () => {
    const answers: [Record<string, unknown>, number | undefined | 'fails'][] = [
      [{ error: { code: -32_602, message: 'invalid block tag' } }, undefined],
      [{ error: { code: -39_001, message: 'unknown block' } }, undefined],
      [{ result: null }, undefined],
      [{ result: { number: '0x7' } }, 7],
      [{ error: { code: -32_005, message: 'too many requests' } }, 'fails'],
      [{}, 'fails'],
    ]
    for (const [body, expected] of answers) {
      const server = createServer((_, response) => void response.end(JSON.stringify(body)))
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as AddressInfo
      const asked = createChainNode(jsonRpcOver(`http://127.0.0.1:${port}`)).finalizedBlock()
      if (expected === 'fails') await expectRejection(asked, 'CHAIN_UNREACHABLE')
      else expect(await asked, JSON.stringify(body)).to.equal(expected)
      server.close()
      server.closeAllConnections()
    }
  })

  it('knows of a later version from whichever node has it', async () => {
    const first = await office.write({ orderId: 'TWO-NODES' })
    const { number } = await office.node.headBlock()
    const correction = { orderId: 'TWO-NODES', version: 2, kind: 'correction' as const }
    await office.write(correction, { previousDigest: first.digest })
    const whole = nodeThat(() => undefined)
    // It stands where the first version was the last.
    const behind = nodeThat((method, params) => {
      const at = `0x${number.toString(16)}`
      if (!params.includes('latest')) return undefined
      return chain.request(
        method,
        params.map((param) => (param === 'latest' ? at : param)),
      )
    })
    const before = voucher
    voucher = first.voucher
    try {
      expect((await verifyWith(behind)).verdict).to.equal('consistent')
      for (const nodes of [
        [whole, behind],
        [behind, whole],
      ])
        expect((await verifyWith(agreeingNodes(nodes))).verdict).to.equal('superseded')
    } finally {
      voucher = before
    }
  })

  it('says so when the newest block that it was shown is old', async () => {
    const old = nodeThat(async (method, params) => {
      if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest') return undefined
      const block = await chain.request<Record<string, unknown>>(method, [...params])
      return { ...block, timestamp: `0x${(Math.floor(Date.now() / 1000) - 601).toString(16)}` }
    })
    expect(openOf(await verifyWith(old))).to.deep.equal(['head-age'])
  })

  it('says of a chain without the registry that it is another', async () => {
    const without = nodeThat((method, [call]) =>
      method === 'eth_call' && (call as { to: string }).to === office.place.registry ? '0x' : undefined,
    )
    await expectRejection(verifyWith(without), 'CHAIN_MISMATCH')
    expect((await verifyWith(without, change(31337, { registry: null }))).verdict).to.equal('unknown-office')
  })

  it('takes nothing for a directory that is none', async () => {
    for (const address of [contracts.QueryResultRegistry, office.place.office]) {
      const found = await verify({ ...network, directory: { ...network.directory, address } })
      expect(found.verdict).to.equal('unknown-office')
    }
  })

  it('gives no verdict without a node of each chain', async () => {
    await expectRejection(verify(change(31338, { rpcUrls: [] })), 'CHAIN_UNKNOWN')
    await expectRejection(verify(change(31337, { rpcUrls: ['http://127.0.0.1:1'] })), 'CHAIN_UNREACHABLE')
    await expectRejection(verify(change(31337, { rpcUrls: [directoryChain.url] })), 'CHAIN_UNREACHABLE')
    await expectRejection(verify(network, ['http://127.0.0.1:1']), 'CHAIN_UNREACHABLE')
  })

  it('does without an endpoint that gives no answer, where nobody chose it', async () => {
    const { verdict } = await verify(change(31337, { rpcUrls: ['http://127.0.0.1:1', chain.url] }))
    expect(verdict).to.equal('consistent')
  })

  it('refuses a node of a chain that it does not ask about', async () => {
    const other = await startAnvil({ chainId: 31339 })
    try {
      await expectRejection(verify(network, [other.url]), 'CHAIN_MISMATCH')
    } finally {
      await other.stop()
    }
  })

  it('asks nothing that tells the order', async () => {
    const orderKey = keccak256Hex(utf8ToBytes(voucher.record.orderId))
    const asked: string[] = []
    const { fetch } = globalThis
    globalThis.fetch = (url, init) => {
      asked.push(`${url} ${init?.body}`)
      return fetch(url, init)
    }
    try {
      await verify()
    } finally {
      globalThis.fetch = fetch
    }
    expect(asked.length).to.be.greaterThan(5)
    expect(asked.join()).not.to.include(voucher.record.orderId)
    expect(asked.join()).not.to.include(orderKey.slice(2))
  })
})

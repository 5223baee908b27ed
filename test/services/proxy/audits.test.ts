import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { id } from 'ethers'
import { type AuditReport, parseAuditReport, verifyAuditReport } from '../../../protocol/audit-report.ts'
import { type Address, randomBytes32, ZERO_BYTES32 } from '../../../protocol/hex.ts'
import { parseReceipt, verifyReceipt } from '../../../protocol/receipt.ts'
import type { Verdict } from '../../../protocol/verdict.ts'
import { ProxyCaller } from '../../support/proxy-caller.ts'
import { type ProxyNetwork, type RunningProxy, startProxyNetwork } from '../../support/proxy-network.ts'
import { type RelayedCall, type RpcRelay, startRpcRelay } from '../../support/rpc-relay.ts'
import type { TestProvider } from '../../support/test-provider.ts'

const SUSPENDED = 2
const ACTIVE = 1
/** Of `digestOf(address,bytes32)`. */
const DIGEST_OF_SELECTOR = id('digestOf(address,bytes32)').slice(0, 10)

describe('proxy audits', () => {
  let network: ProxyNetwork
  let proxy: RunningProxy
  let user: ProxyCaller
  let provider: TestProvider

  before(async () => {
    network = await startProxyNetwork({ providers: 1 })
    proxy = await network.startProxy({ PROXY_AUDIT_DEADLINE_MS: '3000' })
    user = new ProxyCaller(proxy.url, network.authorization('user'))
    provider = network.providers[0]!
  })
  after(() => network?.close())
  afterEach(() => {
    provider.misbehaviour = {}
  })

  async function audit(serial: string): Promise<AuditReport> {
    const reply = await user.send('POST', '/v1/audits', { serial, provider: provider.address })
    expect(reply.status, reply.text).to.equal(200)
    expect(reply.headers.get('content-type')).to.equal('application/vnd.countersign.audit-report+json')
    const report = parseAuditReport(reply.text)
    const verification = await verifyAuditReport(report)
    expect(verification.verdict, JSON.stringify(verification.checks)).to.equal(report.verdict)
    const kept = await user.send('GET', `/v1/audit-reports/${serial}/${provider.address}`)
    expect(kept.text).to.equal(reply.text)
    return report
  }

  async function expectVerdict(serial: string, verdict: Verdict, rule: string): Promise<AuditReport> {
    const report = await audit(serial)
    expect([report.verdict, report.rule]).to.deep.equal([verdict, rule])
    return report
  }

  const readReceipt = (serial: string) => user.send('GET', `/v1/receipts/${serial}/${provider.address}`)

  describe('POST /v1/audits', () => {
    it('finds a record consistent that was given, recorded and is still said', async () => {
      const { serial } = await user.ask()
      const report = await expectVerdict(serial, 'consistent', 'given-chain-and-now-agree')
      expect(report.recorded!.digest).to.equal(provider.kept.get(serial)!.digest)
      expect(report.auditor).to.equal(proxy.auditor.address)
      expect(JSON.stringify(report)).to.not.include('1200.50')
    })

    it('audits answers of which only the digest was disclosed', async () => {
      const { serial } = await user.ask({ disclosure: 'digest' })
      await expectVerdict(serial, 'consistent', 'given-chain-and-now-agree')
    })

    it('finds a stored answer changed', async () => {
      const { serial } = await user.ask()
      provider.misbehaviour = { auditsWith: () => ({ stored: { serial, found: false } }) }
      await expectVerdict(serial, 'changed', 'stored-answer-differs-from-chain')
    })

    it('finds an answer changed that derives differently from what is kept', async () => {
      const { serial } = await user.ask()
      provider.misbehaviour = { auditsWith: () => ({ derived: { serial, found: false } }) }
      await expectVerdict(serial, 'changed', 'derived-answer-differs-from-chain')
    })

    it('finds out who told the user one thing and recorded another', async () => {
      provider.misbehaviour = { recordsOther: true }
      const { serial } = await user.ask()
      await expectVerdict(serial, 'misreported', 'given-differs-from-chain')
    })

    it('finds a record late that came after its promise', async () => {
      provider.misbehaviour = { recordsNothing: true, promisedWithinS: 1 }
      const { serial } = await user.ask()
      await sleep(2_100)
      await provider.recordNow(serial)
      await expectVerdict(serial, 'late', 'recorded-after-the-promise')
    })

    it('calls a record unrecorded once its promise has passed', async () => {
      provider.misbehaviour = { recordsNothing: true, promisedWithinS: 1 }
      const { serial } = await user.ask()
      await sleep(2_100)
      await network.chain.request('evm_mine')
      await expectVerdict(serial, 'unrecorded', 'nothing-on-chain')
    })

    it('calls a record unconfirmed while its promise is open', async () => {
      provider.misbehaviour = { recordsNothing: true }
      const { serial } = await user.ask()
      await expectVerdict(serial, 'unconfirmed', 'promise-still-open')
    })

    it('calls a provider unreachable that gives no usable answer', async () => {
      const { serial } = await user.ask()
      const cases: [TestProvider['misbehaviour'], RegExp][] = [
        [{ delayMs: 5_000 }, /PROVIDER_TIMED_OUT/],
        [{ reply: { status: 500, body: 'oops' } }, /status 500/],
        [
          { reply: { status: 404, body: '{"code":"SERIAL_UNKNOWN"}' } },
          /refused the audit with SERIAL_UNKNOWN/,
        ],
        [{ reply: { status: 200, body: '{}' } }, /missing or malformed/],
        [{ auditsWith: () => ({ nonce: randomBytes32() }) }, /nonce/],
        [
          { auditsWith: () => ({ stored: { serial, found: false } }), signsOldDigests: true },
          /stored result it shows gives/,
        ],
        [
          {
            auditsWith: () => ({ stored: { serial, ['\u{1f600}'.repeat(200)]: 2 ** 60 } }),
            signsOldDigests: true,
          },
          /the stored result it shows has no canonical form$/,
        ],
      ]
      for (const [misbehaviour, reason] of cases) {
        provider.misbehaviour = misbehaviour
        const { now } = await expectVerdict(serial, 'unreachable', 'no-answer-to-the-audit')
        expect((now as { reason: string }).reason).to.match(reason)
      }
    })

    it('tells erasure from change', async () => {
      const { serial } = await user.ask()
      provider.misbehaviour = { auditsWith: () => ({ erased: true }) }
      await expectVerdict(serial, 'erased', 'author-erased-it')
    })

    it('flags a record made while its author was suspended', async () => {
      provider.misbehaviour = { recordsNothing: true }
      const { serial } = await user.ask()
      await setStatus(SUSPENDED)
      await provider.recordNow(serial)
      await expectVerdict(serial, 'suspended-author', 'author-not-active-when-recording')
      // The directory knows the status at the end of each second.
      await sleep(1_100)
      await setStatus(ACTIVE)
      await proxy.directory.refresh()
      await expectVerdict(serial, 'suspended-author', 'author-not-active-when-recording')
    })

    it('finds the record by its event when the provider names a wrong block, or none', async () => {
      const { serial } = await user.ask()
      for (const wrongLocation of [0, 1, Number.MAX_SAFE_INTEGER]) {
        provider.misbehaviour = { wrongLocation }
        await expectVerdict(serial, 'consistent', 'given-chain-and-now-agree')
      }
    })

    it('audits a provider that gave no valid answer by what it records', async () => {
      provider.misbehaviour = { afterSigning: () => ({ answeredAt: 1 }) }
      const { serial } = await user.ask()
      provider.misbehaviour = {}
      const report = await expectVerdict(serial, 'consistent', 'given-chain-and-now-agree')
      expect(report.given).to.equal(null)
    })

    it('reads everything anew at each audit', async () => {
      const { serial } = await user.ask()
      const first = await audit(serial)
      const second = await audit(serial)
      expect((first.now as { nonce: string }).nonce).to.not.equal((second.now as { nonce: string }).nonce)
    })

    it('refuses serials and providers it has nothing of', async () => {
      const { serial } = await user.ask()
      const post = (code: string, body: unknown) => user.expectProblem(code, 'POST', '/v1/audits', body)
      const stranger = '0x5FbDB2315678afecb367f032d93F642f64180aa3'
      await post('SERIAL_UNKNOWN', { serial: '01ARZ3NDEKTSV4RRFFQ69G5FAV', provider: provider.address })
      await post('PROVIDER_UNKNOWN', { serial, provider: stranger })
      await post('REQUEST_INVALID', { serial: 'x', provider: stranger })
      await user.expectProblem('AUDIT_REPORT_UNKNOWN', 'GET', `/v1/audit-reports/${serial}/${stranger}`)
    })
  })

  describe('GET /v1/receipts/{serial}/{provider}', () => {
    it('gives the promise first and the proof once the digest is on chain', async () => {
      provider.misbehaviour = { recordsNothing: true }
      const { serial } = await user.ask()
      const promise = await readReceipt(serial)
      expect(promise.headers.get('countersign-record')).to.equal('promised')
      expect(promise.headers.get('content-type')).to.equal('application/vnd.countersign.receipt+json')
      expect((await verifyReceipt(parseReceipt(promise.text))).verdict).to.equal('unconfirmed')
      await provider.recordNow(serial)
      const proven = await readReceipt(serial)
      expect(proven.headers.get('countersign-record')).to.equal('recorded')
      const receipt = parseReceipt(proven.text)
      expect((await verifyReceipt(receipt)).verdict).to.equal('consistent')
      expect(receipt.head!.blockNumber).to.be.at.least(receipt.proof!.blockNumber)
    })

    it('proves the other digest when the chain contradicts the receipt', async () => {
      provider.misbehaviour = { recordsOther: true }
      const { serial } = await user.ask()
      const reply = await readReceipt(serial)
      expect(reply.headers.get('countersign-record')).to.equal('contradicted')
      expect((await verifyReceipt(parseReceipt(reply.text))).verdict).to.equal('misreported')
    })

    it('has none for an answer that was not accepted', async () => {
      provider.misbehaviour = { reply: { status: 200, body: '{}' } }
      const { serial } = await user.ask()
      await user.expectProblem('RECEIPT_UNKNOWN', 'GET', `/v1/receipts/${serial}/${provider.address}`)
    })
  })

  describe('a chain that is down', () => {
    it('leaves queries going, and refuses audits until it is back', async () => {
      provider.misbehaviour = { recordsNothing: true }
      await network.chain.kill()
      const { serial, answers } = await user.ask()
      expect(answers[0]!.outcome).to.equal('answered')
      const { body } = await user.expectProblem('CHAIN_UNREACHABLE', 'POST', '/v1/audits', {
        serial,
        provider: provider.address,
      })
      expect(body.retryable).to.equal(true)
      const reply = await readReceipt(serial)
      expect(reply.headers.get('countersign-record')).to.equal('unknown')
      expect((await verifyReceipt(parseReceipt(reply.text))).verdict).to.equal('unconfirmed')
      expect(proxy.directory.state().participantCount).to.equal(2)
    })
  })

  async function setStatus(status: number): Promise<void> {
    await (await network.directory.getFunction('setStatus')(provider.address, status)).wait()
  }
})

describe('proxy audits on a chain with delayed finality', () => {
  let network: ProxyNetwork
  before(async () => {
    network = await startProxyNetwork({ providers: 1, finalityDepth: 3 })
  })
  after(() => network?.close())

  it('calls a record unconfirmed until its block is final', async () => {
    const proxy = await network.startProxy()
    const user = new ProxyCaller(proxy.url, network.authorization('user'))
    const { serial } = await user.ask()
    const provider: Address = network.providers[0]!.address
    const audit = async () =>
      parseAuditReport((await user.send('POST', '/v1/audits', { serial, provider })).text)
    expect(await audit()).to.include({ verdict: 'unconfirmed', rule: 'record-not-final' })
    await network.chain.request('anvil_mine', ['0x3'])
    expect((await audit()).verdict).to.equal('consistent')
  })
})

describe('proxy audits through a node that lies', () => {
  let network: ProxyNetwork
  let relay: RpcRelay
  let user: ProxyCaller
  let provider: TestProvider
  before(async () => {
    network = await startProxyNetwork({ providers: 1 })
    relay = await startRpcRelay(network.chain.url)
    const addressBook = join(network.folder, 'relayed.json')
    const direct = readFileSync(network.environment.COUNTERSIGN_ADDRESS_BOOK!, 'utf8')
    writeFileSync(addressBook, direct.replace(network.chain.url, relay.url))
    const proxy = await network.startProxy({ COUNTERSIGN_ADDRESS_BOOK: addressBook })
    user = new ProxyCaller(proxy.url, network.authorization('user'))
    provider = network.providers[0]!
  })
  after(async () => {
    await network?.close()
    await relay?.stop()
  })
  afterEach(() => {
    provider.misbehaviour = {}
    relay.faults.alter = undefined
  })

  const audit = (code: string, serial: string) =>
    user.expectProblem(code, 'POST', '/v1/audits', { serial, provider: provider.address })
  const isDigestOf = ({ method, params }: RelayedCall): boolean =>
    method === 'eth_call' && JSON.stringify(params).includes(DIGEST_OF_SELECTOR)

  it('takes no other digest for the one recorded', async () => {
    const { serial } = await user.ask()
    relay.faults.alter = (call, result) => (isDigestOf(call) ? randomBytes32() : result)
    await audit('RECORD_NOT_LOCATED', serial)
  })

  it('does not say that nothing was recorded when the block that the provider names has it', async () => {
    const { serial } = await user.ask()
    relay.faults.alter = (call, result) => (isDigestOf(call) ? ZERO_BYTES32 : result)
    await audit('RECORD_NOT_LOCATED', serial)
  })

  describe('when its head is behind the block that the provider names', () => {
    const STRICT = { beforeSigning: () => ({ recordBy: 0 }) }
    /** Answers as a node that does not know blocks past `head`. */
    const standAt = (head: number, readings = Number.POSITIVE_INFINITY) => {
      let asked = 0
      relay.faults.alter = ({ method, params }, result) => {
        if (method !== 'eth_getBlockByNumber' || params[0] !== 'latest' || ++asked > readings) return result
        return behind
      }
      let behind: unknown
      return network.chain
        .request('eth_getBlockByNumber', [`0x${head.toString(16)}`, false])
        .then((block) => {
          behind = block
        })
    }
    const head = async () => Number(await network.chain.request('eth_blockNumber'))
    const verdictOf = async (serial: string) => {
      const reply = await user.send('POST', '/v1/audits', { serial, provider: provider.address })
      expect(reply.status, reply.text).to.equal(200)
      return parseAuditReport(reply.text)
    }

    it('does not say that nothing was recorded', async () => {
      provider.misbehaviour = STRICT
      const { serial } = await user.ask()
      await standAt((await head()) - 1)
      const { body } = await audit('CHAIN_UNREACHABLE', serial)
      expect(body.retryable).to.equal(true)
      relay.faults.alter = undefined
      expect((await verdictOf(serial)).verdict).to.equal('consistent')
    })

    it('does not say so either of an answer that never arrived', async () => {
      provider.misbehaviour = { afterSigning: () => ({ answeredAt: 1 }) }
      const { serial } = await user.ask()
      await standAt((await head()) - 1)
      await audit('CHAIN_UNREACHABLE', serial)
    })

    it('waits a moment for the node to get there', async () => {
      provider.misbehaviour = STRICT
      const { serial } = await user.ask()
      await standAt((await head()) - 1, 2)
      const report = await verdictOf(serial)
      expect(report.verdict).to.equal('consistent')
      expect(report.searchedTo.blockNumber).to.equal(await head())
    })

    it('cannot be put off by a block far ahead, nor once the time to record is long past', async () => {
      provider.misbehaviour = { ...STRICT, recordsNothing: true }
      const { serial } = await user.ask()
      provider.misbehaviour.wrongLocation = (await head()) + 257
      expect((await verdictOf(serial)).verdict).to.equal('unrecorded')
      provider.misbehaviour.wrongLocation = (await head()) + 256
      await audit('CHAIN_UNREACHABLE', serial)
      const realNow = Date.now
      // A head of that time, or it would be too old to deny anything.
      await network.chain.request('evm_increaseTime', [700])
      await network.chain.request('evm_mine')
      try {
        Date.now = () => realNow() + 700_000
        expect((await verdictOf(serial)).verdict).to.equal('unrecorded')
      } finally {
        Date.now = realNow
      }
    })

    it('denies nothing by a head that is old', async () => {
      provider.misbehaviour = { ...STRICT, recordsNothing: true }
      const { serial } = await user.ask()
      const realNow = Date.now
      try {
        Date.now = () => realNow() + 3_600_000
        await audit('CHAIN_UNREACHABLE', serial)
      } finally {
        Date.now = realNow
      }
      expect((await verdictOf(serial)).verdict).to.equal('unrecorded')
    })
  })

  it('takes no time for the newest block but that of its header', async () => {
    provider.misbehaviour = { recordsNothing: true }
    const { serial } = await user.ask()
    relay.faults.alter = ({ method }, result) =>
      method === 'eth_getBlockByNumber' ? { ...(result as object), timestamp: '0xffffffff' } : result
    await audit('PROOF_UNBUILDABLE', serial)
  })

  it('takes no receipts but those of the block', async () => {
    const { serial } = await user.ask()
    relay.faults.alter = ({ method }, result) =>
      method === 'eth_getBlockReceipts'
        ? JSON.parse(JSON.stringify(result).replaceAll(provider.kept.get(serial)!.digest, randomBytes32()))
        : result
    await audit('PROOF_UNBUILDABLE', serial)
  })
})

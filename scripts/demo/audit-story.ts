import { spawnSync } from 'node:child_process'
import { parseAuditReport } from '../../protocol/audit-report.ts'
import { type Bytes32, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import type { QueryReply } from '../cli/proxy-client.ts'
import type { LocalNetwork, RunningProvider } from '../network/local-network.ts'
import { ChainAccess } from './chain-access.ts'
import { withProviderDatabase } from './provider-database.ts'
import type { Story } from './story.ts'
import { unregisteredRequest } from './unregistered-request.ts'
import { verifyFile, withOneByteChanged } from './verify-file.ts'

/** For the story of lateness a provider promises its records within this many seconds, so that it need not be waited for long. */
const SHORT_PROMISE_S = 2
/** Number of that provider among the motor insurers. */
const LATE_INSURER = 0
const CRASHING_INSURER = 1
const MAX_PAUSES = 20
/** Chains count whole seconds: what is to lie apart in time has to lie further apart than that. */
const CHAIN_TICK_MS = 1_100

/** As the provider's operator does it: another process, beside the running server. */
function eraseAnswer({ databaseFile }: RunningProvider, serial: string): void {
  const script = new URL('../../services/provider/erase-answer.ts', import.meta.url).pathname
  const { status, stderr } = spawnSync(process.execPath, [script, serial], {
    env: { ...process.env, PROVIDER_DATABASE: databaseFile },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Plays query, audit, and every way in which a provider can be caught, on real processes. Faults are made from outside: signals, SQL, and the provider's own key. */
export async function playAuditStory(network: LocalNetwork, story: Story): Promise<void> {
  const scene = new Scene(network)
  try {
    await playHonesty(scene, story)
    await playTampering(scene, story)
    await playMisreporting(scene, story)
    await playFailures(scene, story)
  } finally {
    scene.chain.close()
  }
}

class Scene {
  readonly network: LocalNetwork
  readonly chain: ChainAccess
  readonly lender: RunningProvider
  readonly insurers: RunningProvider[]

  constructor(network: LocalNetwork) {
    this.network = network
    this.chain = new ChainAccess(network)
    this.lender = this.#providers('loan')[0]!
    this.insurers = this.#providers('motor-insurance')
  }

  #providers(type: string): RunningProvider[] {
    return this.network.providers.filter(({ declaration }) => declaration.queryTypes.includes(type))
  }

  /** Asks about a subject of this provider's book, of all providers of its type. */
  query(provider: RunningProvider, subject = this.subjectOf(provider)): Promise<QueryReply> {
    return this.network.proxy.client.query({ type: provider.declaration.queryTypes[0]!, subject })
  }

  subjectOf(provider: RunningProvider): string {
    return withProviderDatabase(provider, (database) => database.someSubjects(1)[0]!)
  }

  async verdictOf({ address }: RunningProvider, serial: string): Promise<string> {
    return parseAuditReport(await this.network.proxy.client.audit(serial, address)).verdict
  }

  /** Asks, then waits until the provider has recorded its answer. */
  async recordedSerial(provider: RunningProvider): Promise<string> {
    const { serial } = await this.query(provider)
    await this.chain.waitUntilRecorded(provider, serial)
    return serial
  }

  /** Asks, and stops the provider in its tracks as soon as it has answered, before it records. */
  async answeredAndPaused(provider: RunningProvider): Promise<QueryReply> {
    for (let attempt = 0; attempt < MAX_PAUSES; attempt++) {
      const reply = await this.query(provider)
      provider.process.signal('SIGSTOP')
      if (withProviderDatabase(provider, (database) => database.isUnsent(reply.serial))) return reply
      // The other providers' answers were so long in coming: asked again.
      provider.process.signal('SIGCONT')
    }
    throw new Error(`${provider.declaration.name} records before it can be paused`)
  }

  /** Waits until the proxy has read in the directory that the provider is active, and asks it. */
  async untilAskedAgain(provider: RunningProvider): Promise<void> {
    for (const deadline = Date.now() + 15_000; Date.now() < deadline; await pause(200)) {
      const { answers } = await this.query(provider)
      if (answers.some((answer) => answer.provider === provider.address)) return
    }
    throw new Error('the proxy did not take notice of the provider again')
  }

  /** Lets a paused provider go on, and waits for its record. */
  async resume(provider: RunningProvider, serial: string): Promise<void> {
    provider.process.signal('SIGCONT')
    await this.chain.waitUntilRecorded(provider, serial)
  }
}

async function playHonesty(scene: Scene, story: Story): Promise<void> {
  const { lender, network, chain } = scene
  let serial = ''
  await story.step('a user asks about a loan: every lender answers', ['answered'], async () => {
    const reply = await scene.query(lender)
    serial = reply.serial
    return [...new Set(reply.answers.map(({ outcome }) => outcome))]
  })
  await story.step('audit: the lender still says what it said', 'consistent', async () => {
    await chain.waitUntilRecorded(lender, serial)
    return scene.verdictOf(lender, serial)
  })
  await story.step(
    'the receipt verifies without a network',
    'consistent',
    async () => verifyFile(await network.proxy.client.receipt(serial, lender.address)).verdict,
  )
  await story.step(
    'the receipt verifies against the chain',
    'consistent',
    async () =>
      verifyFile(
        await network.proxy.client.receipt(serial, lender.address),
        '--rpc',
        network.chains.lenders.url,
      ).verdict,
  )
  await story.step(
    'the receipt with one byte changed is refused',
    2,
    async () =>
      verifyFile(withOneByteChanged(await network.proxy.client.receipt(serial, lender.address))).exitCode,
  )
  await story.step(
    'the audit report with one byte changed is refused',
    2,
    async () =>
      verifyFile(withOneByteChanged(await network.proxy.client.audit(serial, lender.address))).exitCode,
  )
  await story.step(
    'one question to all motor insurers: an answer from each',
    scene.insurers.length,
    async () => {
      const { answers } = await scene.query(scene.insurers[0]!)
      return answers.filter(({ outcome }) => outcome === 'answered').length
    },
  )
  await story.step('a subject nobody knows is an answer too, and recorded', 'consistent', async () => {
    const { serial } = await scene.query(lender, 'NOBODY-HAS-THIS')
    await chain.waitUntilRecorded(lender, serial)
    return scene.verdictOf(lender, serial)
  })
  await story.step('a proxy that is not registered gets no answer', 403, () =>
    unregisteredRequest(lender.url, lender.address),
  )
}

async function playTampering(scene: Scene, story: Story): Promise<void> {
  const { lender } = scene
  await story.step('tampering: the stored answer is altered', 'changed', async () => {
    const serial = await scene.recordedSerial(lender)
    withProviderDatabase(lender, (database) => database.alterAnswer(serial))
    return scene.verdictOf(lender, serial)
  })
  await story.step('tampering: the kept source row is altered', 'changed', async () => {
    const serial = await scene.recordedSerial(lender)
    withProviderDatabase(lender, (database) => database.alterSourceRows(serial))
    return scene.verdictOf(lender, serial)
  })
  await story.step('the book has moved on since: no contradiction', 'consistent', async () => {
    const serial = await scene.recordedSerial(lender)
    withProviderDatabase(lender, (database) => database.moveBookOn())
    const verdict = await scene.verdictOf(lender, serial)
    withProviderDatabase(lender, (database) => database.moveBookBack())
    return verdict
  })
}

async function playMisreporting(scene: Scene, story: Story): Promise<void> {
  const insurer = scene.insurers[LATE_INSURER]!
  await story.step(
    'misreporting: the user was told one thing, another was recorded',
    'misreported',
    async () => {
      const { serial } = await scene.answeredAndPaused(insurer)
      const digest: Bytes32 = keccak256Hex(utf8ToBytes('something else'))
      await scene.chain.recordAs(insurer, serial, digest)
      await scene.resume(insurer, serial)
      return scene.verdictOf(insurer, serial)
    },
  )
  await story.step('lateness: recorded after the promised time', 'late', async () => {
    await insurer.process.stop()
    await insurer.process.start({ PROVIDER_RECORD_WITHIN_S: String(SHORT_PROMISE_S) })
    const { serial } = await scene.answeredAndPaused(insurer)
    await pause((SHORT_PROMISE_S + 2) * 1000)
    await scene.resume(insurer, serial)
    const verdict = await scene.verdictOf(insurer, serial)
    await insurer.process.stop()
    await insurer.process.start()
    return verdict
  })
}

async function playFailures(scene: Scene, story: Story): Promise<void> {
  const insurer = scene.insurers[CRASHING_INSURER]!
  await story.step('kill -9 right after an answer: the record follows', 'consistent', async () => {
    const { serial } = await scene.query(insurer)
    await insurer.process.kill()
    await insurer.process.start()
    await scene.chain.waitUntilRecorded(insurer, serial)
    return scene.verdictOf(insurer, serial)
  })
  await story.step('a provider that is gone', 'unreachable', async () => {
    const serial = await scene.recordedSerial(insurer)
    await insurer.process.stop()
    const verdict = await scene.verdictOf(insurer, serial)
    await insurer.process.start()
    return verdict
  })
  await story.step(
    'erasure by request: the digest stays, and can no longer be linked',
    'erased',
    async () => {
      const serial = await scene.recordedSerial(insurer)
      eraseAnswer(insurer, serial)
      return scene.verdictOf(insurer, serial)
    },
  )
  await story.step('a record made while its author was suspended', 'suspended-author', async () => {
    const { serial } = await scene.answeredAndPaused(insurer)
    await scene.chain.setStatus(insurer, 'suspended')
    await pause(CHAIN_TICK_MS)
    await scene.resume(insurer, serial)
    await pause(CHAIN_TICK_MS)
    await scene.chain.setStatus(insurer, 'active')
    await scene.untilAskedAgain(insurer)
    return scene.verdictOf(insurer, serial)
  })
}

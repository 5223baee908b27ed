import { randomInt } from 'node:crypto'
import type { LocalNetwork, RunningProvider } from '../network/local-network.ts'
import { withProviderDatabase } from './provider-database.ts'
import type { Story } from './story.ts'

const QUERIES_AT_ONCE = 16
const POLL_MS = 200
const WAIT_MS = 300_000

/**
 * Asks `queryCount` questions about random subjects of the books, alters a random tenth of what each provider keeps, audits all of
 * each provider's answers, and holds what the campaigns found against what was altered.
 */
export async function playCampaignStory(
  network: LocalNetwork,
  story: Story,
  queryCount: number,
  onProgress: (done: number, total: number, what: string) => void,
): Promise<void> {
  // Earlier stories altered what they asked for: the campaigns cover the answers from here on.
  const from = new Date().toISOString()
  const before = new Map(network.providers.map((provider) => [provider, new Set(serialsOf(provider))]))
  await story.step(`${queryCount} questions about random subjects are answered`, queryCount, () =>
    askMany(network, queryCount, onProgress),
  )
  await Promise.all(network.providers.map(untilRecorded))
  for (const provider of network.providers) {
    const asked = serialsOf(provider).filter((serial) => !before.get(provider)!.has(serial))
    const altered = alterTenth(provider, asked)
    await story.step(
      `${provider.declaration.name}: the campaign finds the ${altered.length} altered answers, and no other`,
      altered,
      () => auditAll(network, provider, { from, sampleSize: asked.length }, onProgress),
    )
  }
}

async function askMany(
  network: LocalNetwork,
  count: number,
  onProgress: (done: number, total: number, what: string) => void,
): Promise<number> {
  const questions = shuffle(
    network.providers.flatMap((provider, i) => {
      const share = Math.ceil(count / network.providers.length)
      const wanted = i === 0 ? count - share * (network.providers.length - 1) : share
      return withProviderDatabase(provider, (database) => database.someSubjects(Math.max(wanted, 1))).map(
        (subject) => ({
          subject,
          type: provider.declaration.queryTypes[0]!,
        }),
      )
    }),
  )
  let next = 0
  let answered = 0
  const ask = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const { answers } = await network.proxy.client.query(questions[n % questions.length]!)
      if (answers.every(({ outcome }) => outcome === 'answered')) answered++
      onProgress(answered, count, 'queries')
    }
  }
  await Promise.all(Array.from({ length: QUERIES_AT_ONCE }, ask))
  return answered
}

async function untilRecorded(provider: RunningProvider): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (withProviderDatabase(provider, (database) => database.pendingCount()) > 0) {
    if (Date.now() > deadline)
      throw new Error(`${provider.declaration.name} did not record everything in time`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Alters a random tenth of the stored answers; returns their serials, in order. */
function alterTenth(provider: RunningProvider, serials: string[]): string[] {
  return withProviderDatabase(provider, (database) => {
    const altered = shuffle(serials).slice(0, Math.max(1, Math.floor(serials.length / 10)))
    for (const serial of altered) database.alterAnswer(serial)
    return altered.sort()
  })
}

async function auditAll(
  network: LocalNetwork,
  provider: RunningProvider,
  sample: { from: string; sampleSize: number },
  onProgress: (done: number, total: number, what: string) => void,
): Promise<string[]> {
  const { client } = network.proxy
  const { id } = await client.startCampaign({ provider: provider.address, ...sample })
  const deadline = Date.now() + WAIT_MS
  for (;;) {
    const campaign = (await client.campaign(id)) as unknown as CampaignState
    onProgress(campaign.audited, campaign.sampled, `audits of ${provider.declaration.name}`)
    if (campaign.state === 'finished')
      return campaign.exceptions
        .filter(({ verdict }) => verdict === 'changed')
        .map(({ serial }) => serial)
        .sort()
    if (Date.now() > deadline) throw new Error('the campaign did not finish in time')
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

interface CampaignState {
  state: string
  audited: number
  sampled: number
  exceptions: { serial: string; verdict: string }[]
}

const serialsOf = (provider: RunningProvider): string[] =>
  withProviderDatabase(provider, (database) => database.serials())

function shuffle<T>(items: T[]): T[] {
  const shuffled = [...items]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
  }
  return shuffled
}

import type { DatabaseSync } from 'node:sqlite'
import type { Address, Bytes32 } from '../../../protocol/hex.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { Verdict } from '../../../protocol/verdict.ts'

export interface StoredCampaign {
  id: string
  apiKey: string
  provider: Address
  /** Unix milliseconds: serials made from `from` until before `to`. */
  from: number
  to: number
  /** Between 0 and 1. */
  confidence: number
  sampleSize: number
  populationSize: number
  chainId: number
  /** The block whose hash is in the seed. */
  blockNumber: number
  blockHash: Bytes32
  seed: Bytes32
  /** Unix milliseconds. */
  createdAt: number
  finishedAt: number | null
}

export interface CampaignItem {
  position: number
  serial: Serial
  /** Null until audited. */
  verdict: Verdict | null
}

/** Audit campaigns and how far they are. */
export class CampaignStore {
  readonly #insert
  readonly #insertItem
  readonly #find
  readonly #population
  readonly #unfinished
  readonly #items
  readonly #finishItem
  readonly #finish

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      'INSERT INTO campaigns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)',
    )
    this.#insertItem = database.prepare('INSERT INTO campaign_items VALUES (?, ?, ?, NULL, NULL)')
    this.#find = database.prepare(
      `SELECT id, api_key, provider, period_from, period_to, confidence, sample_size, population_size, chain_id, block_number,
       block_hash, seed, created_at, finished_at FROM campaigns WHERE id = ?`,
    )
    this.#population = database.prepare('SELECT population FROM campaigns WHERE id = ?')
    this.#unfinished = database.prepare('SELECT id FROM campaigns WHERE finished_at IS NULL ORDER BY id')
    this.#items = database.prepare(
      'SELECT position, serial, verdict FROM campaign_items WHERE campaign = ? ORDER BY position',
    )
    this.#finishItem = database.prepare(
      'UPDATE campaign_items SET verdict = ?, audit = ? WHERE campaign = ? AND position = ?',
    )
    this.#finish = database.prepare('UPDATE campaigns SET finished_at = ? WHERE id = ?')
  }

  insert(
    campaign: Omit<StoredCampaign, 'finishedAt'>,
    population: readonly Serial[],
    sample: readonly Serial[],
  ): void {
    this.#insert.run(
      campaign.id,
      campaign.apiKey,
      campaign.provider,
      campaign.from,
      campaign.to,
      campaign.confidence,
      campaign.sampleSize,
      population.join('\n'),
      campaign.populationSize,
      campaign.chainId,
      campaign.blockNumber,
      campaign.blockHash,
      campaign.seed,
      campaign.createdAt,
    )
    for (const [position, serial] of sample.entries()) this.#insertItem.run(campaign.id, position, serial)
  }

  find(id: string): StoredCampaign | undefined {
    const row = this.#find.get(id)
    return row && toCampaign(row)
  }

  /** The serials that the sample was drawn from, one a line. */
  findPopulation(id: string): string | undefined {
    return this.#population.get(id)?.population as string | undefined
  }

  unfinished(): string[] {
    return this.#unfinished.all().map(({ id }) => id as string)
  }

  /** In the order in which they were drawn. */
  items(id: string): CampaignItem[] {
    return this.#items.all(id) as unknown as CampaignItem[]
  }

  finishItem(id: string, position: number, verdict: Verdict, audit: number): void {
    this.#finishItem.run(verdict, audit, id, position)
  }

  finish(id: string, now: number): void {
    this.#finish.run(now, id)
  }
}

const toCampaign = (row: Record<string, unknown>): StoredCampaign => ({
  id: row.id as string,
  apiKey: row.api_key as string,
  provider: row.provider as Address,
  from: row.period_from as number,
  to: row.period_to as number,
  confidence: row.confidence as number,
  sampleSize: row.sample_size as number,
  populationSize: row.population_size as number,
  chainId: row.chain_id as number,
  blockNumber: row.block_number as number,
  blockHash: row.block_hash as Bytes32,
  seed: row.seed as Bytes32,
  createdAt: row.created_at as number,
  finishedAt: row.finished_at as number | null,
})

import type { DatabaseSync } from 'node:sqlite'
import { isLocalChain } from '../party/development-keys.ts'
import { RecordReceipts } from './chain/record-receipts.ts'
import { EvidenceEraser } from './erasure/evidence-eraser.ts'
import { Findings } from './notices/findings.ts'
import { NoticeStore } from './notices/notice-store.ts'
import { WebhookDelivery } from './notices/webhook-delivery.ts'
import { WebhookSender } from './notices/webhook-sender.ts'
import { WebhookStore } from './notices/webhook-store.ts'
import { parseTargetPolicy, type TargetPolicy } from './notices/webhook-targets.ts'
import { RecheckStore } from './recheck/recheck-store.ts'
import { Rechecker, type RecheckSettings } from './recheck/rechecker.ts'
import type { EvidenceParts } from './routes/evidence-parts.ts'
import type { AnchorStore } from './store/anchor-store.ts'
import { CredentialChain } from './verification/credential-chain.ts'
import { EvidenceVerifier } from './verification/evidence-verifier.ts'
import { IssuerEvents } from './verification/issuer-events.ts'
import { ReadLimiter, type ReadLimits } from './verification/read-limiter.ts'
import { SlotReader } from './verification/slot-reader.ts'

/** What sees to what is kept: it is verified, rechecked, reported on and erased. */
export interface Upkeep {
  verifier: EvidenceVerifier
  limiter: ReadLimiter
  rechecker: Rechecker
  rounds: RecheckStore
  notices: NoticeStore
  webhooks: WebhookStore
  targets: TargetPolicy
  delivery: WebhookDelivery
  eraser: EvidenceEraser
  /** Begins to finish erasures, to recheck and to deliver. */
  start(): void
  stop(): Promise<void>
}

export interface UpkeepOptions
  extends Pick<
      EvidenceParts,
      | 'logger'
      | 'key'
      | 'registry'
      | 'tier'
      | 'finalityDepth'
      | 'startBlock'
      | 'rpc'
      | 'commits'
      | 'evidence'
      | 'contents'
      | 'contentLocks'
      | 'secrets'
      | 'writer'
    >,
    RecheckSettings {
  db: DatabaseSync
  /** Seconds that the newest block may be before or after this machine's clock; on a local chain any. */
  maxBlockAge: number
  anchors: AnchorStore
  /** Default: those of this server's own. */
  receipts?: RecordReceipts
  /** See `parseTargetPolicy`. */
  webhookHosts: string
  /** Milliseconds; default as the Standard Webhooks specification advises. */
  retryPausesMs?: readonly number[]
  limits?: ReadLimits
}

/** Puts together what sees to what is kept. The tables have to be there. */
export function composeUpkeep(options: UpkeepOptions): Upkeep {
  const { db, logger, key, registry, rpc, commits, evidence, contents } = options
  const notices = new NoticeStore(db)
  const webhooks = new WebhookStore(db)
  const rounds = new RecheckStore(db)
  const targets = parseTargetPolicy(options.webhookHosts)
  const delivery = new WebhookDelivery({
    commits,
    webhooks,
    sender: new WebhookSender(targets),
    logger,
    ...(options.retryPausesMs && { retryPausesMs: options.retryPausesMs }),
  })
  const findings = new Findings({
    commits,
    evidence,
    notices,
    webhooks,
    logger,
    onNotice: () => delivery.wake(),
  })
  const verifier = new EvidenceVerifier({ ...options, findings, chain: chainOf(options) })
  const rechecker = new Rechecker({ ...options, rounds, verifier, findings })
  const eraser = new EvidenceEraser({
    db,
    commits,
    evidence,
    contents,
    contentLocks: options.contentLocks,
    logger,
  })
  return {
    verifier,
    limiter: new ReadLimiter(options.limits),
    rechecker,
    rounds,
    notices,
    webhooks,
    targets,
    delivery,
    eraser,
    start() {
      eraser.start()
      rechecker.start()
      delivery.start()
    },
    async stop() {
      await Promise.all([eraser.stop(), rechecker.stop(), delivery.stop()])
    },
  }

  function chainOf({ tier, anchors, startBlock, finalityDepth, writer }: UpkeepOptions): CredentialChain {
    const issuer = key.address
    // A local chain makes blocks when there is something to put in them, at times of its own.
    const maxBlockAge = isLocalChain(registry.chainId) ? Number.POSITIVE_INFINITY : options.maxBlockAge
    return new CredentialChain({
      registry,
      issuer,
      startBlock,
      writer,
      slots: new SlotReader(rpc, registry, issuer, { finalityDepth, maxBlockAge }, logger),
      events: new IssuerEvents(rpc, registry, issuer),
      receipts:
        options.receipts ?? new RecordReceipts({ rpc, registry: registry.registry, issuer, tier, anchors }),
    })
  }
}

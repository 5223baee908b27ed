/** Who is told of new rows over HTTP. `filter` and `cursor` are JSON that the store only keeps. */
export interface WebhookRow {
  id: string
  url: string
  secret: string
  deliver: 'instant' | 'final' | 'both'
  filter: unknown
  /** How far events were made deliveries of. */
  cursor: unknown
  /** Unix milliseconds. */
  createdAt: number
  /** Unix milliseconds; null while it is told. */
  disabledAt: number | null
}

export interface NewDelivery {
  eventId: string
  body: string
}

export type DeliveryState = 'pending' | 'dead'

export interface DeliveryRow extends NewDelivery {
  webhookId: string
  state: DeliveryState
  attempts: number
  /** Unix milliseconds. */
  nextAttemptAt: number
  lastError: string | null
  /** Unix milliseconds. */
  createdAt: number
}

/** Of one attempt. `retryAt`: unix milliseconds. */
export type DeliveryOutcome = 'delivered' | { retryAt: number; error: string } | { dead: string }

export interface Settlement {
  webhookId: string
  eventId: string
  outcome: DeliveryOutcome
}

export interface WebhookStore {
  createWebhook(webhook: WebhookRow): Promise<void>
  findWebhook(id: string): Promise<WebhookRow | undefined>
  /** In order of creation. */
  listWebhooks(): Promise<WebhookRow[]>
  /** With its deliveries. @returns false when there is none */
  deleteWebhook(id: string): Promise<boolean>
  /** @returns false when there is none */
  setWebhookDisabled(id: string, disabledAt: number | null): Promise<boolean>
  /**
   * Moves the cursor and keeps what is to be delivered, in one transaction; an event that is kept already stays as it is.
   * @returns false when the webhook was deleted
   */
  enqueueDeliveries(webhookId: string, cursor: unknown, deliveries: readonly NewDelivery[]): Promise<boolean>
  /** Pending ones of webhooks that are not disabled, earliest first, in the order in which they were enqueued. */
  dueDeliveries(now: number, limit: number): Promise<DeliveryRow[]>
  /** A delivered one is forgotten; so is the outcome of one that there is no more. In one transaction. */
  settleDeliveries(settlements: readonly Settlement[]): Promise<void>
  /** Newest first. */
  listDeliveries(webhookId: string, state: DeliveryState, limit: number): Promise<DeliveryRow[]>
  /** A dead one is tried anew, at once. @returns false when there is no such dead one */
  requeueDelivery(webhookId: string, eventId: string): Promise<boolean>
}

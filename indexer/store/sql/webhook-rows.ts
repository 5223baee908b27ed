import type { Value } from '../tables.ts'
import type { DeliveryRow, DeliveryState, WebhookRow, WebhookStore } from '../webhook-store.ts'
import type { Columns, SqlEngine } from './engine.ts'

const WEBHOOK_COLUMNS = 'id, url, secret, deliver, filter, cursor, created_at, disabled_at'

const toWebhook = (c: Columns): WebhookRow => ({
  id: c[0] as string,
  url: c[1] as string,
  secret: c[2] as string,
  deliver: c[3] as WebhookRow['deliver'],
  filter: JSON.parse(c[4] as string),
  cursor: JSON.parse(c[5] as string),
  createdAt: c[6] as number,
  disabledAt: c[7] as number | null,
})

const DELIVERY_COLUMNS =
  'd.webhook_id, d.event_id, d.body, d.state, d.attempts, d.next_attempt_at, d.last_error, d.created_at'

const toDelivery = (c: Columns): DeliveryRow => ({
  webhookId: c[0] as string,
  eventId: c[1] as string,
  body: c[2] as string,
  state: c[3] as DeliveryState,
  attempts: c[4] as number,
  nextAttemptAt: c[5] as number,
  lastError: c[6] as string | null,
  createdAt: c[7] as number,
})

const INSERT_DELIVERY = `
  INSERT INTO webhook_deliveries
    (webhook_id, event_id, body, state, attempts, next_attempt_at, last_error, created_at, sequence)
  VALUES ($1, $2, $3, 'pending', 0, $4, NULL, $4, $5) ON CONFLICT (webhook_id, event_id) DO NOTHING`
const DUE = `
  SELECT ${DELIVERY_COLUMNS} FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
  WHERE d.state = 'pending' AND d.next_attempt_at <= $1 AND w.disabled_at IS NULL
  ORDER BY d.next_attempt_at, d.sequence LIMIT CAST($2 AS BIGINT)`

const THIS_DELIVERY = 'WHERE webhook_id = $1 AND event_id = $2'

/** Webhooks are no part of what follows from the chain: their transactions leave the store's version as it is. */
export function createWebhookStore(engine: SqlEngine): WebhookStore {
  /** @returns true when a row had that */
  const change = (sql: string, ...values: (string | number | null)[]): Promise<boolean> =>
    engine.write(async (writer) => (await writer.query(`${sql} RETURNING 1`, ...values)).length > 0)

  return {
    async createWebhook({ id, url, secret, deliver, filter, cursor, createdAt, disabledAt }) {
      const json = [JSON.stringify(filter), JSON.stringify(cursor)]
      await change(
        `INSERT INTO webhooks (${WEBHOOK_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        ...[id, url, secret, deliver, ...json, createdAt, disabledAt],
      )
    },
    findWebhook: async (id) =>
      (await engine.query(`SELECT ${WEBHOOK_COLUMNS} FROM webhooks WHERE id = $1`, id)).map(toWebhook)[0],
    listWebhooks: async () =>
      (await engine.query(`SELECT ${WEBHOOK_COLUMNS} FROM webhooks ORDER BY created_at, id`)).map(toWebhook),
    deleteWebhook: (id) =>
      engine.write(async (writer) => {
        await writer.send('DELETE FROM webhook_deliveries WHERE webhook_id = $1', id)
        return (await writer.query('DELETE FROM webhooks WHERE id = $1 RETURNING 1', id)).length > 0
      }),
    setWebhookDisabled: (id, disabledAt) =>
      change('UPDATE webhooks SET disabled_at = $1 WHERE id = $2', disabledAt, id),
    enqueueDeliveries: (webhookId, cursor, deliveries) =>
      engine.write(async (writer) => {
        const moved = 'UPDATE webhooks SET cursor = $1 WHERE id = $2 RETURNING 1'
        if ((await writer.query(moved, JSON.stringify(cursor), webhookId)).length === 0) return false
        const now = Date.now()
        const [[last]] = (await writer.query(
          'SELECT COALESCE(MAX(sequence), 0) FROM webhook_deliveries WHERE webhook_id = $1',
          webhookId,
        )) as [[number]]
        await writer.runMany(
          INSERT_DELIVERY,
          deliveries.map(({ eventId, body }, i) => [webhookId, eventId, body, now, last + 1 + i]),
        )
        return true
      }),
    dueDeliveries: async (now, limit) => (await engine.query(DUE, now, limit)).map(toDelivery),
    settleDeliveries: (settlements) =>
      engine.write(async (writer) => {
        const delivered: Value[][] = []
        const dead: Value[][] = []
        const postponed: Value[][] = []
        for (const { webhookId, eventId, outcome } of settlements) {
          if (outcome === 'delivered') delivered.push([webhookId, eventId])
          else if ('dead' in outcome) dead.push([webhookId, eventId, outcome.dead])
          else postponed.push([webhookId, eventId, outcome.error, outcome.retryAt])
        }
        await writer.runMany(`DELETE FROM webhook_deliveries ${THIS_DELIVERY}`, delivered)
        await writer.runMany(
          `UPDATE webhook_deliveries SET attempts = attempts + 1, last_error = $3, state = 'dead' ${THIS_DELIVERY}`,
          dead,
        )
        await writer.runMany(
          `UPDATE webhook_deliveries SET attempts = attempts + 1, last_error = $3, next_attempt_at = $4 ${THIS_DELIVERY}`,
          postponed,
        )
      }),
    listDeliveries: async (webhookId, state, limit) =>
      (
        await engine.query(
          `SELECT ${DELIVERY_COLUMNS} FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.state = $2
           ORDER BY d.sequence DESC LIMIT CAST($3 AS BIGINT)`,
          webhookId,
          state,
          limit,
        )
      ).map(toDelivery),
    requeueDelivery: (webhookId, eventId) =>
      change(
        `UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_attempt_at = $3
         ${THIS_DELIVERY} AND state = 'dead'`,
        webhookId,
        eventId,
        Date.now(),
      ),
  }
}

import { readFileSync } from 'node:fs'
import { isCountersignError } from '../../protocol/errors.ts'
import { formatLookupCode, newLookupCode, readLookupCode } from '../../protocol/payments/lookup-code.ts'
import { orderKeyOf } from '../../protocol/payments/order-id.ts'
import { encodeVoucher, type PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import { newestOf } from '../../web/order/read-history.ts'
import type { Slip } from '../cli/tax-office-client.ts'
import type { LocalNetwork } from '../network/local-network.ts'
import { lookUpOrder } from '../payments/order-lookup.ts'
import type { FileCounts } from '../payments/upload.ts'
import {
  PaymentScene,
  SAMPLE_FILE,
  SAMPLE_MAPPING,
  withAnotherAmount,
  withOneCharacterChanged,
} from './payment-scene.ts'
import { documentOf } from './run-script.ts'
import type { Story } from './story.ts'

/** Rows of the sample. */
const ROWS = 37
/** Row of the sample that is corrected and refunded; it says 563.10. */
const ORDER = {
  orderId: 'NB-700116-1',
  category: 'pension',
  period: '2026',
  currency: 'EUR',
  paidAt: '2026-07-03',
  authority: 'Northbank Revenue Office',
  payerTag: 'T-4412',
}
const CORRECTED_MINOR = 536_10
const REFUNDED_MINOR = 36_10
const NET = '500.00'
/** Rows that somebody alters and deletes in the office's database. */
const ALTERED = { orderId: 'NB-700126-1', before: 13_147_09, after: 3_147_09 }
const DELETED = 'NB-700213-1'

/** Plays what offices, payers and their banks do with payment records, and what comes of it when the office's own database is tampered with. */
export async function playPaymentStory(network: LocalNetwork, story: Story): Promise<void> {
  const scene = new PaymentScene(network)
  await playUpload(scene, story)
  const lookupCode = await playLookup(scene, story)
  await playRefusals(scene, story, lookupCode)
  await playVoucher(scene, story, lookupCode)
  await playReconciliation(scene, story)
}

async function playUpload(scene: PaymentScene, story: Story): Promise<void> {
  const upload = async () => {
    const files = ['--file', SAMPLE_FILE, '--mapping', SAMPLE_MAPPING]
    const ended = await scene.officeScript(
      'upload-payments',
      ...files,
      '--report',
      scene.fileNamed('refused-rows.jsonl'),
    )
    const { added, known, refused } = documentOf<{ files: FileCounts[] }>(ended).files[0]!
    return { exitCode: ended.exitCode, added, known, refused }
  }
  await story.step(
    'a tax office uploads a file of payments: all are on chain',
    { exitCode: 0, added: ROWS, known: 0, refused: 0 },
    upload,
  )
  await story.step(
    'the same file again: the office knows every row',
    { exitCode: 0, added: 0, known: ROWS, refused: 0 },
    upload,
  )
  await story.step('the amount of an order is corrected', ['queued', 2], async () => {
    const { outcome, version } = await scene.office.pay({
      ...ORDER,
      follows: 1,
      kind: 'correction',
      amountMinor: CORRECTED_MINOR,
    })
    return [outcome, version]
  })
  await story.step('a part of it is refunded', ['queued', 3], async () => {
    const { outcome, version } = await scene.office.pay({
      ...ORDER,
      follows: 2,
      kind: 'refund',
      amountMinor: REFUNDED_MINOR,
    })
    return [outcome, version]
  })
}

interface LookupDocument {
  histories: {
    registered: boolean
    net: { amountMinor: number; currency: string } | null
    versions: { record?: { kind: string; amountMinor: number }; verdict: string }[]
  }[]
}

/** @returns the code of the order's slip */
async function playLookup(scene: PaymentScene, story: Story): Promise<string> {
  let lookupCode = ''
  await story.step('the slip of the order has a lookup code', true, async () => {
    const { slips } = documentOf<{ slips: Slip[] }>(
      await scene.officeScript('payment-slips', '--order', ORDER.orderId),
    )
    lookupCode = slips[0]?.lookupCode ?? ''
    // The code itself is nobody's to read here either.
    return readLookupCode(lookupCode).length === 16
  })
  await story.step(
    'the payer opens it with the code: every version on chain, by a registered office',
    {
      exitCode: 0,
      registered: true,
      versions: ['payment 56310 superseded', 'correction 53610 superseded', 'refund 3610 consistent'],
      net: { amountMinor: CORRECTED_MINOR - REFUNDED_MINOR, currency: 'EUR' },
    },
    async () => {
      await scene.waitUntilIndexed(ORDER.orderId, 3)
      const ended = await scene.payerScript('lookup-payment', lookupCode, '--order', ORDER.orderId)
      const { registered, versions, net } = documentOf<LookupDocument>(ended).histories[0]!
      const said = versions.map(({ record, verdict }) => `${record?.kind} ${record?.amountMinor} ${verdict}`)
      return { exitCode: ended.exitCode, registered, versions: said, net }
    },
  )
  await story.step(`a bank asks whether it comes to ${NET} EUR: confirmed`, true, () =>
    scene.confirmation(ORDER.orderId, lookupCode, NET),
  )
  await story.step('whether it comes to the first amount, 563.10 EUR: denied', false, () =>
    scene.confirmation(ORDER.orderId, lookupCode, '563.10'),
  )
  return lookupCode
}

async function playRefusals(scene: PaymentScene, story: Story, lookupCode: string): Promise<void> {
  await story.step('another code opens nothing', 'PAYMENT_NOT_OPENED', () =>
    scene.confirmation(ORDER.orderId, formatLookupCode(newLookupCode()), NET),
  )
  await story.step(
    'a slip of the pen in the code is told before anything is asked',
    'LOOKUP_CODE_MISTYPED',
    () => codeOfError(async () => readLookupCode(withOneCharacterChanged(lookupCode.replaceAll('-', '')))),
  )
}

async function playVoucher(scene: PaymentScene, story: Story, lookupCode: string): Promise<void> {
  let voucher: PaymentVoucher | undefined
  await story.step(
    'a voucher is made, as PDF',
    { exitCode: 0, verdict: 'consistent', isPdf: true },
    async () => {
      const file = scene.fileNamed('voucher.pdf')
      const ended = await scene.payerScript('voucher', lookupCode, '--order', ORDER.orderId, '--out', file)
      const { verdict } = documentOf<{ verdict: string }>(ended)
      return { exitCode: ended.exitCode, verdict, isPdf: readFileSync(file, 'latin1').startsWith('%PDF-') }
    },
  )
  await story.step('the voucher, held against the chain without the indexer', 'consistent', async () => {
    const order = { order: ORDER.orderId, ...scene.lookupPlace }
    const { histories } = await lookUpOrder(order, readLookupCode(lookupCode))
    voucher = newestOf(histories[0]!)?.voucher ?? undefined
    return scene.verdictOf(encodeVoucher(voucher!))
  })
  await story.step('the voucher with one character changed is refused', 'PAYMENT_VOUCHER_MALFORMED', () =>
    codeOfError(() => scene.verdictOf(withOneCharacterChanged(encodeVoucher(voucher!)))),
  )
  await story.step('the voucher with another amount, made to fit its checksum', 'changed', () =>
    scene.verdictOf(withAnotherAmount(voucher!, REFUNDED_MINOR + 100_00)),
  )
}

async function playReconciliation(scene: PaymentScene, story: Story): Promise<void> {
  const nothing = { missing: 0, altered: 0, extra: 0, unread: 0 }
  await story.step(
    "the office's database is what its book on chain says",
    { exitCode: 0, isComplete: true, same: ROWS + 2, counts: nothing },
    async () => {
      const { exitCode, result } = await scene.reconciliation()
      const { isComplete, same, counts } = result
      return { exitCode, isComplete, same, counts }
    },
  )
  await story.step(
    'tampering: one amount altered there and one payment deleted; both are named, and no other',
    {
      exitCode: 2,
      same: ROWS,
      counts: { ...nothing, altered: 1, extra: 1 },
      altered: [
        {
          orderId: ALTERED.orderId,
          differences: [{ member: 'amountMinor', database: ALTERED.after, chain: ALTERED.before }],
        },
      ],
      deleted: [orderKeyOf(DELETED)],
    },
    async () => {
      scene.tamper((database) => {
        database.alterAmount(ALTERED.orderId, ALTERED.after)
        database.deletePayment(DELETED)
      })
      const { exitCode, result } = await scene.reconciliation()
      const { same, counts, extra } = result
      const altered = result.altered.map(({ orderId, differences }) => ({ orderId, differences }))
      return { exitCode, same, counts, altered, deleted: extra.map(({ orderKey }) => orderKey) }
    },
  )
}

/** The code of the error that it ends in; else what it returned. */
async function codeOfError(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act()
  } catch (error) {
    if (isCountersignError(error)) return error.code
    throw error
  }
}

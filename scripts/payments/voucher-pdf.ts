import PDFDocument from 'pdfkit'
import QRCode from 'qrcode'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { encodeVoucher } from '../../protocol/payments/payment-voucher.ts'
import { voucherLink } from '../../web/fragment.ts'
import type { TextKey } from '../../web/language/en.ts'
import { formatAmount, formatField, formatPaidAt, formatTime } from '../../web/language/format.ts'
import { categoryIn, LANGUAGES, type Language, textIn } from '../../web/language/language.ts'
import { type HistoryStanding, standHistory } from '../../web/order/history-standing.ts'
import { type ReadVersion, readableOf } from '../../web/order/read-history.ts'
import type { VerifiedHistory } from './order-lookup.ts'
import { PdfText } from './pdf-text.ts'

export interface VoucherPdfInput {
  history: VerifiedHistory
  /** The version that the QR code carries; one that was read. */
  chosen: ReadVersion
  /** Scheme, host and port of the verification page. */
  origin: string
  /** Unix seconds. */
  printedAt: number
}

const MM = 72 / 25.4
const MARGIN = 18 * MM
const WIDTH = 210 * MM - 2 * MARGIN
const HEIGHT = 297 * MM - 2 * MARGIN
const QR = 62 * MM
const RECORD_WIDTH = WIDTH - QR - 8 * MM
const LABEL = 38 * MM
const SOFT = '#566066'
const BODY = { size: 10 }
const NOTE = { size: 8.5, color: SOFT }

/** In both languages, Chinese first: whoever is shown it reads one of them. */
const both = (key: TextKey): string =>
  [...LANGUAGES]
    .reverse()
    .map((language) => textIn(language, key))
    .join(' ')
const inBoth = (text: (language: Language) => string): string => {
  const [zh, en] = [text('zh'), text('en')]
  return zh === en ? zh : `${zh} ${en}`
}

/** A voucher on one A4 page, with the QR code that opens the verification page; on more when its fields need them. */
export async function voucherPdf(input: VoucherPdfInput): Promise<Buffer> {
  const document = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    lang: 'zh-CN',
    displayTitle: true,
    info: {
      Title: both('voucher.title'),
      Creator: 'Countersign',
      CreationDate: new Date(input.printedAt * 1000),
    },
  })
  const chunks: Buffer[] = []
  const done = new Promise<Buffer>((resolve, reject) => {
    document.on('data', (chunk: Buffer) => chunks.push(chunk))
    document.on('end', () => resolve(Buffer.concat(chunks)))
    document.on('error', reject)
  })
  new VoucherPage(document, input).draw()
  document.end()
  return done
}

class VoucherPage {
  readonly #document: PDFKit.PDFDocument
  readonly #text: PdfText
  readonly #input: VoucherPdfInput
  readonly #standing: HistoryStanding
  #y = MARGIN

  constructor(document: PDFKit.PDFDocument, input: VoucherPdfInput) {
    this.#document = document
    this.#text = new PdfText(document)
    this.#input = input
    this.#standing = standHistory(input.history, input.history.chain)
  }

  draw(): void {
    this.#heading()
    const top = this.#y
    this.#qrCode(top)
    this.#record()
    this.#y = Math.max(this.#y, top + QR + 14 * MM)
    this.#versions()
    this.#notes()
  }

  #heading(): void {
    const { answer } = this.#input.history
    const brand = { size: 9, weight: 700, color: SOFT } as const
    const right = MARGIN + WIDTH - this.#text.width('Countersign', brand)
    this.#text.write('Countersign', right, this.#y + 6, WIDTH, brand)
    this.#y += this.#text.write(both('voucher.title'), MARGIN, this.#y, WIDTH - 80, { size: 20, weight: 700 })
    this.#y += this.#text.write(answer.name ?? answer.office, MARGIN, this.#y, WIDTH, {
      size: 11,
      color: SOFT,
    })
    this.#rule(6, 1.5, '#1b2124')
    this.#y += 12
    const stands = this.#standing.of(this.#input.chosen)
    if (stands !== 'proven')
      this.#y +=
        8 + this.#text.write(both(`badge.${stands}`), MARGIN, this.#y, WIDTH, { ...BODY, weight: 700 })
  }

  #qrCode(top: number): void {
    const { chosen, origin } = this.#input
    const { modules } = QRCode.create(voucherLink(origin, encodeVoucher(chosen.voucher!)), {
      errorCorrectionLevel: 'M',
    })
    const x = MARGIN + WIDTH - QR
    const side = QR / modules.size
    for (let i = 0; i < modules.data.length; i++)
      if (modules.data[i])
        this.#document.rect(
          x + (i % modules.size) * side,
          top + Math.floor(i / modules.size) * side,
          side,
          side,
        )
    this.#document.fill('#000')
    this.#text.write(`${origin}/pay/verify`, x, top + QR + 4 * MM, QR, NOTE)
  }

  #record(): void {
    const { history, chosen } = this.#input
    const record = chosen.record!
    const { kind, category, period, amountMinor, currency, paidAt, authority, payerTag, fields } = record
    this.#row(both('version.kind'), both(`kind.${kind}`))
    this.#row(both('version.amount'), formatAmount('en', amountMinor, currency), true)
    this.#row(
      both('version.category'),
      inBoth((language) => categoryIn(language, category)),
    )
    this.#row(both('version.period'), period === '' ? both('version.none') : period)
    this.#row(
      both('version.paidAt'),
      inBoth((language) => formatPaidAt(language, paidAt)),
    )
    this.#row(both('version.authority'), authority)
    if (payerTag !== undefined) this.#row(both('version.payerTag'), payerTag)
    this.#row(both('version.orderId'), record.orderId)
    this.#row(both('version.version'), String(record.version))
    this.#row(both('version.recordedAt'), formatTime('en', chosen.answer.block.timestamp))
    this.#row(both('version.office'), history.answer.office)
    this.#fields(fields ?? {})
  }

  /** Apart from the record's own rows: the office names these as it likes. */
  #fields(fields: NonNullable<PaymentRecord['fields']>): void {
    const entries = Object.entries(fields)
    if (entries.length === 0) return
    this.#page(60)
    this.#y += 6 + this.#text.write(both('version.fields'), MARGIN, this.#y + 4, RECORD_WIDTH, NOTE)
    for (const [name, value] of entries) this.#row(name, formatField(value))
  }

  #row(label: string, value: string, isStrong = false): void {
    this.#page(40)
    const heights = [
      this.#text.write(label, MARGIN, this.#y, LABEL - 3 * MM, { ...BODY, color: SOFT }),
      this.#text.write(
        value,
        MARGIN + LABEL,
        this.#y,
        RECORD_WIDTH - LABEL,
        isStrong ? { size: 12, weight: 700 } : BODY,
      ),
    ]
    this.#y += Math.max(...heights)
    this.#rule(3, 0.5, '#dcd9d0', RECORD_WIDTH)
    this.#y += 4
  }

  #versions(): void {
    const { net, isContradicted } = this.#standing
    const listed = isContradicted ? [] : readableOf(this.#input.history)
    if (listed.length < 2) return
    this.#y += 10
    this.#page(40)
    const counts =
      net === null ? '' : ` · ${both('history.net')} ${formatAmount('en', net.amountMinor, net.currency)}`
    this.#y += this.#text.write(both('history.versions') + counts, MARGIN, this.#y, WIDTH, {
      ...BODY,
      weight: 700,
    })
    for (const { answer, record } of listed) {
      this.#page(24)
      this.#rule(3, 0.5, '#dcd9d0')
      this.#y += 4
      const { kind, paidAt, amountMinor, currency } = record!
      const amount = formatAmount('en', amountMinor, currency)
      this.#text.write(String(answer.version), MARGIN, this.#y, 20, BODY)
      this.#text.write(both(`kind.${kind}`), MARGIN + 30, this.#y, 150, BODY)
      this.#text.write(
        inBoth((language) => formatPaidAt(language, paidAt)),
        MARGIN + 160,
        this.#y,
        220,
        BODY,
      )
      this.#text.write(amount, MARGIN + WIDTH - this.#text.width(amount, BODY), this.#y, WIDTH, BODY)
      this.#y += 15
    }
  }

  #notes(): void {
    this.#y += 14
    for (const key of ['voucher.lead', 'voucher.laterVersions', 'voucher.reader'] as const)
      for (const language of ['zh', 'en'] as const) {
        this.#page(30)
        this.#y += this.#text.write(textIn(language, key), MARGIN, this.#y, WIDTH, { size: 9 }) + 2
      }
    this.#y += 4
    const time = (language: Language) => formatTime(language, this.#input.printedAt)
    this.#page(20)
    this.#text.write(
      inBoth((language) => textIn(language, 'voucher.printedAt', { time: time(language) })),
      MARGIN,
      this.#y,
      WIDTH,
      NOTE,
    )
  }

  #rule(gap: number, thickness: number, color: string, width = WIDTH): void {
    this.#y += gap
    this.#document
      .moveTo(MARGIN, this.#y)
      .lineTo(MARGIN + width, this.#y)
      .lineWidth(thickness)
      .stroke(color)
  }

  /** Begins a page when less than `needed` is left on this one. */
  #page(needed: number): void {
    if (this.#y + needed <= MARGIN + HEIGHT) return
    this.#document.addPage()
    this.#y = MARGIN
  }
}

import { encodeVoucher } from '../../protocol/payments/payment-voucher.ts'
import { voucherLink } from '../fragment.ts'
import { formatAmount, formatPaidAt, formatTime } from '../language/format.ts'
import type { ReadHistory, ReadVersion } from '../order/read-history.ts'
import { useTexts } from './language-context.tsx'
import { QrCode } from './qr-code.tsx'
import { RecordList, Row } from './record-list.tsx'

interface VoucherSheetProps {
  history: ReadHistory
  /** The version that the QR code carries; one that was read. */
  chosen: ReadVersion
  onChoose(version: ReadVersion): void
}

/** The voucher as it is printed, on one A4 page; on screen it is what will be on paper. */
export function VoucherSheet({ history, chosen, onChoose }: VoucherSheetProps) {
  const { language, t } = useTexts()
  const { answer, versions, net } = history
  const readable = versions.filter(({ record }) => record !== null)
  const record = chosen.record!
  const link = voucherLink(window.location.origin, encodeVoucher(chosen.voucher!))
  return (
    <div class="voucher">
      <div class="screen actions">
        <button type="button" onClick={() => window.print()}>
          {t('voucher.print')}
        </button>
        <a class="secondary" href={link} rel="noreferrer">
          {t('voucher.open')}
        </a>
        {readable.length > 1 && (
          <label class="inline">
            {t('voucher.choose')}
            <select
              value={readable.indexOf(chosen)}
              onChange={(event) => onChoose(readable[Number(event.currentTarget.value)]!)}
            >
              {readable.map(({ answer: { version } }, i) => (
                <option key={version} value={i}>
                  {t('version.title', { version })}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <article class="sheet" aria-label={t('voucher.title')}>
        <header>
          <div>
            <h3>{t('voucher.title')}</h3>
            <p class="office">{answer.name ?? answer.office}</p>
          </div>
          <span class="wordmark">Countersign</span>
        </header>
        <div class="sheet-body">
          <RecordList record={record}>
            <Row name={t('version.orderId')}>{record.orderId}</Row>
            <Row name={t('version.version')}>{record.version}</Row>
            <Row name={t('version.recordedAt')}>{formatTime(language, chosen.answer.block.timestamp)}</Row>
            <Row name={t('version.office')}>
              <code class="address">{answer.office}</code>
            </Row>
          </RecordList>
          <div class="sheet-qr">
            <QrCode text={link} label={t('voucher.qr')} />
            <p class="note">{t('voucher.page', { page: `${window.location.host}/pay/verify` })}</p>
          </div>
        </div>
        {versions.length > 1 && (
          <table>
            <caption>
              {t('history.versions')}
              {net !== null && (
                <>
                  {' · '}
                  {t('history.net')} <strong>{formatAmount(language, net.amountMinor, net.currency)}</strong>
                </>
              )}
            </caption>
            <tbody>
              {readable.map(({ answer: { version, entryDigest }, record: said }) => (
                <tr key={entryDigest}>
                  <td>{version}</td>
                  <td>{t(`kind.${said!.kind}`)}</td>
                  <td>{formatPaidAt(language, said!.paidAt)}</td>
                  <td class="number">{formatAmount(language, said!.amountMinor, said!.currency)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <footer>
          <p>{t('voucher.lead')}</p>
          <p>{t('voucher.laterVersions')}</p>
          <p>{t('voucher.reader')}</p>
          <p class="note">
            {t('voucher.printedAt', { time: formatTime(language, Math.floor(Date.now() / 1000)) })}
          </p>
        </footer>
      </article>
    </div>
  )
}

import { encodeVoucher } from '../../protocol/payments/payment-voucher.ts'
import { voucherLink } from '../fragment.ts'
import { formatAmount, formatPaidAt, formatTime } from '../language/format.ts'
import type { HistoryStanding } from '../order/history-standing.ts'
import { type ReadHistory, type ReadVersion, readableOf } from '../order/read-history.ts'
import { useTexts } from './language-context.tsx'
import { QrCode } from './qr-code.tsx'
import { RecordList, Row } from './record-list.tsx'

interface VoucherSheetProps {
  history: ReadHistory
  standing: HistoryStanding
  /** The version that the QR code carries; one that was read. */
  chosen: ReadVersion
}

/** The voucher as it is printed, on one A4 page; on screen it is what will be on paper. */
export function VoucherSheet({ history, standing, chosen }: VoucherSheetProps) {
  const { language, t } = useTexts()
  const { answer } = history
  const { net, isContradicted, isConfirmed } = standing
  // Side by side with what is contradicted nothing is listed: a voucher then says what it carries, and no more.
  const listed = isContradicted ? [] : readableOf(history)
  const record = chosen.record!
  const stands = standing.of(chosen)
  const link = voucherLink(window.location.origin, encodeVoucher(chosen.voucher!))
  return (
    <article class="sheet" aria-label={t('voucher.title')}>
      <header>
        <div>
          <h3>{t('voucher.title')}</h3>
          <p class="office">
            <bdi>{answer.name ?? answer.office}</bdi>
          </p>
        </div>
        <span class="wordmark">Countersign</span>
      </header>
      {stands !== 'proven' && <p class="warning">{t(`badge.${stands}`)}</p>}
      <div class="sheet-body">
        <RecordList record={record}>
          <Row name={t('version.orderId')}>
            <bdi>{record.orderId}</bdi>
          </Row>
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
      {listed.length > 1 && (
        <table>
          <caption>
            {t('history.versions')}
            {net !== null && (
              <>
                {' · '}
                {t('history.net')} <strong>{formatAmount(language, net.amountMinor, net.currency)}</strong>
                {!isConfirmed && ` · ${t('badge.unchecked')}`}
              </>
            )}
          </caption>
          <tbody>
            {listed.map(({ answer: { version, entryDigest }, record: said }) => (
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
  )
}

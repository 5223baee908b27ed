import { useState } from 'preact/hooks'
import { encodeVoucher } from '../../protocol/payments/payment-voucher.ts'
import { voucherLink } from '../fragment.ts'
import type { HistoryStanding } from '../order/history-standing.ts'
import { newestOf, type ReadHistory, type ReadVersion, readableOf } from '../order/read-history.ts'
import { useTexts } from './language-context.tsx'
import { VoucherSheet } from './voucher-sheet.tsx'

interface VoucherPartProps {
  history: ReadHistory
  standing: HistoryStanding
}

/** The voucher of one version, at first of the newest; none where that cannot be read, or where the chain contradicts it. */
export function VoucherPart({ history, standing }: VoucherPartProps) {
  const { t } = useTexts()
  const offered = readableOf(history)
  const [chosen, setChosen] = useState(() => offered.find((version) => version === newestOf(history)))
  if (offered.length === 0) return null
  const isContradicted = chosen !== undefined && standing.of(chosen) === 'failed'
  const shown = isContradicted ? undefined : chosen
  return (
    <div class="voucher">
      <div class="screen actions">
        {shown !== undefined && <VoucherActions chosen={shown} />}
        {(offered.length > 1 || chosen === undefined) && (
          <label class="inline">
            {t('voucher.choose')}
            <select
              value={chosen === undefined ? '' : offered.indexOf(chosen)}
              onChange={(event) => setChosen(offered[Number(event.currentTarget.value)]!)}
            >
              {chosen === undefined && <option value="">–</option>}
              {offered.map(({ answer: { version } }, i) => (
                <option key={version} value={i}>
                  {t('version.title', { version })}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {isContradicted && (
        <p class="error screen" role="note">
          {t('voucher.contradicted')}
        </p>
      )}
      {shown !== undefined && <VoucherSheet history={history} standing={standing} chosen={shown} />}
    </div>
  )
}

function VoucherActions({ chosen }: { chosen: ReadVersion }) {
  const { t } = useTexts()
  const link = voucherLink(window.location.origin, encodeVoucher(chosen.voucher!))
  return (
    <>
      <button type="button" onClick={() => window.print()}>
        {t('voucher.print')}
      </button>
      <a class="secondary" href={link} rel="noreferrer">
        {t('voucher.open')}
      </a>
    </>
  )
}

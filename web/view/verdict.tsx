import type { PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import { formatTime } from '../language/format.ts'
import { type Message, stepsOfVerification, verdictText } from '../order/version-steps.ts'
import type { VerificationVerdict, VoucherVerification } from '../verification/verify-voucher.ts'
import { type Asked, Grounds } from './grounds.tsx'
import { useTexts } from './language-context.tsx'
import { RecordList, Row } from './record-list.tsx'

export type Verified =
  | ({
      verification: VoucherVerification
    } & Pick<Asked, 'nodes' | 'hasOwnAddresses'>)
  | { fault: Message }

interface VerdictProps {
  voucher: PaymentVoucher
  /** Undefined while the chain is being asked. */
  verified: Verified | undefined
  onAgain(): void
}

const TONES: Readonly<Record<VerificationVerdict | 'published', 'good' | 'doubtful' | 'bad'>> = {
  consistent: 'good',
  published: 'doubtful',
  superseded: 'doubtful',
  unconfirmed: 'doubtful',
  'suspended-author': 'doubtful',
  changed: 'bad',
  unrecorded: 'bad',
  'unknown-office': 'bad',
}

export function Verdict({ voucher, verified, onAgain }: VerdictProps) {
  const { t } = useTexts()
  const { record, place } = voucher
  const isAnswered = verified !== undefined && 'verification' in verified
  return (
    <>
      {verified === undefined && <section class="verdict waiting">{t('verify.working')}</section>}
      {verified !== undefined && 'fault' in verified && (
        <section class="verdict doubtful">
          <h2>{t('verdict.none.title')}</h2>
          <p>{t(verified.fault.key, verified.fault.values)}</p>
          <p>{t('verdict.none')}</p>
        </section>
      )}
      {isAnswered && <Banner verification={verified.verification} voucher={voucher} />}
      <section class="panel">
        <h2>{t('verify.said')}</h2>
        <RecordList record={record}>
          <Row name={t('version.orderId')}>
            <bdi>{record.orderId}</bdi>
          </Row>
          <Row name={t('version.version')}>{record.version}</Row>
          <Row name={t('version.office')}>
            {isAnswered && verified.verification.officeName !== null && (
              <>
                <bdi>{verified.verification.officeName}</bdi>
                <br />
              </>
            )}
            <code class="address">{place.office}</code>
          </Row>
          {isAnswered && <RecordedAt verification={verified.verification} />}
        </RecordList>
      </section>
      {isAnswered && (
        <Grounds
          steps={stepsOfVerification(verified.verification, voucher.tier)}
          asked={{ ...verified, chainId: place.chainId, askedAt: verified.verification.askedAt }}
          unchecked={[
            ...(voucher.tier === 'published' ? (['verify.notChecked.published'] as const) : []),
            'verify.notChecked.payer',
          ]}
        />
      )}
      {verified !== undefined && (
        <p class="actions screen">
          <button type="button" class="secondary" onClick={onAgain}>
            {t('verify.again')}
          </button>
        </p>
      )}
    </>
  )
}

interface BannerProps {
  verification: VoucherVerification
  voucher: PaymentVoucher
}

function Banner({ verification: { verdict, officeName }, voucher: { place, tier } }: BannerProps) {
  const { t } = useTexts()
  const text = verdictText(verdict, tier)
  return (
    <section class={`verdict ${TONES[text]}`} data-verdict={verdict}>
      <h2>{t(`verdict.${text}.title`)}</h2>
      <p>{t(`verdict.${text}`, { office: officeName ?? place.office })}</p>
    </section>
  )
}

function RecordedAt({ verification: { recordedAt } }: { verification: VoucherVerification }) {
  const { language, t } = useTexts()
  if (recordedAt === null) return null
  return <Row name={t('version.recordedAt')}>{formatTime(language, recordedAt)}</Row>
}

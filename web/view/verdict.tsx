import type { PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import type { TextKey } from '../language/en.ts'
import { formatTime } from '../language/format.ts'
import { type Message, stepsOfVerification } from '../order/version-steps.ts'
import type { VerificationVerdict, VoucherVerification } from '../verification/verify-voucher.ts'
import { useTexts } from './language-context.tsx'
import { RecordList, Row } from './record-list.tsx'
import { Steps } from './steps.tsx'

export type Verified =
  | {
      verification: VoucherVerification
      /** Endpoints that were asked. */
      nodes: string[]
      /** They were named by whoever verifies. */
      isOwn: boolean
    }
  | { fault: Message }

interface VerdictProps {
  voucher: PaymentVoucher
  /** Undefined while the chain is being asked. */
  verified: Verified | undefined
  onAgain(): void
}

const TONES: Readonly<Record<VerificationVerdict, 'good' | 'doubtful' | 'bad'>> = {
  consistent: 'good',
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
      {isAnswered && <Banner verification={verified.verification} office={place.office} />}
      <section class="panel">
        <h2>{t('verify.said')}</h2>
        <RecordList record={record}>
          <Row name={t('version.orderId')}>{record.orderId}</Row>
          <Row name={t('version.version')}>{record.version}</Row>
          <Row name={t('version.office')}>
            {isAnswered && verified.verification.officeName !== null && (
              <>
                {verified.verification.officeName}
                <br />
              </>
            )}
            <code class="address">{place.office}</code>
          </Row>
          {isAnswered && <RecordedAt verification={verified.verification} />}
        </RecordList>
      </section>
      {isAnswered && <Grounds voucher={voucher} {...verified} />}
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

function Banner({ verification, office }: { verification: VoucherVerification; office: string }) {
  const { t } = useTexts()
  const { verdict, officeName } = verification
  return (
    <section class={`verdict ${TONES[verdict]}`} data-verdict={verdict}>
      <h2>{t(`verdict.${verdict}.title`)}</h2>
      <p>{t(`verdict.${verdict}`, { office: officeName ?? office })}</p>
    </section>
  )
}

function RecordedAt({ verification: { recordedAt } }: { verification: VoucherVerification }) {
  const { language, t } = useTexts()
  if (recordedAt === null) return null
  return <Row name={t('version.recordedAt')}>{formatTime(language, recordedAt)}</Row>
}

interface GroundsProps extends Extract<Verified, { verification: unknown }> {
  voucher: PaymentVoucher
}

/** What the verdict stands on, and what it does not say. */
function Grounds({ voucher, verification, nodes, isOwn }: GroundsProps) {
  const { language, t } = useTexts()
  const { blockNumber, timestamp } = verification.askedAt
  const unchecked: TextKey[] = [
    nodes.length > 1 ? 'verify.notChecked.twoNodes' : 'verify.notChecked.node',
    ...(isOwn ? [] : (['verify.notChecked.addresses'] as const)),
    ...(voucher.tier === 'published' ? (['verify.notChecked.published'] as const) : []),
    'verify.notChecked.payer',
  ]
  return (
    <section class="panel">
      <h2>{t('verify.checked')}</h2>
      <Steps steps={stepsOfVerification(verification, voucher.tier)} />
      <p class="note">
        {t('verify.askedAt', {
          block: blockNumber,
          chain: voucher.place.chainId,
          time: formatTime(language, timestamp),
        })}
        <br />
        {t('verify.nodes', { nodes: nodes.map((url) => new URL(url).host).join(', ') })}
      </p>
      <h3>{t('verify.notChecked')}</h3>
      <ul class="plain">
        {unchecked.map((key) => (
          <li key={key}>{t(key)}</li>
        ))}
      </ul>
    </section>
  )
}

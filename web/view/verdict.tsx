import type { PaymentVoucher } from '../../protocol/payments/payment-voucher.ts'
import type { TextKey } from '../language/en.ts'
import { formatTime } from '../language/format.ts'
import { type Message, type Step, stepsOfVerification, verdictText } from '../order/version-steps.ts'
import type { VerificationVerdict, VoucherVerification } from '../verification/verify-voucher.ts'
import { useTexts } from './language-context.tsx'
import { RecordList, Row } from './record-list.tsx'
import { Steps } from './steps.tsx'

export type Verified =
  | {
      verification: VoucherVerification
      /** Endpoints that were asked, of each chain that was: the voucher's and the directory's. */
      nodes: string[][]
      /** Registry and directory were named by whoever verifies. */
      hasOwnAddresses: boolean
    }
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

interface GroundsProps extends Extract<Verified, { verification: unknown }> {
  voucher: PaymentVoucher
}

/** What the verdict stands on, and what it does not say. */
function Grounds({ voucher, verification, nodes, hasOwnAddresses }: GroundsProps) {
  const { language, t } = useTexts()
  const { blockNumber, timestamp } = verification.askedAt
  const steps = stepsOfVerification(verification, voucher.tier)
  const isOpen = ({ key, outcome }: Step) => outcome === 'not-checked' && key !== 'step.skipped'
  const unchecked: TextKey[] = [
    ...steps.filter(isOpen).map(({ key }) => key),
    nodes.every(({ length }) => length > 1) ? 'verify.notChecked.twoNodes' : 'verify.notChecked.node',
    ...(hasOwnAddresses ? [] : (['verify.notChecked.addresses'] as const)),
    ...(voucher.tier === 'published' ? (['verify.notChecked.published'] as const) : []),
    'verify.notChecked.payer',
  ]
  return (
    <section class="panel">
      <h2>{t('verify.checked')}</h2>
      <Steps steps={steps.filter((step) => !isOpen(step))} />
      <p class="note">
        {t('verify.askedAt', {
          block: blockNumber,
          chain: voucher.place.chainId,
          time: formatTime(language, timestamp),
        })}
        <br />
        {t('verify.nodes', { nodes: hostsOf(nodes).join(', ') })}
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

const hostsOf = (nodes: readonly string[][]): string[] => [
  ...new Set(nodes.flat().map((url) => new URL(url).host)),
]

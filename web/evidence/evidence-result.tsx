import { type ReadCredential, readCredential } from '../../protocol/credentials/evidence-credential.ts'
import { ZERO_BYTES32 } from '../../protocol/hex.ts'
import type { Check } from '../../protocol/verification.ts'
import type { TextKey } from '../language/en.ts'
import { formatBytes, formatField, formatPaidAt, formatTime } from '../language/format.ts'
import { Grounds } from '../view/grounds.tsx'
import { useTexts } from '../view/language-context.tsx'
import { Row } from '../view/record-list.tsx'
import { Steps } from '../view/steps.tsx'
import type { CheckedEvidence } from './ask-evidence.ts'
import type { Presented } from './evidence.ts'
import { findingOf, stepsOfEvidence } from './evidence-steps.ts'

interface EvidenceResultProps {
  presented: Presented
  /** The steps so far; undefined unless it is being checked. */
  soFar: readonly Check[] | undefined
  checked: CheckedEvidence | undefined
  onAgain(): void
}

export function EvidenceResult({ presented, soFar, checked, onAgain }: EvidenceResultProps) {
  const { t } = useTexts()
  const said = 'credential' in presented ? readCredential(presented.credential) : undefined
  return (
    <>
      {soFar !== undefined && (
        <section class="verdict waiting">
          <p>{t('evidence.checking')}</p>
          <Steps steps={stepsOfEvidence(soFar, null)} />
        </section>
      )}
      {checked !== undefined && <Banner checked={checked} said={said} />}
      {said !== undefined && <Said said={said} checked={checked} />}
      {checked !== undefined && (
        <>
          <Grounds
            steps={stepsOfEvidence(checked.checks, checked.result?.standing ?? null)}
            asked={checked.asked}
            unchecked={uncheckedOf(checked, said)}
          />
          <p class="actions screen">
            <button type="button" class="secondary" onClick={onAgain}>
              {t('verify.again')}
            </button>
          </p>
        </>
      )}
    </>
  )
}

function Banner({ checked, said }: { checked: CheckedEvidence; said: ReadCredential | undefined }) {
  const { language, t } = useTexts()
  const { rule, verdict, fault, result } = checked
  const finding = rule === undefined ? undefined : findingOf(rule)
  const { revocation, expiresAt, now } = result?.standing ?? {}
  const issuer = result?.issuerName ?? said?.issuer ?? ''
  const time = expiresAt == null ? '' : formatTime(language, expiresAt)
  const isOverdue = finding?.text === 'pending' && said!.recordBy > 0 && now! > said!.recordBy
  return (
    <section
      class={`verdict ${finding?.tone ?? 'doubtful'}`}
      data-verdict={verdict ?? 'none'}
      data-rule={rule}
    >
      <h2>{t(finding === undefined ? 'verdict.none.title' : `evidence.${finding.text}.title`)}</h2>
      {finding !== undefined && <p>{t(`evidence.${finding.text}`, { issuer, time })}</p>}
      {revocation != null && (
        <p>
          {revocation.reason === null
            ? t('evidence.noReason')
            : t('evidence.reason', { reason: isolated(revocation.reason) })}
        </p>
      )}
      {isOverdue && <p>{t('evidence.promiseBroken', { time: formatTime(language, said!.recordBy) })}</p>}
      {fault !== undefined && <p>{t(fault.key, fault.values)}</p>}
      {fault !== undefined && finding === undefined && <p>{t('evidence.none')}</p>}
    </section>
  )
}

/** What stands on the credential, believed or not: the verdict above says which. */
function Said({ said, checked }: { said: ReadCredential; checked: CheckedEvidence | undefined }) {
  const { language, t } = useTexts()
  const { metadata, issuer, credentialId, validFrom, validUntil, recordBy } = said
  const fields = Object.entries(metadata.fields ?? {})
  const recorded = checked?.result?.recorded
  return (
    <section class="panel">
      <h2>{t('evidence.said')}</h2>
      <dl class="record">
        {metadata.name !== undefined && (
          <Row name={t('evidence.name')}>
            <bdi>{metadata.name}</bdi>
          </Row>
        )}
        <Row name={t('evidence.mediaType')}>{metadata.mediaType}</Row>
        <Row name={t('evidence.size')}>{formatBytes(language, metadata.size)}</Row>
        <Row name={t('evidence.issuer')}>
          {checked?.result?.issuerName != null && (
            <>
              <bdi>{checked.result.issuerName}</bdi>
              <br />
            </>
          )}
          <code class="address">{issuer}</code>
        </Row>
        <Row name={t('evidence.validFrom')}>{formatPaidAt(language, validFrom)}</Row>
        {validUntil !== null && (
          <Row name={t('evidence.validUntil')}>{formatPaidAt(language, validUntil)}</Row>
        )}
        {recorded != null && (
          <Row name={t('evidence.recordedAt')}>{formatTime(language, recorded.timestamp)}</Row>
        )}
        {recorded == null && recordBy > 0 && (
          <Row name={t('evidence.recordBy')}>{formatTime(language, recordBy)}</Row>
        )}
        <Row name={t('evidence.id')}>
          <code>{credentialId}</code>
        </Row>
      </dl>
      {fields.length > 0 && (
        <div class="fields">
          <p class="note">{t('evidence.fields')}</p>
          <dl class="record">
            {fields.map(([name, value]) => (
              <Row key={name} name={name}>
                <bdi>{formatField(value)}</bdi>
              </Row>
            ))}
          </dl>
        </div>
      )}
    </section>
  )
}

function uncheckedOf({ result }: CheckedEvidence, said: ReadCredential | undefined): TextKey[] {
  const standing = result?.standing
  if (said === undefined || standing == null) return []
  const isSlotless = standing.held === ZERO_BYTES32
  return [
    ...(isSlotless && said.receipt === null ? (['evidence.notChecked.pendingSlotless'] as const) : []),
    ...(isSlotless && said.receipt !== null ? (['evidence.notChecked.slotless'] as const) : []),
    'evidence.notChecked.content',
  ]
}

/** Text of somebody else's, so that its direction does not turn what stands around it (Unicode FSI and PDI). */
const isolated = (text: string): string => `\u2068${text}\u2069`

import { formatTime } from '../language/format.ts'
import { categoryIn } from '../language/language.ts'
import type { HistoryAnswer } from '../order/order-answer.ts'
import type { ReadVersion } from '../order/read-history.ts'
import { type ChainAnswer, standingOf, stepsOfVersion } from '../order/version-steps.ts'
import { useTexts } from './language-context.tsx'
import { RecordList, Row } from './record-list.tsx'
import { Steps } from './steps.tsx'

interface VersionViewProps {
  version: ReadVersion
  history: HistoryAnswer
  chain: ChainAnswer
  /** Its answer is on the way. */
  isBeingAsked: boolean
}

/** One version: what it says, how it stands, and how that was found. */
export function VersionView({ version, history, chain, isBeingAsked }: VersionViewProps) {
  const { language, t } = useTexts()
  const { answer, record, clear, reading } = version
  const steps = stepsOfVersion(version, history, chain)
  const standing = standingOf(version, chain, steps)
  const recordedAt = <Row name={t('version.recordedAt')}>{formatTime(language, answer.block.timestamp)}</Row>
  return (
    <li class="version">
      <h4>
        {t('version.title', { version: answer.version })}
        <span class={`badge ${standing}`}>
          {t(isBeingAsked && standing === 'unchecked' ? 'pay.checking' : `badge.${standing}`)}
        </span>
        {answer.repeated && <span class="badge flagged">{t('badge.doesNotCount')}</span>}
      </h4>
      {record !== null ? (
        <RecordList record={record}>{recordedAt}</RecordList>
      ) : (
        <>
          {reading !== 'sealed' && reading !== 'read' && <p class="error">{t(`reading.${reading}`)}</p>}
          {clear !== null && (
            <dl class="record">
              <Row name={t('version.kind')}>{t(`kind.${clear.kind}`)}</Row>
              <Row name={t('version.category')}>{categoryIn(language, clear.category)}</Row>
              <Row name={t('version.period')}>{clear.period === '' ? t('version.none') : clear.period}</Row>
              {recordedAt}
            </dl>
          )}
        </>
      )}
      <details open={standing === 'failed' || standing === 'flagged'}>
        <summary>{t('version.proof')}</summary>
        <Steps steps={steps} />
      </details>
    </li>
  )
}
